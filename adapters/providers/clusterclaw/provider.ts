import type { z } from "zod";
import type {
  CheckFailure,
  CheckRequest,
  CheckResult,
  CreateRequest,
  DeleteRequest,
  DiffKind,
  DiffRequest,
  DiffResult,
  ReadRequest,
  ResourceProvider,
  UpdateRequest,
} from "../../engine/contract/provider.ts";
import { hasUnknowns, type PropertyMap } from "../../engine/contract/values.ts";
import { diffProperties } from "../properties.ts";
import { type AgentLauncher, localLauncher } from "./agent-client.ts";
import { configFilesType } from "./config-files.ts";
import { directoryType } from "./directory.ts";
import { processType } from "./process.ts";
import type { ResourceType } from "./resource-type.ts";
import { type Completion, softwareType } from "./software.ts";

/** Resources of the process runtime: software, folders, config files and supervised processes of this host. */
export class ClawProvider implements ResourceProvider {
  readonly packageName = "clusterclaw";
  readonly version = "0.1.0";
  readonly acceptsSecrets = false;
  readonly supportsPreview = true;
  readonly #types: ReadonlyMap<string, ResourceType>;

  /** @param completion what else is to be done with a package, by whoever knows it */
  constructor(launcher: AgentLauncher = localLauncher, completion?: Completion) {
    this.#types = new Map<string, ResourceType>([
      ["clusterclaw:process:Software", softwareType(completion) as ResourceType],
      ["clusterclaw:process:Directory", directoryType as ResourceType],
      ["clusterclaw:process:ConfigFiles", configFilesType as ResourceType],
      ["clusterclaw:process:Process", processType(launcher) as ResourceType],
    ]);
  }

  async configure(): Promise<void> {}

  async check({ type, news }: CheckRequest): Promise<CheckResult> {
    const parsed = this.#typeOf(type).schema.safeParse(news);
    const failures = parsed.success ? [] : parsed.error.issues.flatMap((issue) => toFailures(issue, news));
    return { inputs: news, failures };
  }

  async diff({ type, oldInputs, oldOutputs, news, ignoreChanges }: DiffRequest): Promise<DiffResult> {
    const resource = this.#typeOf(type);
    const inputDiffs = diffProperties(oldInputs, news);
    // What was found on the host may differ from what was declared last.
    const planned = resource.plan(news);
    const drift = diffProperties(pick(oldOutputs, planned), pick(planned, oldOutputs));
    const drifted = Object.entries(drift).filter(([path]) => topLevel(path) in news);
    const changed = Object.entries({ ...Object.fromEntries(drifted), ...inputDiffs }).filter(
      ([path]) => !((resource.toldBy?.[topLevel(path)] ?? "") in inputDiffs),
    );
    const detailedDiff: Record<string, { kind: DiffKind; inputDiff: boolean }> = {};
    for (const [path, kind] of changed.length > 0 ? changed : Object.entries(drift)) {
      if (!ignoreChanges.some((ignored) => path === ignored || path.startsWith(`${ignored}.`) || path.startsWith(`${ignored}[`))) {
        const replaces = resource.replaceOn.includes(topLevel(path));
        detailedDiff[path] = { kind: replaces ? (`${kind}-replace` as DiffKind) : kind, inputDiff: path in inputDiffs };
      }
    }
    const paths = Object.keys(detailedDiff);
    return {
      changes: paths.length === 0 ? "none" : "some",
      replaces: [...new Set(paths.map(topLevel))].filter((key) => resource.replaceOn.includes(key)),
      diffs: [...new Set(paths.map(topLevel))],
      detailedDiff,
      deleteBeforeReplace: resource.deleteBeforeReplace,
    };
  }

  async create({ type, inputs, preview, signal }: CreateRequest): Promise<{ id: string; outputs: PropertyMap }> {
    const resource = this.#typeOf(type);
    return preview
      ? { id: "", outputs: resource.plan(inputs) }
      : { id: resource.idOf(inputs), outputs: await resource.create(resource.schema.parse(inputs), { signal }) };
  }

  idOf(type: string, inputs: PropertyMap): string | undefined {
    return this.#types.get(type)?.idOf(inputs);
  }

  async read({ type, id, inputs }: ReadRequest): Promise<{ id: string; inputs?: PropertyMap; outputs?: PropertyMap }> {
    const resource = this.#typeOf(type);
    const parsed = resource.schema.safeParse(inputs);
    if (!parsed.success) {
      throw new Error(`a ${type} can't be imported: declare it, and what exists is adopted`);
    }
    const found = await resource.read(parsed.data);
    return found ? { id, ...found } : { id: "" };
  }

  async update({ type, oldInputs, news, preview, signal }: UpdateRequest): Promise<{ outputs: PropertyMap }> {
    const resource = this.#typeOf(type);
    if (preview) {
      return { outputs: resource.plan(news) };
    }
    return { outputs: await resource.update(resource.schema.parse(oldInputs), resource.schema.parse(news), { signal }) };
  }

  async delete({ type, inputs, signal }: DeleteRequest): Promise<void> {
    const resource = this.#typeOf(type);
    await resource.delete(resource.schema.parse(inputs), { signal });
  }

  #typeOf(type: string): ResourceType {
    const found = this.#types.get(type);
    if (!found) {
      throw new Error(`the package 'clusterclaw' has no resource type '${type}'; it has ${[...this.#types.keys()].join(", ")}`);
    }
    return found;
  }
}

/** Failures of what is known by now; an unknown value is checked when it is known. */
function toFailures(issue: z.core.$ZodIssue, news: PropertyMap): CheckFailure[] {
  const [top, ...rest] = issue.path;
  if (top !== undefined && hasUnknowns(news[String(top)])) {
    return [];
  }
  const property = rest.reduce<string>(
    (path, key) => (typeof key === "number" ? `${path}[${key}]` : `${path}.${String(key)}`),
    String(top ?? ""),
  );
  return [{ property, reason: issue.message }];
}

/** The properties that both have, as far as they are known in `other` and here. */
function pick(properties: PropertyMap, other: PropertyMap): PropertyMap {
  const both = Object.keys(properties).filter((key) => key in other && !hasUnknowns(properties[key]) && !hasUnknowns(other[key]));
  return Object.fromEntries(both.map((key) => [key, properties[key] ?? null]));
}

function topLevel(path: string): string {
  return /^[^.[]*/.exec(path)?.[0] ?? path;
}
