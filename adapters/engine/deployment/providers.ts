// One file, though a long one: a provider and the registry that configures, replaces and closes it know each other's state.
import { randomUUID } from "node:crypto";
import { gte, valid } from "semver";
import type { ResourceState } from "../contract/checkpoint.ts";
import {
  type CheckFailure,
  type CheckRequest,
  type CheckResult,
  type DiffResult,
  ResourceInitError,
  type ResourceProvider,
} from "../contract/provider.ts";
import { makeReference, parseReference, parseUrn, providerPackage } from "../contract/urn.ts";
import {
  hasSecrets,
  hasUnknowns,
  isObject,
  makeSecret,
  mapEntries,
  type PropertyMap,
  UNKNOWN_VALUE,
  unwrapSecret,
} from "../contract/values.ts";
import type { ProviderHost, WantedPlugin } from "../operation.ts";
import type { NamingDecision } from "./autonaming.ts";
import type { Diff } from "./diff.ts";
import { isReplace, keepIgnored, noDiff, resolveDiff, someDiff } from "./diff.ts";
import { deepEqual, remarkSecrets, stripSecrets } from "./properties.ts";

/** The provider's configuration is not known yet (a preview), so it can't be asked: an update is assumed. */
export class DiffUnavailableError extends Error {
  constructor() {
    super(
      "The provider for this resource has inputs that are not known during preview.\n" +
        "This preview may not correctly represent the changes that will be applied during an update.",
    );
    this.name = "DiffUnavailableError";
  }
}

export interface ResourceIdentity {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly signal: AbortSignal;
  readonly log: NonNullable<CheckRequest["log"]>;
}

/** A provider with the configuration of one provider resource. Keeps secrets from those that do not take them. */
export class ConfiguredProvider {
  readonly plugin: ResourceProvider;
  /** False in a preview whose configuration is not fully known: then the provider is not called. */
  readonly isKnown: boolean;

  constructor(plugin: ResourceProvider, isKnown: boolean) {
    this.plugin = plugin;
    this.isKnown = isKnown;
  }

  async check(
    identity: ResourceIdentity,
    olds: PropertyMap,
    news: PropertyMap,
    { randomSeed, naming }: { randomSeed: Uint8Array; naming?: NamingDecision | undefined },
  ): Promise<CheckResult> {
    if (!this.isKnown) {
      return { inputs: news, failures: [] };
    }
    const follows = this.plugin.supportsNaming ?? false;
    if (naming?.isMeant && !follows) {
      const problem = "has a custom autonaming setting but the provider does not support autonaming configuration";
      identity.log("warning", `${identity.urn} resource ${problem}, consider upgrading to a newer version`);
    }
    const request = { ...identity, olds: this.#give(olds), news: this.#give(news), randomSeed };
    const result = await this.plugin.check({ ...request, ...(naming && follows && { naming: naming.naming }) });
    return { inputs: this.#take(result.inputs, news), failures: result.failures };
  }

  async diff(
    identity: ResourceIdentity,
    id: string,
    oldInputs: PropertyMap,
    oldOutputs: PropertyMap,
    news: PropertyMap,
    ignoreChanges: readonly string[],
  ): Promise<Diff> {
    if (!this.isKnown) {
      throw new DiffUnavailableError();
    }
    const diff = await this.plugin.diff({
      ...identity,
      id,
      oldInputs: this.#give(oldInputs),
      oldOutputs: this.#give(oldOutputs),
      news: this.#give(news),
      ignoreChanges,
    });
    if (diff.changes !== "unknown") {
      return resolveDiff(diff, oldInputs, news);
    }
    // What the provider filled in is ignored as well as what the program said.
    return resolveDiff(
      diff,
      oldInputs,
      keepIgnored(news, oldInputs, ignoreChanges, (message) => identity.log("info", message)),
    );
  }

  async create(
    identity: ResourceIdentity,
    inputs: PropertyMap,
    preview: boolean,
    timeoutSeconds: number,
  ): Promise<{ id: string; outputs: PropertyMap }> {
    if (!this.isKnown) {
      return { id: "", outputs: {} };
    }
    if (preview && !this.plugin.supportsPreview) {
      return { id: "", outputs: inputs };
    }
    const request = { ...identity, inputs: this.#give(inputs), preview, timeoutSeconds };
    const { id, outputs } = await this.#partial(inputs, () => this.plugin.create(request));
    return { id, outputs: this.#take(outputs, inputs) };
  }

  async read(
    identity: ResourceIdentity,
    id: string,
    inputs: PropertyMap,
    outputs: PropertyMap,
  ): Promise<{ id: string; inputs: PropertyMap | undefined; outputs: PropertyMap | undefined }> {
    if (!this.isKnown) {
      return { id, inputs: undefined, outputs: {} };
    }
    const request = { ...identity, id, inputs: this.#give(inputs), outputs: this.#give(outputs) };
    const read = await this.#partial(outputs, () => this.plugin.read(request), inputs);
    return {
      id: read.id,
      inputs: read.inputs && this.#take(read.inputs, inputs),
      outputs: read.outputs && this.#take(read.outputs, outputs),
    };
  }

  async update(
    identity: ResourceIdentity,
    old: { id: string; inputs: PropertyMap; outputs: PropertyMap },
    news: PropertyMap,
    ignoreChanges: readonly string[],
    preview: boolean,
    timeoutSeconds: number,
  ): Promise<PropertyMap> {
    if (!this.isKnown) {
      return {};
    }
    if (preview && !this.plugin.supportsPreview) {
      return news;
    }
    const request = {
      ...identity,
      id: old.id,
      oldInputs: this.#give(old.inputs),
      oldOutputs: this.#give(old.outputs),
      news: this.#give(news),
      ignoreChanges,
      preview,
      timeoutSeconds,
    };
    const { outputs } = await this.#partial(news, () => this.plugin.update(request));
    return this.#take(outputs, news);
  }

  async delete(identity: ResourceIdentity, id: string, inputs: PropertyMap, outputs: PropertyMap, timeoutSeconds: number): Promise<void> {
    await this.plugin.delete({
      ...identity,
      id,
      inputs: this.#give(inputs),
      outputs: this.#give(outputs),
      timeoutSeconds,
    });
  }

  async invoke(token: string, args: PropertyMap): Promise<{ outputs: PropertyMap; failures: CheckFailure[] }> {
    if (!this.plugin.invoke) {
      throw new Error(`the ${this.plugin.packageName} provider has no functions`);
    }
    const answer = await this.plugin.invoke(token, this.#give(args));
    const hides = !this.plugin.acceptsSecrets && hasSecrets(args);
    return hides ? { ...answer, outputs: mapEntries(answer.outputs, makeSecret) } : answer;
  }

  /** What a partly failed call left behind keeps its secrets, as the outcome of a good one does. */
  async #partial<T>(known: PropertyMap, call: () => Promise<T>, knownInputs?: PropertyMap): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ResourceInitError) || this.plugin.acceptsSecrets) {
        throw error;
      }
      const inputs = error.inputs && knownInputs ? remarkSecrets(error.inputs, knownInputs) : error.inputs;
      throw new ResourceInitError(error.id, remarkSecrets(error.outputs, known), error.reasons, inputs);
    }
  }
  #give(map: PropertyMap): PropertyMap {
    return this.plugin.acceptsSecrets ? map : stripSecrets(map);
  }
  #take(map: PropertyMap, known: PropertyMap): PropertyMap {
    return this.plugin.acceptsSecrets ? map : remarkSecrets(map, known);
  }
}

/** Part of a provider resource's inputs that belongs to the engine: the provider never sees it. */
const INTERNAL_KEY = "__internal";

export function providerInputs(config: PropertyMap, { version, pluginDownloadUrl, envVarMappings = {} }: WantedPlugin): PropertyMap {
  const isMapped = Object.keys(envVarMappings).length > 0;
  if (!version && !pluginDownloadUrl && !isMapped) {
    return config;
  }
  const internal = isObject(config[INTERNAL_KEY]) ? config[INTERNAL_KEY] : {};
  return {
    ...config,
    ...(version && { version }),
    [INTERNAL_KEY]: {
      ...internal,
      ...(pluginDownloadUrl && { pluginDownloadURL: pluginDownloadUrl }),
      ...(isMapped && { envVarMappings: { ...envVarMappings } }),
    },
  };
}
function withoutInternal(inputs: PropertyMap): PropertyMap {
  if (!(INTERNAL_KEY in inputs)) {
    return inputs;
  }
  const { [INTERNAL_KEY]: _, ...rest } = inputs;
  return rest;
}

/**
 * Provider resources, and the providers that they stand for. To the rest of the engine it is the provider of provider resources:
 * their Check and Diff go to the provider's CheckConfig and DiffConfig; Create, Update and Same configure it.
 */
export class ProviderRegistry {
  readonly #host: ProviderHost;
  readonly #builtin: ResourceProvider;
  readonly #findOld: (urn: string, id: string) => ResourceState | undefined;
  readonly #warn: (message: string) => void;
  readonly #configured = new Map<string, ConfiguredProvider>();
  readonly #checked = new Map<string, ResourceProvider>();
  readonly #loading = new Map<string, Promise<void>>();
  readonly #plugins = new Set<ResourceProvider>();

  constructor(
    host: ProviderHost,
    builtin: ResourceProvider,
    tell: { findOld: (urn: string, id: string) => ResourceState | undefined; warn: (message: string) => void },
  ) {
    this.#host = host;
    this.#builtin = builtin;
    this.#findOld = tell.findOld;
    this.#warn = tell.warn;
  }

  find(reference: string): ConfiguredProvider | undefined {
    return this.#configured.get(reference);
  }

  /** The provider of a reference; one that only the old state knows is configured from there. */
  async get(reference: string): Promise<ConfiguredProvider> {
    const known = this.#configured.get(reference);
    if (known) {
      return known;
    }
    const { urn, id } = parseReference(reference);
    let loading = this.#loading.get(reference);
    if (!loading) {
      const old = this.#findOld(urn, id);
      if (!old) {
        throw new Error(`unknown provider '${reference}'`);
      }
      loading = this.same(old);
      this.#loading.set(reference, loading);
    }
    await loading;
    const loaded = this.#configured.get(reference);
    if (!loaded) {
      throw new Error(`unknown provider '${reference}'`);
    }
    return loaded;
  }

  async cancel(): Promise<void> {
    await Promise.allSettled([...this.#plugins].map((plugin) => plugin.cancel?.()));
  }

  async check(urn: string, olds: PropertyMap, news: PropertyMap, signal: AbortSignal): Promise<CheckResult> {
    const plugin = await this.#load(urn, news);
    this.#checked.set(urn, plugin);
    if (!plugin.checkConfig) {
      return { inputs: news, failures: [] };
    }
    const { type, name } = parseUrn(urn);
    const given = withoutInternal(news);
    const result = await plugin.checkConfig({
      urn,
      type,
      name,
      signal,
      olds: stripSecrets(withoutInternal(olds)),
      news: stripSecrets(given),
      randomSeed: new Uint8Array(32),
    });
    if (result.failures.length > 0) {
      return result;
    }
    const inputs = remarkSecrets(result.inputs, given);
    if ("version" in news) {
      if ("version" in inputs && !deepEqual(inputs["version"], news["version"])) {
        throw new Error(`provider "${urn}" attempted to change version`);
      }
      inputs["version"] = news["version"] ?? null;
    }
    if (INTERNAL_KEY in news) {
      inputs[INTERNAL_KEY] = news[INTERNAL_KEY] ?? null;
    }
    return { inputs, failures: [] };
  }

  async diff(
    urn: string,
    id: string,
    oldInputs: PropertyMap,
    oldOutputs: PropertyMap,
    news: PropertyMap,
    ignoreChanges: readonly string[],
  ): Promise<Diff> {
    const plugin = this.#checked.get(urn) ?? (await this.get(makeReference(urn, id))).plugin;
    const given = withoutInternal(news);
    const diff = await diffConfig(plugin, urn, id, withoutInternal(oldInputs), oldOutputs, given, ignoreChanges);
    if (diff.changes !== "unknown") {
      return resolveDiff(diff, oldInputs, news);
    }
    return deepEqual(oldOutputs, given) ? noDiff : someDiff;
  }

  /** Whether resources of the old provider must be replaced when they move to the new one. */
  async movesReplace(oldProvider: ResourceState, newProvider: ResourceState, newReference: string): Promise<boolean> {
    const { plugin } = await this.get(newReference);
    const oldInputs = withoutInternal(oldProvider.inputs ?? {});
    const news = withoutInternal(newProvider.inputs ?? {});
    const id = newProvider.id ?? "";
    const diff = await diffConfig(plugin, newProvider.urn, id, oldInputs, oldProvider.outputs ?? {}, news, []);
    return isReplace(resolveDiff({ ...diff, changes: diff.changes === "unknown" ? "some" : diff.changes }, oldInputs, news));
  }

  async create(urn: string, inputs: PropertyMap, preview: boolean): Promise<{ id: string; outputs: PropertyMap }> {
    const plugin = this.#takeChecked(urn) ?? (await this.#load(urn, inputs));
    const id = preview ? UNKNOWN_VALUE : randomUUID();
    const outputs = withoutInternal(inputs);
    await this.#configure(makeReference(urn, id), plugin, outputs);
    return { id, outputs };
  }

  async update(urn: string, id: string, inputs: PropertyMap): Promise<PropertyMap> {
    const plugin = this.#takeChecked(urn) ?? (await this.#load(urn, inputs));
    const outputs = withoutInternal(inputs);
    await this.#configure(makeReference(urn, id), plugin, outputs);
    return outputs;
  }

  /** A provider that stays as it is. */
  async same(state: ResourceState): Promise<void> {
    const reference = makeReference(state.urn, state.id ?? "");
    if (this.#configured.has(reference)) {
      return;
    }
    const inputs = state.inputs ?? {};
    const plugin = this.#takeChecked(state.urn) ?? (await this.#load(state.urn, inputs));
    await this.#configure(reference, plugin, withoutInternal(inputs));
  }

  /** The provider goes by another name now: states that still refer to the old one find it too. */
  alias(reference: string, other: string): void {
    const provider = this.#configured.get(reference);
    if (provider) {
      this.#configured.set(other, provider);
    }
  }

  #takeChecked(urn: string): ResourceProvider | undefined {
    const plugin = this.#checked.get(urn);
    this.#checked.delete(urn);
    return plugin;
  }

  async #load(urn: string, inputs: PropertyMap): Promise<ResourceProvider> {
    const packageName = providerPackage(parseUrn(urn).type);
    if (packageName === "pulumi") {
      return this.#builtin;
    }
    const internal = isObject(inputs[INTERNAL_KEY]) ? inputs[INTERNAL_KEY] : {};
    const version = text(inputs["version"]);
    const mappings = Object.entries(isObject(internal["envVarMappings"]) ? internal["envVarMappings"] : {});
    const plugin = await this.#host.load(packageName, {
      version,
      pluginDownloadUrl: text(internal["pluginDownloadURL"]),
      envVarMappings: Object.fromEntries(mappings.map(([from, to]) => [from, String(to)])),
    });
    if (version && !(valid(plugin.version) && gte(plugin.version, version))) {
      this.#warn(
        `resource plugin ${packageName} is expected to have version >=${version}, but has ${plugin.version}; ` +
          "the wrong version may be on your path, or this may be a bug in the plugin",
      );
    }
    this.#plugins.add(plugin);
    return plugin;
  }

  async #configure(reference: string, plugin: ResourceProvider, config: PropertyMap): Promise<void> {
    const isKnown = !hasUnknowns(config);
    if (isKnown && !this.#configured.has(reference)) {
      await plugin.configure(plugin.acceptsSecrets ? config : stripSecrets(config));
    }
    this.#configured.set(reference, new ConfiguredProvider(plugin, isKnown));
  }
}

async function diffConfig(
  plugin: ResourceProvider,
  urn: string,
  id: string,
  oldInputs: PropertyMap,
  oldOutputs: PropertyMap,
  news: PropertyMap,
  ignoreChanges: readonly string[],
): Promise<DiffResult> {
  if (!plugin.diffConfig) {
    return { changes: "unknown" };
  }
  const { type, name } = parseUrn(urn);
  const [plainInputs, plainOutputs, plainNews] = [oldInputs, oldOutputs, news].map(stripSecrets) as [PropertyMap, PropertyMap, PropertyMap];
  return plugin.diffConfig({ urn, type, name, id, oldInputs: plainInputs, oldOutputs: plainOutputs, news: plainNews, ignoreChanges });
}

function text(value: PropertyMap[string] | undefined): string | undefined {
  const plain = value === undefined ? undefined : unwrapSecret(value);
  return typeof plain === "string" && plain !== "" ? plain : undefined;
}
