import { execFile } from "node:child_process";
import { mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { SchemaSource } from "./open-claw-adapter.ts";

const run = promisify(execFile);
const SCHEMA_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Config schemas of the versions that are installed under `<softwareDir>/openclaw/<version>`, kept beside each as `config-schema.json`.
 * Printing one takes the program seconds, so it is done once per installation.
 */
export function installedSchemas(softwareDir: string): SchemaSource {
  const known = new Map<string, ReturnType<SchemaSource>>();
  return async (version) => {
    const dir = join(softwareDir, "openclaw", version);
    const program = join(dir, "node_modules", "openclaw", "openclaw.mjs");
    if (!known.has(version) && (await isFile(program))) {
      const loaded = load(join(dir, "config-schema.json"), program);
      known.set(version, loaded);
    }
    return known.get(version);
  };
}

async function load(file: string, program: string): ReturnType<SchemaSource> {
  if (!(await isFile(file))) {
    const text = await print(program);
    if (text === undefined) {
      return undefined;
    }
    await writeFile(`${file}.${process.pid}`, text);
    await rename(`${file}.${process.pid}`, file);
  }
  return JSON.parse(await readFile(file, "utf8"));
}

/** Undefined when this version can't print its schema. */
async function print(program: string): Promise<string | undefined> {
  const home = await mkdtemp(join(tmpdir(), "claw-schema-"));
  const env = { PATH: process.env["PATH"], HOME: home, OPENCLAW_STATE_DIR: home, OPENCLAW_NO_AUTO_UPDATE: "1" };
  try {
    const { stdout } = await run(process.execPath, [program, "config", "schema"], { env, maxBuffer: SCHEMA_BYTES_MAX });
    return stdout;
  } catch (error) {
    if (error instanceof Error && "code" in error && typeof error.code === "number") {
      return undefined;
    }
    throw error;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
