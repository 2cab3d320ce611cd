import { createHash } from "node:crypto";
import type { ClawRuntime } from "../../sdk/contract/index.ts";
import { replacePlaceholders } from "../claw-instance/placeholders.ts";

/**
 * Path → content, with the directory placeholders replaced. `${port}` and `${node}` stay: they are known only where the claw starts.
 * @internal
 */
export function resolveFiles(
  files: ClawRuntime["files"],
  dirs: { readonly configDir: string; readonly dataDir: string; readonly runDir: string; readonly softwareDir: string | undefined },
): Record<string, string> {
  return Object.fromEntries(files.map(({ path, content }) => [path, replacePlaceholders(content, { ...dirs })]));
}

/** Path → SHA-256 of the content: by it an agent knows whether a file is still as it was stored. @internal */
export function fileDigests(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [path, createHash("sha256").update(content).digest("hex")]));
}
