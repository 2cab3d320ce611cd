import { normalize } from "node:path";
import type { ClawIssue, ParsedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { DATA_DIR_ENV, LOG_DIR_ENV } from "./managed-settings.ts";
import { valuesAt } from "./values-at.ts";

/** Where OpenClaw keeps what it writes (2026.9.6). Two instances with one such folder would write into one another's. */
const WRITTEN: readonly string[] = `
  agents.defaults.cwd
  agents.defaults.repoRoot
  agents.defaults.sandbox.workspaceRoot
  agents.entries.*.agentDir
  agents.entries.*.cwd
  agents.entries.*.runtime.acp.cwd
  agents.entries.*.sandbox.workspaceRoot
  agents.entries.*.tts.prefsPath
  agents.entries.*.workspace
  bindings.*.acp.cwd
  browser.profiles.*.userDataDir
  channels.*.tts.prefsPath
  channels.*.accounts.*.tts.prefsPath
  channels.reef.stateDir
  channels.signal.transport.configPath
  channels.signal.accounts.*.transport.configPath
  channels.whatsapp.accounts.*.authDir
  mcp.servers.*.cwd
  models.providers.*.localService.cwd
  nodeHost.mcp.servers.*.cwd
  plugins.entries.active-memory.config.transcriptDir
  plugins.entries.memory-wiki.config.vault.path
  session.store
  tts.prefsPath
  worktreeRoot
`
  .trim()
  .split(/\s+/);

/** The settings of a config that say where it writes, and their values. */
export function* writtenPaths(native: ParsedConfig["native"]): Iterable<[path: string, value: unknown]> {
  for (const pattern of WRITTEN) {
    yield* valuesAt(native, pattern.split("."));
  }
}

/** What begins in a folder of the instance's own: by a variable that it has, a placeholder of ours, or its home. */
const OWN = new RegExp(`^(\\$\\{(${DATA_DIR_ENV}|${LOG_DIR_ENV}|HOME|TMPDIR|dataDir|configDir|runDir)\\}|~)(/|$)`);

/** Paths that lead out of the instance's own folders. */
export function* pathIssues(native: ParsedConfig["native"]): Iterable<ClawIssue> {
  for (const [path, value] of writtenPaths(native)) {
    if (typeof value === "string" && !isOwn(value)) {
      yield {
        path,
        message: "leads out of the instance's own folders, where another instance may have the same one",
        fix: `begin it with '\${${DATA_DIR_ENV}}/', the instance's own folder`,
        isHopeless: true,
      };
    }
  }
}

function isOwn(path: string): boolean {
  // It starts in its data folder, from which a relative path goes.
  const [, root = ""] = OWN.exec(path.trim()) ?? [];
  const below = path.trim().slice(root.length);
  if (root === "" && /^[/$\\]/.test(below)) {
    return false;
  }
  return !/^\.\.(\/|$)/.test(normalize(`./${below}`));
}
