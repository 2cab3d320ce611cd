import { execFile } from "node:child_process";
import { mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { pathBelow, VersionSchema } from "../../../sdk/contract/index.ts";
import { PACKAGE, type SchemaSource } from "./open-claw-adapter.ts";

const run = promisify(execFile);
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

/**
 * Keeps the config schema of an installed OpenClaw beside it, as the program itself prints it: `null` for a version that prints none. It
 * takes the program seconds, so it is done once per installation, by whoever installs: nobody else ever runs it to learn of it.
 */
export async function keepConfigSchema(installed: { readonly package: string; readonly dir: string }, signal?: AbortSignal): Promise<void> {
  const file = join(installed.dir, SCHEMA_FILE);
  if (installed.package !== PACKAGE || (await stat(file).catch(() => undefined))) {
    return;
  }
  const text = await print(join(installed.dir, "node_modules", PACKAGE, "openclaw.mjs"), signal);
  if (text !== undefined) {
    await writeFile(`${file}.${process.pid}`, text);
    await rename(`${file}.${process.pid}`, file);
  }
}

/** Undefined when it took too long: the next installation of that version tries again. */
async function print(program: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const home = await mkdtemp(join(tmpdir(), "claw-schema-"));
  const env = { PATH: process.env["PATH"], HOME: home, OPENCLAW_STATE_DIR: home, OPENCLAW_NO_AUTO_UPDATE: "1" };
  try {
    const { stdout } = await run(process.execPath, [program, "config", "schema"], {
      env,
      maxBuffer: SCHEMA_BYTES_MAX,
      timeout: PRINT_TIMEOUT_MS,
      killSignal: "SIGKILL",
      ...(signal && { signal }),
    });
    return isJson(stdout) ? stdout : "null";
  } catch (error) {
    if (error instanceof Error && "killed" in error) {
      return error.killed === true ? undefined : "null";
    }
    throw error;
  } finally {
    await rm(home, { recursive: true, force: true });
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
