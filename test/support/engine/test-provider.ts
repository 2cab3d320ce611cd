import { setTimeout as sleep } from "node:timers/promises";
import {
  type CheckFailure,
  type CheckRequest,
  type CheckResult,
  type CreateRequest,
  type DeleteRequest,
  type DiffKind,
  type DiffRequest,
  type DiffResult,
  type ReadRequest,
  ResourceInitError,
  type ResourceProvider,
  type UpdateRequest,
} from "../../../adapters/engine/contract/provider.ts";
import type { PropertyMap, PropertyValue } from "../../../adapters/engine/contract/values.ts";
import type { Misbehaviour, World } from "./test-world.ts";

export interface TestProviderOptions {
  /** @default "testing" */
  readonly packageName?: string;
  readonly acceptsSecrets?: boolean;
  readonly supportsPreview?: boolean;
  readonly supportsNaming?: boolean;
  /** Ids follow from the properties `label` and those that replace, as those of folders and of objects in a cluster do. */
  readonly knowsIds?: boolean;
}

/**
 * A provider whose behaviour is in the names of its properties, so that it does the same in process and as a plugin:
 * `replace…` replaces when changed, `dbr…` replaces with the old one deleted first, `invalid` fails its check with the value as
 * reason, `delayMs` makes create, update and delete take that long, anything else updates in place. Outputs are the inputs and
 * `revision`, which counts writes. The type says how a diff is told: `Thing` in detail, `Plain` by keys, `Vague` not at all;
 * `Named` has a `name` of its own making when none is given, in small letters when it is only proposed.
 */
export class TestProvider implements ResourceProvider {
  readonly packageName: string;
  readonly version = "1.0.0";
  readonly acceptsSecrets: boolean;
  readonly supportsPreview: boolean;
  readonly supportsNaming: boolean;
  readonly #world: World;
  readonly #knowsIds: boolean;
  config: PropertyMap = {};

  constructor(world: World, options: TestProviderOptions = {}) {
    this.#world = world;
    this.#knowsIds = options.knowsIds ?? false;
    this.packageName = options.packageName ?? "testing";
    this.acceptsSecrets = options.acceptsSecrets ?? true;
    this.supportsPreview = options.supportsPreview ?? true;
    this.supportsNaming = options.supportsNaming ?? true;
  }

  async checkConfig(req: CheckRequest): Promise<CheckResult> {
    return { inputs: req.news, failures: failuresOf(req.news) };
  }
  async diffConfig(req: DiffRequest): Promise<DiffResult> {
    return detailedDiff(req.oldInputs, req.news);
  }
  async configure(config: PropertyMap): Promise<void> {
    this.config = config;
    this.#world.record({ op: "configure", name: this.packageName });
  }
  async check(req: CheckRequest): Promise<CheckResult> {
    this.#act("check", req.name);
    const failures = failuresOf(req.news);
    if (typeOf(req.type) !== "Named" || req.news["name"] !== undefined) {
      return { inputs: req.news, failures };
    }
    if (req.naming?.mode === "disable" && req.olds["name"] === undefined) {
      return { inputs: req.news, failures: [...failures, { property: "name", reason: "is required: naming is disabled" }] };
    }
    const named = req.naming && (req.naming.mode === "enforce" ? req.naming.proposedName : req.naming.proposedName.toLowerCase());
    const name = req.olds["name"] ?? named ?? `${req.name}-${Buffer.from(req.randomSeed.subarray(0, 4)).toString("hex")}`;
    return { inputs: { ...req.news, name }, failures };
  }
  async diff(req: DiffRequest): Promise<DiffResult> {
    this.#act("diff", req.name);
    const diff = detailedDiff(req.oldInputs, req.news);
    switch (typeOf(req.type)) {
      case "Vague":
        return { changes: "unknown" };
      case "Plain": {
        const { detailedDiff: _untold, ...plain } = diff;
        return plain;
      }
      default:
        return diff;
    }
  }
  async create(req: CreateRequest): Promise<{ id: string; outputs: PropertyMap }> {
    this.#world.record({ op: "create", name: req.name, preview: req.preview });
    if (req.preview) {
      return { id: "", outputs: req.inputs };
    }
    await this.#passes(req.name, req.inputs);
    const { partial, emptyId } = this.#act("create", req.name);
    if (emptyId) {
      return { id: "", outputs: req.inputs };
    }
    const id = this.#knowsIds ? knownId(req.inputs) : this.#world.newId(req.name);
    const outputs = { ...req.inputs, revision: 1 };
    this.#world.set(id, { type: req.type, inputs: req.inputs, outputs });
    if (partial) {
      throw new ResourceInitError(id, outputs, partial, req.inputs);
    }
    return { id, outputs };
  }
  idOf(_type: string, inputs: PropertyMap): string | undefined {
    return this.#knowsIds ? knownId(inputs) : undefined;
  }
  async read(req: ReadRequest): Promise<{ id: string; inputs?: PropertyMap; outputs?: PropertyMap }> {
    this.#world.record({ op: "read", name: req.name, id: req.id });
    const { partial } = this.#act("read", req.name);
    const found = this.#world.get(req.id);
    if (!found) {
      return { id: "" };
    }
    if (partial) {
      throw new ResourceInitError(req.id, found.outputs, partial, found.inputs);
    }
    return { id: req.id, inputs: found.inputs, outputs: found.outputs };
  }
  async update(req: UpdateRequest): Promise<{ outputs: PropertyMap }> {
    this.#world.record({ op: "update", name: req.name, id: req.id, preview: req.preview });
    const revision = Number(req.oldOutputs["revision"] ?? 0) + 1;
    if (req.preview) {
      return { outputs: { ...req.news, revision } };
    }
    await this.#passes(req.name, req.news);
    const { partial } = this.#act("update", req.name);
    const outputs = { ...req.news, revision };
    this.#world.set(req.id, { type: req.type, inputs: req.news, outputs });
    if (partial) {
      throw new ResourceInitError(req.id, outputs, partial, req.news);
    }
    return { outputs };
  }
  async delete(req: DeleteRequest): Promise<void> {
    this.#world.record({ op: "delete", name: req.name, id: req.id });
    await this.#passes(req.name, req.inputs);
    this.#act("delete", req.name);
    this.#world.delete(req.id);
  }
  async invoke(token: string, args: PropertyMap): Promise<{ outputs: PropertyMap; failures: CheckFailure[] }> {
    this.#act("invoke", token.split(":").at(-1) ?? "");
    return { outputs: { ...args, config: this.config }, failures: failuresOf(args) };
  }
  async cancel(): Promise<void> {
    this.#world.record({ op: "cancel", name: this.packageName });
  }

  async #passes(name: string, { delayMs }: PropertyMap): Promise<void> {
    if (typeof delayMs === "number") {
      await sleep(delayMs);
    }
    await this.#world.letGo(name);
  }
  #act(op: string, name: string): Pick<Misbehaviour, "partial" | "emptyId"> {
    const misbehaviour = this.#world.takeMisbehaviour(op, name);
    if (misbehaviour?.exit) {
      process.exit(1);
    }
    if (misbehaviour?.error !== undefined) {
      throw new Error(misbehaviour.error);
    }
    return misbehaviour ?? {};
  }
}

/** `a-1-2`: the label and what would replace it. */
function knownId({ label, replaceKey, replaceFrom, dbrKey }: PropertyMap): string {
  return [label, replaceKey, replaceFrom, dbrKey].filter((part) => part !== undefined).join("-");
}

function typeOf(token: string): string {
  return token.split(":").at(-1) ?? "";
}

function failuresOf(inputs: PropertyMap): CheckFailure[] {
  const { invalid } = inputs;
  return typeof invalid === "string" ? [{ property: "invalid", reason: invalid }] : [];
}

function detailedDiff(olds: PropertyMap, news: PropertyMap): DiffResult {
  const changed = [...new Set([...Object.keys(olds), ...Object.keys(news)])].filter(
    (key) => stable(own(olds, key)) !== stable(own(news, key)),
  );
  if (changed.length === 0) {
    return { changes: "none" };
  }
  const replaces = changed.filter((key) => key.startsWith("replace") || key.startsWith("dbr"));
  const kindOf = (key: string): DiffKind => {
    const kind = !Object.hasOwn(olds, key) ? "add" : Object.hasOwn(news, key) ? "update" : "delete";
    return replaces.includes(key) ? `${kind}-replace` : kind;
  };
  return {
    changes: "some",
    replaces,
    diffs: changed,
    deleteBeforeReplace: changed.some((key) => key.startsWith("dbr")),
    detailedDiff: Object.fromEntries(changed.map((key) => [key, { kind: kindOf(key), inputDiff: true }])),
  };
}

function own(map: PropertyMap, key: string): PropertyValue | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function stable(value: PropertyValue | undefined): string {
  if (value === undefined) {
    return "undefined";
  }
  return JSON.stringify(value, (_key, inner) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
