import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ClawSchema } from "../../../service/application/ports/instances/claw-programs.ts";
import { PACKAGE } from "./open-claw-adapter.ts";

const SCHEMA_FILE = "config-schema.json";
/** Lies in the package until the program has finished its installation. */
const PENDING_FILE = ".openclaw-lifecycle-pending";
const SCHEMA_BYTES_MAX = 64 * 1024 * 1024;
const PRINT_TIMEOUT_MS = 120_000;
const REASON_LENGTH_MAX = 500;

/** The config schema of a version that is installed in `dir`: null for one that prints none. */
export async function installedSchema(dir: string): Promise<ClawSchema | null> {
  return JSON.parse((await readBounded(join(dir, SCHEMA_FILE))) ?? "null") as ClawSchema | null;
}

async function readBounded(file: string): Promise<string | undefined> {
  const size = (await stat(file).catch(() => undefined))?.size;
  return size === undefined || size > SCHEMA_BYTES_MAX ? undefined : readFile(file, "utf8");
}

/** Runs a program of a package once, away from everything else. @returns what it printed @throws as `execFile` does */
export type ProgramRunner = (
  run: {
    readonly hostDir: string;
    readonly name: string;
    readonly readable: readonly string[];
    readonly writable: readonly string[];
    readonly args: readonly string[];
    readonly homeVariables: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly timeoutMs: number;
    readonly outputBytesMax: number;
  },
  signal: AbortSignal | undefined,
) => Promise<string>;

interface Installed {
  readonly package: string;
  readonly version: string;
  readonly cacheDir: string;
  readonly dir: string;
}

/**
 * Completes an OpenClaw that npm has installed. The program finishes its own installation at its first run, and may write where it is
 * installed for that once; that run prints its config schema, which is kept beside it: `null` for a version that prints none. So whoever
 * installs runs it, and nobody else ever does to learn of it.
 */
export function openClawCompletion(run: ProgramRunner) {
  return {
    isComplete: async ({ package: name, dir }: Installed) => name !== PACKAGE || exists(join(dir, SCHEMA_FILE)),
    async complete(installed: Installed, signal: AbortSignal | undefined): Promise<void> {
      if (await this.isComplete(installed)) {
        return;
      }
      const text = await print(installed, run, signal);
      if (text !== undefined) {
        const file = join(installed.dir, SCHEMA_FILE);
        await writeFile(`${file}.draft`, text);
        await rename(`${file}.draft`, file);
      }
    },
  };
}

/**
 * @returns undefined when it took too long: the next installation of that version tries again
 * @throws when the program has not finished its installation: no claw could start then
 */
async function print(
  { version, cacheDir, dir }: Installed,
  run: ProgramRunner,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const packageDir = join(dir, "node_modules", PACKAGE);
  const pending = join(packageDir, PENDING_FILE);
  let failure: unknown;
  const printed = await run(
    {
      hostDir: dirname(cacheDir),
      name: `${PACKAGE}@${version}`,
      readable: [dir],
      writable: (await exists(pending)) ? [packageDir] : [],
      args: [join(packageDir, "openclaw.mjs"), "config", "schema"],
      homeVariables: ["HOME", "OPENCLAW_STATE_DIR"],
      env: { OPENCLAW_NO_AUTO_UPDATE: "1" },
      timeoutMs: PRINT_TIMEOUT_MS,
      outputBytesMax: SCHEMA_BYTES_MAX,
    },
    signal,
  ).catch((error: unknown) => {
    if (!(error instanceof Error && "killed" in error)) {
      throw error;
    }
    failure = error;
    return error.killed === true ? undefined : "";
  });
  if (await exists(pending)) {
    throw new Error(`InstallFailed: ${PACKAGE}@${version} has not finished its own installation: ${reasonOf(failure)}`, { cause: failure });
  }
  return printed === undefined || isJson(printed) ? printed : "null";
}

/** The last of what the program wrote of it. */
function reasonOf(failure: unknown): string {
  if (!(failure instanceof Error)) {
    return "it says that it has";
  }
  const said = "stderr" in failure && typeof failure.stderr === "string" ? failure.stderr.trim().slice(-REASON_LENGTH_MAX) : "";
  return (
    said || ("killed" in failure && failure.killed === true ? `it took longer than ${PRINT_TIMEOUT_MS / 1000} s` : "it gives no reason")
  );
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
