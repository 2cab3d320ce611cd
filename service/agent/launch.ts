import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { type ConfinedClaw, type Confinement, type Entry, enter } from "../../adapters/confinement/confinement.ts";
import { ownerFolder } from "../../adapters/confinement/tenant-user.ts";
import type { ProcessSpec } from "../../sdk/contract/index.ts";
import { clawRunDir } from "../../sdk/contract/run-dir.ts";

/** Marks a claw and its descendants, so that an agent finds them again whatever became of its own records. */
export const RUN_DIR_TAG = "CLAW_RUN_DIR";

/** What is executed, with every placeholder resolved, where the claw is confined. */
export interface Launch extends Entry {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Node's own default place of the compile cache is linked to it: an owner's instances of one version share it. */
export function compileCacheDir({ dirs }: ProcessSpec): string | undefined {
  const { hostDir, dataDir, softwareDir } = dirs;
  return softwareDir === undefined ? undefined : join(ownerFolder(hostDir, dataDir), ".compile-cache", digest(softwareDir).slice(0, 16));
}

/** What a claw has of its host. */
export function confinedClaw(spec: ProcessSpec): ConfinedClaw {
  const { hostDir, runDir, configDir, dataDir, softwareDir } = spec.dirs;
  const tmpDir = join(clawRunDir(runDir), "tmp");
  const cache = compileCacheDir(spec);
  return {
    hostDir,
    dataDir,
    own: [...new Set([configDir, dataDir, tmpDir, join(clawRunDir(runDir), "logs"), ...(cache === undefined ? [] : [cache])])],
    tmpDir,
    readable: [process.execPath, ...(softwareDir === undefined ? [] : [softwareDir]), ...(spec.runtime.hostPaths ?? [])],
  };
}

/** Replaces the placeholders of the contract; other `${…}` texts are left alone. */
export function resolvePlaceholders(text: string, spec: ProcessSpec, port: number): string {
  const values: Readonly<Record<string, string | undefined>> = {
    ...spec.dirs,
    runDir: clawRunDir(spec.dirs.runDir),
    node: process.execPath,
    port: String(port),
  };
  return text.replace(/\$\{(configDir|dataDir|runDir|softwareDir|port|node)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** The environment of anything that runs inside the instance: nothing is inherited from the agent. */
export function environmentOf(spec: ProcessSpec, port: number): Record<string, string> {
  const { dataDir, runDir, softwareDir } = spec.dirs;
  const binaries = softwareDir === undefined ? [] : [join(softwareDir, "node_modules", ".bin")];
  const env: Record<string, string> = {
    PATH: [dirname(process.execPath), ...binaries, "/usr/local/bin", "/usr/bin", "/bin"].join(":"),
    HOME: join(dataDir, "home"),
    TMPDIR: join(clawRunDir(runDir), "tmp"),
  };
  for (const [name, value] of Object.entries({ ...spec.runtime.env, ...spec.runtime.secretEnv })) {
    env[name] = resolvePlaceholders(value, spec, port);
  }
  return env;
}

export function launchOf(spec: ProcessSpec, port: number, confinement: Confinement): Launch {
  const [command = "", ...args] = spec.runtime.command.map((part) => resolvePlaceholders(part, spec, port));
  const env = { ...environmentOf(spec, port), [RUN_DIR_TAG]: spec.dirs.runDir };
  return { ...enter(confinement, confinedClaw(spec), command, args), cwd: spec.dirs.dataDir, env };
}

/** Digest of what only a new process can take over: its program, arguments, environment, directories and port. */
export function spawnDigest(spec: ProcessSpec): string {
  const { software, command, env, secretEnv, port, prepare } = spec.runtime;
  // Not of one without: what runs was started by an agent that knew of none.
  return digest([software, command, sorted(env), sorted(secretEnv), port, sorted(spec.dirs), ...(prepare ? [prepare] : [])]);
}

/** Digest of all that a restart is needed for, in place or not. */
export function restartKey(spec: ProcessSpec): string {
  return digest([spawnDigest(spec), spec.runtime.restartDigest, spec.restartedAt ?? null]);
}

/** Digest of something that is done before a start: once it was, it is not done again. */
export function preparationDigest(preparation: unknown): string {
  return digest(preparation);
}

function sorted(record: Readonly<Record<string, string | undefined>>): unknown {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
