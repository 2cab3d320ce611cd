import * as pulumi from "@pulumi/pulumi";
import { builtInClawType, renderClaw } from "../../adapters/claws/render-claw.ts";
import type { ClawRuntime } from "../../sdk/contract/index.ts";
import type { ClawAdapter } from "../../service/application/ports/instances/claw-adapter.ts";

/** What a claw is: its type, and how it is configured. */
export interface ClawArgs {
  /** A claw type that comes with the package, `"OpenClaw"`, `"NanoClaw"` or `"Echo"`, or one of one's own: `readClawType` of `open-cluster-claw/adapter`. */
  readonly type: string | ClawAdapter;
  /** An exact version of its software. @default the version that the type is tested with */
  readonly version?: string;
  /**
   * Its unified configuration: `{ model: { name: "gpt-5" } }`, or dotted keys, `{ "model.name": "gpt-5" }`. A value that is secret in Pulumi, and one whose
   * key the type knows as secret (`model.apiKey`), reaches the claw as a secret environment variable and is in no file.
   * @default what the type has
   */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The port it listens on. @default a free one; in a pod 8080 */
  readonly port?: number;
  /** Guards its port: whoever has it may talk to the claw. A new one restarts it. Kept as a secret. */
  readonly token: pulumi.Input<string>;
}

/** A claw as the components take it: `{ ...claw(…) }`. */
export interface DeclaredClaw {
  /** The claw type's name. */
  readonly type: string;
  /** How it is installed, configured, started, watched and stopped, without its secrets. */
  readonly runtime: pulumi.Output<ClawRuntime>;
  /** Its secret environment variables. */
  readonly secretEnv: pulumi.Output<Readonly<Record<string, string>>>;
}

/**
 * Works out how a claw is run, by its type. The configuration is checked as far as it can be where the claw's own schema is not at hand: keys, types, and what the
 * program would refuse at its start.
 *
 * @throws {ClawConfigError} for an unknown type at once; for a configuration that can't be used when it is evaluated: the preview fails
 * @example
 * const config = new pulumi.Config();
 * new ProcessClawInstance("assistant", {
 *   rootDir: "/srv/claws",
 *   ...claw({ type: "OpenClaw", token: config.requireSecret("token"), config: { "model.name": "gpt-5", "model.apiKey": config.requireSecret("key") } }),
 * });
 */
export function claw(args: ClawArgs): DeclaredClaw {
  const adapter = typeof args.type === "string" ? builtInClawType(args.type) : args.type;
  const leaves = leavesOf(args.config ?? {});
  const values = leaves.map(([key, value]) => ({ key, value: pulumi.output(value) }));
  // Which of them are secret is said to the adapter, which keeps exactly these out of its files; so what it answers is no secret as a whole.
  const secretKeys = Promise.all(values.map(async ({ key, value }) => ((await pulumi.isSecret(value)) ? [key] : []))).then((keys) =>
    keys.flat(),
  );
  const whole = pulumi.unsecret(
    pulumi
      .all([pulumi.all(values), secretKeys, args.token])
      .apply(([config, secrets, instanceToken]) =>
        renderClaw(adapter, { name: adapter.type, version: args.version, port: args.port, config, secretKeys: secrets, instanceToken }),
      ),
  );
  return {
    type: adapter.type,
    runtime: whole.apply((runtime): ClawRuntime => ({ ...runtime, secretEnv: {} })),
    secretEnv: pulumi.secret(whole.apply(({ secretEnv }) => secretEnv)),
  };
}

/** Dotted key → value: an object in clear is a part of the key, whatever else is there a value. */
function leavesOf(tree: Readonly<Record<string, unknown>>, prefix = ""): [key: string, value: unknown][] {
  return Object.entries(tree).flatMap(([name, value]): [string, unknown][] => {
    const isTree = typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
    return isTree && Object.keys(value).length > 0
      ? leavesOf(value as Readonly<Record<string, unknown>>, `${prefix}${name}.`)
      : [[`${prefix}${name}`, value]];
  });
}
