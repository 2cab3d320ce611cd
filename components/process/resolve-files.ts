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
