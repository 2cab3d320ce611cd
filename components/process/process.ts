import * as pulumi from "@pulumi/pulumi";
import type { ClawRuntime } from "../../sdk/contract/index.ts";

/** Inputs of {@link Process}. */
export interface ProcessArgs {
  /** The instance's uid: whom its agent says it stands for. */
  readonly instanceUid: pulumi.Input<string>;
  /** What all instances of the host share: claimed ports, start slots, caches. */
  readonly hostDir: pulumi.Input<string>;
  /** The agent's own folder: specification, control socket, logs. Removed with the resource. */
  readonly runDir: pulumi.Input<string>;
  /** Where the claw's config files are. */
  readonly configDir: pulumi.Input<string>;
  /** The claw's working directory and home. */
  readonly dataDir: pulumi.Input<string>;
  /** Where its software is installed; absent when that is inline. */
  readonly softwareDir?: pulumi.Input<string | undefined>;
  /** How it is started, watched and stopped. */
  readonly runtime: pulumi.Input<Omit<ClawRuntime, "files" | "secretEnv">>;
  /** Secret environment variables. Kept as a secret whether the value is one or not. */
  readonly secretEnv: pulumi.Input<Readonly<Record<string, string>>>;
  /** Where the agent dials the control plane. */
  readonly agentUrl: pulumi.Input<string>;
  /** What the agent presents there. Kept as a secret whether the value is one or not. */
  readonly agentToken: pulumi.Input<string>;
  /** Whether the claw is to run. */
  readonly running: pulumi.Input<boolean>;
  /** Any new value restarts the claw. */
  readonly restartedAt?: pulumi.Input<string | undefined>;
  /** Digest of the config files. A claw that failed is tried again when it changes; one that runs is left alone. */
  readonly configDigest: pulumi.Input<string>;
  /** Path of each config file → SHA-256 of its content. Without them its agent does not say when somebody changes one. */
  readonly files?: pulumi.Input<Readonly<Record<string, string>> | undefined>;
}

/**
 * A claw supervised by an agent on this host. It is created when the agent has taken the specification over; the agent reports
 * when the claw is ready. Deleting it stops the claw within its grace time.
 */
export class Process extends pulumi.CustomResource {
  /** Digest of the specification: what the agent reports once the claw runs with it. */
  declare readonly specDigest: pulumi.Output<string>;
  /** Whether an agent supervised it when that was last looked at. */
  declare readonly agentRunning: pulumi.Output<boolean>;

  constructor(name: string, args: ProcessArgs, opts?: pulumi.CustomResourceOptions) {
    const inputs = {
      ...args,
      secretEnv: pulumi.secret(args.secretEnv),
      agentToken: pulumi.secret(args.agentToken),
      specDigest: undefined,
      agentRunning: undefined,
    };
    super("clusterclaw:process:Process", name, inputs, opts);
  }
}
