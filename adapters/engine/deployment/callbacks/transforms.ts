import aliasPb from "@pulumi/pulumi/proto/alias_pb.js";
import type callbackPb from "@pulumi/pulumi/proto/callback_pb.js";
import resourcePb from "@pulumi/pulumi/proto/resource_pb.js";
import structPb from "google-protobuf/google/protobuf/struct_pb.js";
import {
  isObject,
  isSecret,
  isUnknown,
  mapProperties,
  OUTPUT_VALUE_SIGNATURE,
  type PropertyMap,
  type PropertyValue,
  RESOURCE_REFERENCE_SIGNATURE,
  SIGNATURE_KEY,
} from "../../contract/values.ts";
import { fromStruct } from "../structs.ts";
import { type CallbackClients, CallbackError } from "./callback-clients.ts";

type RegisterRequest = resourcePb.RegisterResourceRequest;
type Options = resourcePb.TransformResourceOptions;

/** Functions of the program that change registrations and invokes before the engine sees them. */
export class Transforms {
  readonly #clients: CallbackClients;
  readonly #ofStack: callbackPb.Callback[] = [];
  readonly #ofInvokes: callbackPb.Callback[] = [];
  /** What children go through too, by URN. */
  readonly #ofResources = new Map<string, { callbacks: readonly callbackPb.Callback[]; parent: string }>();

  constructor(clients: CallbackClients) {
    this.#clients = clients;
  }

  addToStack(callback: callbackPb.Callback): void {
    this.#ofStack.push(callback);
  }
  addToInvokes(callback: callbackPb.Callback): void {
    this.#ofInvokes.push(callback);
  }
  addToResource(urn: string, request: RegisterRequest): void {
    this.#ofResources.set(urn, { callbacks: request.getTransformsList(), parent: request.getParent() });
  }

  /**
   * Runs a registration through its own transforms, those of its parents and those of the stack, and puts the result into the request.
   * @returns the properties as they were before; nothing when there are no transforms
   */
  async apply(request: RegisterRequest): Promise<PropertyMap | undefined> {
    const own = request.getTransformsList();
    const callbacks = [...own, ...this.#inherited(request.getParent()), ...this.#ofStack];
    if (callbacks.length === 0) {
      return undefined;
    }
    const before = request.getObject() ?? new structPb.Struct();
    let properties = structPb.Struct.fromJavaScript(asSeen(request, before.toJavaScript() as PropertyMap));
    let options = optionsOf(request);
    for (const callback of callbacks) {
      const message = new resourcePb.TransformRequest()
        .setName(request.getName())
        .setType(request.getType())
        .setParent(request.getParent())
        .setCustom(request.getCustom())
        .setProperties(properties)
        .setOptions(options);
      const called = await this.#clients.call(callback, message.serializeBinary()).catch((error: Error) => {
        throw new Error(`invoke transform: ${error instanceof CallbackError ? error.wrapped : error.message}`);
      });
      const answer = resourcePb.TransformResponse.deserializeBinary(called);
      properties = answer.getProperties() ?? properties;
      options = answer.getOptions() ?? options;
    }
    request.setObject(properties);
    setOptions(request, options);
    if (own.length > 0) {
      setDependencies(request, properties, options);
    }
    return fromStruct(before);
  }

  async applyToInvoke(request: resourcePb.ResourceInvokeRequest): Promise<void> {
    for (const callback of this.#ofInvokes) {
      const options = new resourcePb.TransformInvokeOptions()
        .setProvider(request.getProvider())
        .setVersion(request.getVersion())
        .setPluginDownloadUrl(request.getPlugindownloadurl());
      const message = new resourcePb.TransformInvokeRequest().setToken(request.getTok()).setOptions(options);
      message.setArgs(request.getArgs() ?? new structPb.Struct());
      const answer = resourcePb.TransformInvokeResponse.deserializeBinary(await this.#clients.call(callback, message.serializeBinary()));
      const args = answer.getArgs();
      if (args) {
        request.setArgs(args);
      }
      const changed = answer.getOptions();
      if (changed) {
        request.setProvider(changed.getProvider()).setVersion(changed.getVersion());
        request.setPlugindownloadurl(changed.getPluginDownloadUrl());
      }
    }
  }

  *#inherited(parent: string): Generator<callbackPb.Callback> {
    for (let above = this.#ofResources.get(parent); above; above = this.#ofResources.get(above.parent)) {
      yield* above.callbacks;
    }
  }
}

function optionsOf(request: RegisterRequest): Options {
  const options = new resourcePb.TransformResourceOptions()
    .setImport(request.getImportid())
    .setDependsOnList(request.getDependenciesList())
    .setIgnoreChangesList(request.getIgnorechangesList())
    .setReplaceOnChangesList(request.getReplaceonchangesList())
    .setReplacementTrigger(request.getReplacementTrigger())
    .setVersion(request.getVersion())
    .setAliasesList([...request.getAliasurnsList().map((urn) => new aliasPb.Alias().setUrn(urn)), ...request.getAliasesList()])
    .setProvider(request.getProvider())
    .setHideDiffList(request.getHidediffsList())
    .setCustomTimeouts(request.getCustomtimeouts())
    .setPluginDownloadUrl(request.getPlugindownloadurl())
    .setDeletedWith(request.getDeletedwith())
    .setReplaceWithList(request.getReplaceWithList())
    .setAdditionalSecretOutputsList(request.getAdditionalsecretoutputsList())
    .setHooks(request.getHooks());
  copyMap(request.getProvidersMap(), options.getProvidersMap());
  if (request.hasProtect()) {
    options.setProtect(request.getProtect() === true);
  }
  if (request.hasRetainondelete()) {
    options.setRetainOnDelete(request.getRetainondelete() === true);
  }
  if (request.getDeletebeforereplacedefined() || request.getDeletebeforereplace()) {
    options.setDeleteBeforeReplace(request.getDeletebeforereplace() === true);
  }
  return options;
}

function setOptions(request: RegisterRequest, options: Options): void {
  request
    .setImportid(options.getImport())
    .setIgnorechangesList(options.getIgnoreChangesList())
    .setReplaceonchangesList(options.getReplaceOnChangesList())
    .setReplacementTrigger(options.getReplacementTrigger())
    .setVersion(options.getVersion())
    .setAliasurnsList([])
    .setAliasesList(options.getAliasesList())
    .setProvider(options.getProvider())
    .setHidediffsList(options.getHideDiffList())
    .setCustomtimeouts(options.getCustomTimeouts())
    .setPlugindownloadurl(options.getPluginDownloadUrl())
    .setDeletedwith(options.getDeletedWith())
    .setReplaceWithList(options.getReplaceWithList())
    .setAdditionalsecretoutputsList(options.getAdditionalSecretOutputsList())
    .setHooks(options.getHooks())
    .setDeletebeforereplacedefined(options.hasDeleteBeforeReplace())
    .setDeletebeforereplace(options.getDeleteBeforeReplace() === true);
  request.clearProvidersMap();
  copyMap(options.getProvidersMap(), request.getProvidersMap());
  request.clearProtect();
  if (options.hasProtect()) {
    request.setProtect(options.getProtect() === true);
  }
  request.clearRetainondelete();
  if (options.hasRetainOnDelete()) {
    request.setRetainondelete(options.getRetainOnDelete() === true);
  }
}

type ProvidersMap = ReturnType<Options["getProvidersMap"]>;
function copyMap(from: ProvidersMap, to: ProvidersMap): void {
  from.forEach((reference, packageName) => {
    to.set(packageName, reference);
  });
}

/** Properties as transforms see them: what is secret or unknown is an output, and for transforms of its own what depends on something. */
function asSeen(request: RegisterRequest, properties: PropertyMap): PropertyMap {
  const seen = mapProperties(properties, (value) => {
    if (isSecret(value)) {
      const { value: inner = null } = value;
      // Of what is secret and unknown the inner value was made an output already.
      const output = isObject(inner) && inner[SIGNATURE_KEY] === OUTPUT_VALUE_SIGNATURE ? inner : { value: inner };
      return { ...output, [SIGNATURE_KEY]: OUTPUT_VALUE_SIGNATURE, secret: true };
    }
    if (isObject(value) && value[SIGNATURE_KEY] === RESOURCE_REFERENCE_SIGNATURE && isObject(value["id"])) {
      // An ID that is not known is an output by now, which a reference can't have.
      return Object.fromEntries(Object.entries(value).filter(([key]) => key !== "id"));
    }
    return isUnknown(value) ? { [SIGNATURE_KEY]: OUTPUT_VALUE_SIGNATURE } : value;
  });
  if (request.getTransformsList().length === 0) {
    return seen;
  }
  const given = request.getPropertydependenciesMap();
  const entries = Object.entries(seen).map(([key, value]) => {
    const urns = given.getLength() === 0 ? request.getDependenciesList() : (given.get(key)?.getUrnsList() ?? []);
    const known = outputUrns(value);
    return [key, urns.every((urn) => known.has(urn)) ? value : withDependencies(value, urns)] as const;
  });
  return Object.fromEntries(entries);
}
function withDependencies(value: PropertyValue, urns: readonly string[]): PropertyValue {
  if (isObject(value) && value[SIGNATURE_KEY] === OUTPUT_VALUE_SIGNATURE) {
    return { ...value, dependencies: [...new Set([...((value["dependencies"] as string[] | undefined) ?? []), ...urns])] };
  }
  return { [SIGNATURE_KEY]: OUTPUT_VALUE_SIGNATURE, value, dependencies: [...urns] };
}
/** After a transform of its own a resource depends on what that says, and on what its properties carry. */
function setDependencies(request: RegisterRequest, properties: structPb.Struct, options: Options): void {
  const all = new Set(options.getDependsOnList());
  const map = request.getPropertydependenciesMap();
  map.clear();
  for (const [key, value] of Object.entries(properties.toJavaScript() as PropertyMap)) {
    const urns = outputUrns(value);
    map.set(key, new resourcePb.RegisterResourceRequest.PropertyDependencies().setUrnsList([...urns]));
    for (const urn of urns) {
      all.add(urn);
    }
  }
  request.setDependenciesList([...all]);
}

function outputUrns(value: PropertyValue, found = new Set<string>()): Set<string> {
  if (typeof value !== "object" || value === null) {
    return found;
  }
  if (isObject(value) && value[SIGNATURE_KEY] === OUTPUT_VALUE_SIGNATURE && Array.isArray(value["dependencies"])) {
    for (const urn of value["dependencies"]) {
      found.add(String(urn));
    }
  }
  for (const part of Object.values(value)) {
    outputUrns(part, found);
  }
  return found;
}
