import { formatConfigKey } from "../../../sdk/contract/index.ts";
import type { AllowedNames, ParsedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { isTree, setAt, valueAt } from "../../../service/domain/configs/config-path.ts";
import { CUSTOM_PROVIDER, providerOfModel } from "./model-providers.ts";
import { namedModels } from "./models.ts";
import { isSince } from "./versions.ts";

/** The first version whose config has `modelPolicy`. */
const SINCE = [2026, 8, 1];

/** What OpenClaw takes for a model, or for all of a provider's; of anything else it refuses the whole config. */
const REF = /^([^\s/*]+\/)+([^\s/*]+|\*)$/;
/** An empty list would allow all. */
const NOTHING: readonly string[] = ["none/none"];

/**
 * The config with OpenClaw's own list of the models that may be chosen while it runs, by `/model` in a chat, for a session or a sub-agent. A list of
 * the config's own is narrower and stays; an empty one would allow all.
 */
export function withAllowedModels(config: ParsedConfig, allowed: AllowedNames, version: string): ParsedConfig {
  if (!isSince(version, SINCE)) {
    return config;
  }
  const native = structuredClone(config.native) as Record<string, unknown>;
  const list = refsOf(config, allowed);
  const entries = valueAt(native, "agents.entries");
  const agents = Object.entries(isTree(entries) ? entries : {}).flatMap(([id, agent]) =>
    // One without a policy of its own has that of the defaults.
    isTree(agent) && agent["modelPolicy"] !== undefined ? [formatConfigKey([id], "agents.entries")] : [],
  );
  for (const path of ["agents.defaults", ...agents].map((agent) => `${agent}.modelPolicy.allow`)) {
    const own = valueAt(native, path);
    if (!Array.isArray(own) || own.length === 0) {
      setAt(native, path, list);
    }
  }
  return { ...config, native };
}

/** OpenClaw knows a model with its provider only: one that is allowed of any provider is so of those that the config has. */
function refsOf(config: ParsedConfig, { items, isAllowed }: AllowedNames): readonly string[] {
  const named = namedModels(config).flatMap(({ model }) => (model.includes("/") ? [model] : []));
  const declared = valueAt(config.native, "models.providers");
  const providers = new Set([
    ...(isTree(declared) ? Object.keys(declared) : []),
    ...named.map((model) => model.slice(0, model.indexOf("/"))),
  ]);
  const refs = items.flatMap((item) => {
    const makers = [...providers, providerOfModel(item) ?? CUSTOM_PROVIDER];
    return item.includes("/") ? [item] : makers.map((provider) => `${provider}/${item}`);
  });
  const known = [...new Set([...refs, ...named.filter(isAllowed)])].filter((ref) => REF.test(ref));
  return known.length === 0 ? NOTHING : known.sort();
}
