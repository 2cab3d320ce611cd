import * as pulumi from "@pulumi/pulumi";
import { type ClawRuntime, clawRunDir } from "../../sdk/contract/index.ts";
import { replacePlaceholders } from "../claw-instance/placeholders.ts";
import { ConfigFiles } from "./config-files.ts";
import { Directory } from "./directory.ts";
import { Process } from "./process.ts";
import { INSTANCE_TYPE, instanceChildren } from "./process-component.ts";
import { Software } from "./software.ts";

/** Inputs of {@link ProcessClawInstance}. */
export interface ProcessClawInstanceArgs {
  /** The instance's uid. */
  readonly uid: pulumi.Input<string>;
  /** How the claw is installed, configured, started, watched and stopped. Its `secretEnv` is kept as a secret. */
  readonly runtime: ClawRuntime;
  /** Whether it is to run. */
  readonly running: pulumi.Input<boolean>;
  /** Any new value restarts it. */
  readonly restartedAt?: pulumi.Input<string | undefined>;
  /** What happens to the data folder when the instance is deleted. */
  readonly deletionPolicy: "retain" | "delete";
  /** What all instances of the host share: claimed ports, start slots, caches. */
  readonly hostDir: pulumi.Input<string>;
  /** Where installed software is kept, shared by all instances of the host. */
  readonly cacheDir: string;
  /** Folder of the config files. */
  readonly configDir: string;
  /** Folder of the claw's data. */
  readonly dataDir: string;
  /** The agent's own folder. */
  readonly runDir: string;
  /** Where the agent dials the control plane. */
  readonly agentUrl: pulumi.Input<string>;
  /** What the agent presents there. Kept as a secret. */
  readonly agentToken: pulumi.Input<string>;
}

/**
 * One claw as a supervised process of this host: its software, folders, config files and process.
 * @example new ProcessClawInstance("assistant-1", { uid, runtime, running: true, deletionPolicy: "retain", ...dirs, agentUrl, agentToken })
 */
export class ProcessClawInstance extends pulumi.ComponentResource {
  /** Digest of the specification that its agent was given. */
  readonly specDigest: pulumi.Output<string>;
  /** Digest of its config files. */
  readonly configDigest: pulumi.Output<string>;
  /** Folder of the claw's data. */
  readonly dataDir: pulumi.Output<string>;

  constructor(name: string, args: ProcessClawInstanceArgs, opts?: pulumi.ComponentResourceOptions) {
    super(INSTANCE_TYPE, name, {}, opts);
    const parent = { parent: this };
    const { software: from, config: configChild, data: dataChild, files: filesChild, process: processChild } = instanceChildren;
    const { files: rendered, secretEnv, ...runtime } = args.runtime;
    const software = new Software(`${name}${from.suffix}`, softwareArgs(runtime.software, args.cacheDir), parent);
    // Inline software has no folder: asking for one would make it unknown in every preview.
    const softwareDir = runtime.software.source === "npm" ? software.dir : undefined;
    const config = new Directory(
      `${name}${configChild.suffix}`,
      {
        path: args.configDir,
        mode: "0700",
        // What is in it can be made again, unless the data are in there too.
        deletion: `${args.dataDir}/`.startsWith(`${args.configDir}/`) ? args.deletionPolicy : "delete",
      },
      parent,
    );
    const data = new Directory(`${name}${dataChild.suffix}`, { path: args.dataDir, mode: "0700", deletion: args.deletionPolicy }, parent);
    const dirs = { configDir: config.path, dataDir: data.path, runDir: args.runDir };
    const files = new ConfigFiles(
      `${name}${filesChild.suffix}`,
      {
        dir: config.path,
        files: pulumi
          .all([config.path, data.path, softwareDir])
          .apply(([configDir, dataDir, installed]) =>
            resolveFiles(rendered, { configDir, dataDir, runDir: clawRunDir(args.runDir), softwareDir: installed }),
          ),
      },
      parent,
    );
    const supervised = new Process(
      `${name}${processChild.suffix}`,
      {
        ...dirs,
        instanceUid: args.uid,
        hostDir: args.hostDir,
        softwareDir,
        runtime,
        secretEnv,
        agentUrl: args.agentUrl,
        agentToken: args.agentToken,
        running: args.running,
        restartedAt: args.restartedAt,
        configDigest: files.digest,
      },
      parent,
    );
    this.specDigest = supervised.specDigest;
    this.configDigest = files.digest;
    this.dataDir = data.path;
    this.registerOutputs({ specDigest: this.specDigest, configDigest: this.configDigest, dataDir: this.dataDir });
  }
}

function softwareArgs(software: ClawRuntime["software"], cacheDir: string) {
  const { source, version } = software;
  return software.source === "npm" ? { source, version, cacheDir, package: software.package } : { source, version };
}

/**
 * Path → content, with the directory placeholders replaced. `${port}` and `${node}` stay: they are known only where the claw starts.
 * @internal
 */
export function resolveFiles(
  files: ClawRuntime["files"],
  dirs: { readonly configDir: string; readonly dataDir: string; readonly runDir: string; readonly softwareDir: string | undefined },
): Record<string, string> {
  return Object.fromEntries(files.map(({ path, content }) => [path, replacePlaceholders(content, { ...dirs })]));
}
