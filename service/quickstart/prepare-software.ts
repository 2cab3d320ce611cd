import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { openClawCompletion } from "../../adapters/claws/openclaw/config-schemas.ts";
import { openClawAdapter } from "../../adapters/claws/openclaw/open-claw-adapter.ts";
import { runConfined } from "../../adapters/confinement/run-confined.ts";
import { installSoftware } from "../../adapters/providers/clusterclaw/software.ts";

/**
 * Installs OpenClaw where instances look for it, and its config schema beside it. A worker would do both at the first instance;
 * done before, the tour can show them. `CLAW_SOFTWARE_CACHE` names a folder of installed versions to share.
 */
export async function prepareSoftware(dataDir: string, note: (detail: string) => void): Promise<void> {
  const softwareDir = join(dataDir, "software");
  const shared = process.env["CLAW_SOFTWARE_CACHE"];
  if (shared) {
    await mkdir(shared, { recursive: true });
    await symlink(shared, softwareDir).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") {
        throw error;
      }
    });
  }
  const version = openClawAdapter().defaultVersion;
  if (version === undefined) {
    throw new Error("the OpenClaw type is missing");
  }
  note(`openclaw@${version}`);
  await installSoftware({ cacheDir: softwareDir, package: "openclaw", version }, openClawCompletion(runConfined));
}
