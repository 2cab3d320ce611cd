import { isAbsolute } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { type ClawRuntime, clawRunDir, NO_CONTROL_PLANE } from "../../sdk/contract/index.ts";
import { instanceDirs } from "../claw-instance/instance-dirs.ts";
import { uidOf } from "../claw-instance/uid.ts";
import { ConfigFiles } from "./config-files.ts";
import { Directory } from "./directory.ts";
import { Process } from "./process.ts";
import { INSTANCE_TYPE, instanceChildren } from "./process-component.ts";
import { fileDigests, resolveFiles } from "./resolve-files.ts";
import { Software, type SoftwareArgs } from "./software.ts";

/** Inputs of {@link ProcessClawInstance}. */
export interface ProcessClawInstanceArgs {
  /** How the claw is installed, configured, started, watched and stopped: by `claw`, or written by hand. Its `secretEnv` is kept as a secret. */
  readonly runtime: pulumi.Input<ClawRuntime>;
  /** Further secret environment variables. Kept as a secret. @default none */
  readonly secretEnv?: pulumi.Input<Readonly<Record<string, string>>>;
  /** Absolute path of the folder that all instances of this host are in, with their software: this program's own, never a service's data folder. */
  readonly rootDir: string;
  /** Whose it is: a part of its folders' paths. @default "default" */
  readonly tenant?: string;
  /** What tells it from any other, for ever: letters, digits, `_` and `-`. @default made of project, stack and name, so that a new one of that name finds the data of the last */
  readonly uid?: string;
  /** Whether it is to run. @default true */
  readonly running?: pulumi.Input<boolean>;
  /** Any new value restarts it. */
  readonly restartedAt?: pulumi.Input<string | undefined>;
  /** What happens to the data folder when the instance is deleted. @default "retain" */
  readonly deletionPolicy?: "retain" | "delete";
  /** Its folders, as paths inside of it. @default `config` and `data` */
  readonly storage?: { readonly configDir?: string; readonly dataDir?: string };
  /** Where its agent dials a control plane, `ws://…/agent/v1`. @default none: the agent supervises it alone */
  readonly agentUrl?: pulumi.Input<string>;
  /** What the agent presents there. Kept as a secret. */
  readonly agentToken?: pulumi.Input<string>;
}

/**
 * One claw as a supervised process of this host: its software, folders, config files and process. An update is done when the claw's agent has taken the
 * specification over; the claw starts after that, is restarted when it fails, and runs on when the program has ended.
 * @throws {pulumi.InputPropertyError} when `rootDir` or `uid` can't be used
 * @example new ProcessClawInstance("assistant", { rootDir: "/srv/claws", ...claw({ type: "OpenClaw", token, config: { "model.name": "gpt-5" } }) })
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
    const { rootDir, tenant = "default", storage = {}, deletionPolicy = "retain" } = args;
    if (!isAbsolute(rootDir)) {
      throw new pulumi.InputPropertyError({
        propertyPath: "rootDir",
        reason: `'${rootDir}' is not absolute: give a path like '/srv/claws'`,
      });
    }
    const uid = uidOf(name, args.uid);
    const { hostDir, cacheDir, configDir, dataDir, runDir } = instanceDirs(rootDir, tenant, { uid, storage });
    const resolved = pulumi.output(args.runtime);
    const software = new Software(`${name}${from.suffix}`, softwareArgs(resolved, cacheDir), parent);
    // Inline software has no folder: asking for one would make it unknown in every preview.
    const softwareDir = resolved.apply(({ software: { source } }) =>
      source === "npm" || source === "archive" ? software.dir : pulumi.output<string | undefined>(undefined),
    );
    const config = new Directory(
      `${name}${configChild.suffix}`,
      {
        path: configDir,
        mode: "0700",
        // What is in it can be made again, unless the data are in there too.
        deletion: `${dataDir}/`.startsWith(`${configDir}/`) ? deletionPolicy : "delete",
      },
      parent,
    );
    const data = new Directory(`${name}${dataChild.suffix}`, { path: dataDir, mode: "0700", deletion: deletionPolicy }, parent);
    const dirs = { configDir: config.path, dataDir: data.path, runDir };
    const rendered = pulumi
      .all([resolved, config.path, data.path, softwareDir])
      .apply(([runtime, configPath, dataPath, installed]) =>
        resolveFiles(runtime.files, { configDir: configPath, dataDir: dataPath, runDir: clawRunDir(runDir), softwareDir: installed }),
      );
    const files = new ConfigFiles(`${name}${filesChild.suffix}`, { dir: config.path, files: rendered }, parent);
    const supervised = new Process(
      `${name}${processChild.suffix}`,
      {
        ...dirs,
        instanceUid: uid,
        hostDir,
        softwareDir,
        runtime: resolved.apply(({ files: _files, secretEnv: _secret, ...runtime }) => runtime),
        secretEnv: pulumi.all([resolved, args.secretEnv ?? {}]).apply(([runtime, more]) => ({ ...runtime.secretEnv, ...more })),
        agentUrl: args.agentUrl ?? NO_CONTROL_PLANE,
        agentToken: args.agentToken ?? "",
        running: args.running ?? true,
        restartedAt: args.restartedAt,
        configDigest: files.digest,
        files: rendered.apply(fileDigests),
      },
      parent,
    );
    this.specDigest = supervised.specDigest;
    this.configDigest = files.digest;
    this.dataDir = data.path;
    this.registerOutputs({ specDigest: this.specDigest, configDigest: this.configDigest, dataDir: this.dataDir });
  }
}

function softwareArgs(runtime: pulumi.Output<ClawRuntime>, cacheDir: string): SoftwareArgs {
  const software = runtime.apply((whole) => whole.software);
  const npm = software.apply((from) => (from.source === "npm" ? from : undefined));
  const archive = software.apply((from) => (from.source === "archive" ? from : undefined));
  return {
    source: software.apply(({ source }) => (source === "image" ? "inline" : source)),
    version: software.apply(({ version }) => version),
    cacheDir: software.apply(({ source }) => (source === "npm" || source === "archive" ? cacheDir : undefined)),
    package: npm.apply((from) => from?.package),
    url: archive.apply((from) => from?.url),
    sha256: archive.apply((from) => from?.sha256),
  };
}
