import type { Demands, ParsedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { isTree, valueAt } from "../../../service/domain/configs/config-path.ts";
import { replaceReferences } from "../../../service/domain/configs/references.ts";
import { toUnifiedKey } from "./parse-config.ts";
import { valuesAt } from "./values-at.ts";

/** Bots: a platform gives each message to one of those that are connected as it, or disconnects one. */
const ACCOUNTS = ["botToken", "token", "appToken"].flatMap((key) => [`channels.*.${key}`, `channels.*.accounts.*.${key}`]);
const SANDBOXES = ["agents.defaults.sandbox", "agents.entries.*.sandbox"];

/** What a config wants of the world outside. */
export function demandsOf({ native, env, secretEnv, sources = {} }: ParsedConfig): Demands {
  const known = { ...env, ...secretEnv };
  const accounts = ACCOUNTS.flatMap((pattern) => [...valuesAt(native, pattern.split("."))]).flatMap(([path, value]) => {
    const secret = secretOf(value, known);
    return secret === "" ? [] : [{ path: toUnifiedKey(path, sources), secret }];
  });
  const sandbox = SANDBOXES.flatMap((pattern) => [...valuesAt(native, pattern.split("."))]).find(([, settings]) => wantsDocker(settings));
  // One that is told where an engine is has one.
  const docker = sandbox && known["DOCKER_HOST"] === undefined ? toUnifiedKey(`${sandbox[0]}.mode`, sources) : undefined;
  return { accounts, docker };
}

function secretOf(value: unknown, known: Readonly<Record<string, string>>): string {
  if (isTree(value)) {
    return value["source"] === "env" ? (known[String(value["id"])] ?? "") : "";
  }
  return typeof value === "string" ? replaceReferences(value, (name) => known[name] ?? "") : "";
}

function wantsDocker(sandbox: unknown): boolean {
  if (!isTree(sandbox)) {
    return false;
  }
  const mode = valueAt(sandbox, "mode") ?? "off";
  return mode !== "off" && (valueAt(sandbox, "backend") ?? "docker") === "docker";
}
