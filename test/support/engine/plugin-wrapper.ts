import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes `pulumi-resource-<package>` into a folder, which then belongs on PATH. */
export function writePluginWrapper(folder: string, packageName: string): void {
  mkdirSync(folder, { recursive: true });
  const entry = join(import.meta.dirname, "testing-plugin.ts");
  const file = join(folder, `pulumi-resource-${packageName}`);
  writeFileSync(file, `#!/bin/sh\nexec "${process.execPath}" "${entry}" ${packageName} "$@"\n`);
  chmodSync(file, 0o755);
}
