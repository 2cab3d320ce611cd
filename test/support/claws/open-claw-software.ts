import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { openClawCompletion } from "../../../adapters/claws/openclaw/config-schemas.ts";
import { runConfined } from "../../../adapters/confinement/run-confined.ts";
import { installSoftware } from "../../../adapters/providers/clusterclaw/software.ts";

export const OPENCLAW_VERSION = "2026.9.6";

/** Where tests keep versions of claws: outside of the checkout, since one takes 650 MB and most of a minute to install. */
export const softwareDir =
  process.env["CLAW_SOFTWARE_CACHE"] ??
  // Claws of a root's service run as users of their own, which can't pass root's home.
  join(process.getuid?.() === 0 ? "/var/cache" : join(homedir(), ".cache"), "open-cluster-claw", "software");

/** The folder of the real `openclaw` with its config schema, installed at first use as the service does. */
export async function openClawDir(): Promise<string> {
  const software = { cacheDir: softwareDir, package: "openclaw", version: OPENCLAW_VERSION };
  return (await installSoftware(software, openClawCompletion(runConfined))).dir;
}

type Validate = (config: unknown) => { ok: boolean; issues?: readonly { path: string; message: string }[] };

/**
 * The function behind `openclaw config validate`, in this process: the program takes two seconds a call. Bundled files have names of
 * their build, so it is looked for by what it exports.
 */
export async function realValidator(): Promise<Validate> {
  const dist = join(await openClawDir(), "node_modules", "openclaw", "dist");
  for (const name of await readdir(dist)) {
    const text = name.startsWith("io.snapshot-preparation-") ? await readFile(join(dist, name), "utf8") : "";
    const exported = /\bvalidateConfigObjectWithPlugins as (\w+)/.exec(text)?.[1];
    if (exported !== undefined) {
      const module: Record<string, Validate> = await import(join(dist, name));
      const validate = module[exported];
      if (validate) {
        return validate;
      }
    }
  }
  throw new Error(`openclaw ${OPENCLAW_VERSION} has no validator where it is looked for`);
}
