import { formatConfigKey } from "../../../sdk/contract/index.ts";
import type { NamedModel, ParsedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { isTree } from "../../../service/domain/configs/config-path.ts";
import { toUnifiedKey } from "./parse-config.ts";
import { valuesAt } from "./values-at.ts";

const OF_AGENTS = `model utilityModel decisionModel imageModel pdfModel compaction.model compaction.memoryFlush.model heartbeat.model
  subagents.model embeddedAgent.cyberFailover.model mediaModels.* tools.exec.reviewer.model modelPolicy.allow.*`.split(/\s+/);

/** Where OpenClaw's config names models that answer, draw or decide; those of speech and of embeddings are none. `*` stands for any key and any index. */
const PLACES: readonly string[] = [
  ...["agents.defaults", "agents.entries.*"].flatMap((root) => OF_AGENTS.map((key) => `${root}.${key}`)),
  ..."tools.exec.reviewer.model hooks.gmail.model hooks.mappings.*.model channels.modelByChannel.*.*".split(" "),
  ..."plugins.entries.*.config.model plugins.entries.*.config.modelFallback plugins.entries.*.config.defaultModel".split(" "),
];
const CATALOGUES = ["agents.defaults.models", "agents.entries.*.models"];

/** Every model that a config names, aliases resolved. */
export function namedModels({ native, sources = {} }: ParsedConfig): NamedModel[] {
  const catalogue = CATALOGUES.flatMap((pattern) => [...valuesAt(native, pattern.split("."))]).flatMap(([path, models]) =>
    Object.entries(isTree(models) ? models : {}).map(([model, settings]) => ({ path: formatConfigKey([model], path), model, settings })),
  );
  const byAlias = new Map(
    catalogue.flatMap(({ model, settings }) =>
      isTree(settings) && typeof settings["alias"] === "string" ? [[settings["alias"], model]] : [],
    ),
  );
  const chosen = PLACES.flatMap((pattern) => [...valuesAt(native, pattern.split("."))]).flatMap(([path, value]) => modelsOf(path, value));
  return [...chosen.map(({ path, model }) => ({ path, model: byAlias.get(model) ?? model })), ...catalogue].map(({ path, model }) => ({
    path: toUnifiedKey(path, sources),
    model,
  }));
}

function modelsOf(path: string, value: unknown): NamedModel[] {
  if (typeof value === "string") {
    return value.trim() === "" ? [] : [{ path, model: value.trim() }];
  }
  const { primary, fallbacks } = isTree(value) ? value : {};
  return [
    ...modelsOf(`${path}.primary`, primary),
    ...(Array.isArray(fallbacks) ? fallbacks.flatMap((model, index) => modelsOf(`${path}.fallbacks.${index}`, model)) : []),
  ];
}
