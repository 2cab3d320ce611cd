import { formatConfigKey } from "../../../sdk/contract/index.ts";
import type { AllowedNames, NamedSkill, ParsedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { isTree, setAt, valueAt } from "../../../service/domain/configs/config-path.ts";
import { toUnifiedKey } from "./parse-config.ts";

const BUNDLED = "skills.allowBundled";
/** An empty list would allow all. */
const NOTHING: readonly string[] = ["none"];

/** Every skill that a config names and leaves on, and those of OpenClaw's own that it lets through. */
export function namedSkills({ native, sources = {} }: ParsedConfig): NamedSkill[] {
  const entries = valueAt(native, "skills.entries");
  const named = Object.entries(isTree(entries) ? entries : {}).flatMap(([skill, settings]) =>
    isTree(settings) && settings["enabled"] === false ? [] : [{ path: formatConfigKey([skill], "skills.entries"), skill }],
  );
  const bundled = valueAt(native, BUNDLED);
  const listed = (Array.isArray(bundled) ? bundled : []).map((skill, index) => ({ path: `${BUNDLED}.${index}`, skill: String(skill) }));
  return [...named, ...listed].map(({ path, skill }) => ({ path: toUnifiedKey(path, sources), skill }));
}

/** The config with no other of OpenClaw's own skills than these: of them all are on that nobody turns off. A list of the config's own stays. */
export function withAllowedSkills(config: ParsedConfig, { items }: AllowedNames): ParsedConfig {
  const own = valueAt(config.native, BUNDLED);
  if (Array.isArray(own) && own.length > 0) {
    return config;
  }
  const native = structuredClone(config.native) as Record<string, unknown>;
  const names = items.filter((item) => !item.endsWith("*"));
  setAt(native, BUNDLED, names.length > 0 ? names : NOTHING);
  return { ...config, native };
}
