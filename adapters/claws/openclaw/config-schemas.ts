import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathBelow, VersionSchema } from "../../../sdk/contract/index.ts";
import { PACKAGE, type SchemaSource } from "./open-claw-adapter.ts";

const SCHEMA_FILE = "config-schema.json";
const SCHEMA_BYTES_MAX = 64 * 1024 * 1024;
const PRINT_TIMEOUT_MS = 120_000;

/** Config schemas of the versions that are installed under `<softwareDir>/openclaw/<version>`: what the installer left beside each. */
export function installedSchemas(softwareDir: string): SchemaSource {
  const known = new Map<string, Awaited<ReturnType<SchemaSource>>>();
  return async (version) => {
    if (!known.has(version) && VersionSchema.safeParse(version).success) {
      const text = await readBounded(pathBelow(softwareDir, PACKAGE, version, SCHEMA_FILE));
      if (text !== undefined) {
        known.set(version, JSON.parse(text) ?? undefined);
      }
    }
    return known.get(version);
  };
}

async function readBounded(file: string): Promise<string | undefined> {
  const size = (await stat(file).catch(() => undefined))?.size;
  return size === undefined || size > SCHEMA_BYTES_MAX ? undefined : readFile(file, "utf8");
}

/** Runs a program of a package once, away from everything else. @returns what it printed @throws with `killed` when it was ended */
export type ProgramRunner = (
  run: {
    readonly hostDir: string;
    readonly readable: readonly string[];
    readonly args: readonly string[];
    readonly homeVariables: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly timeoutMs: number;
    readonly outputBytesMax: number;
  },
  signal: AbortSignal | undefined,
) => Promise<string>;

/**
 * Keeps the config schema of an installed OpenClaw beside it, as the program itself prints it: `null` for a version that prints none. It
 * takes the program seconds, so it is done once per installation, by whoever installs: nobody else ever runs it to learn of it.
 */
export const keepConfigSchema =
  (run: ProgramRunner) =>
  async (installed: { readonly package: string; readonly cacheDir: string; readonly dir: string }, signal?: AbortSignal): Promise<void> => {
    const file = join(installed.dir, SCHEMA_FILE);
    if (installed.package !== PACKAGE || (await stat(file).catch(() => undefined))) {
      return;
    }
    const text = await print(installed, run, signal);
    if (text !== undefined) {
      await writeFile(`${file}.${process.pid}`, text);
      await rename(`${file}.${process.pid}`, file);
    }
  };

/** Undefined when it took too long: the next installation of that version tries again. */
async function print(
  { cacheDir, dir }: { readonly cacheDir: string; readonly dir: string },
  run: ProgramRunner,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const printed = await run(
      {
        hostDir: dirname(cacheDir),
        readable: [dir],
        args: [join(dir, "node_modules", PACKAGE, "openclaw.mjs"), "config", "schema"],
        homeVariables: ["HOME", "OPENCLAW_STATE_DIR"],
        env: { OPENCLAW_NO_AUTO_UPDATE: "1" },
        timeoutMs: PRINT_TIMEOUT_MS,
        outputBytesMax: SCHEMA_BYTES_MAX,
      },
      signal,
    );
    return isJson(printed) ? printed : "null";
  } catch (error) {
    if (error instanceof Error && "killed" in error) {
      return error.killed === true ? undefined : "null";
    }
    throw error;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
