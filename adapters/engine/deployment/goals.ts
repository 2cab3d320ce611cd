import type resourcePb from "@pulumi/pulumi/proto/resource_pb.js";
import type { PropertyMap, PropertyValue } from "../contract/values.ts";
import type { Alias, Goal } from "./steps.ts";
import { fromStruct, fromValue } from "./structs.ts";

/** What the program asked for, before providers and inherited options are settled. */
export interface Registration extends Goal {
  inputs: PropertyMap;
  readonly remote: boolean;
  readonly providers: ReadonlyMap<string, string>;
  readonly version: string;
  readonly pluginDownloadUrl: string;
  readonly packageRef: string;
  readonly envVarMappings: Readonly<Record<string, string>>;
  readonly acceptsSecrets: boolean;
}

export function decodeRegistration(request: resourcePb.RegisterResourceRequest): Registration {
  const carried = new Map<string, ReadonlySet<string>>();
  const inputs = fromStruct(request.getObject(), (key, urns) => {
    carried.set(key, new Set([...(carried.get(key) ?? []), ...urns]));
  });
  const dependencies = [...new Set(request.getDependenciesList())].sort();
  const trigger = request.getReplacementTrigger();
  const isDeleteBeforeReplaceSet = request.getDeletebeforereplacedefined() || request.getDeletebeforereplace();
  return {
    type: request.getType(),
    name: request.getName(),
    custom: request.getCustom(),
    remote: request.getRemote(),
    inputs,
    parent: request.getParent() || undefined,
    provider: request.getProvider() || undefined,
    providers: toMap(request.getProvidersMap()),
    version: request.getVersion(),
    pluginDownloadUrl: request.getPlugindownloadurl(),
    packageRef: request.getPackageref(),
    envVarMappings: Object.fromEntries(request.getEnvvarmappingsMap().getEntryList()),
    acceptsSecrets: request.getAcceptsecrets(),
    dependencies,
    propertyDependencies: propertyDependencies(request, inputs, dependencies, carried),
    protect: request.hasProtect() ? request.getProtect() : undefined,
    retainOnDelete: request.hasRetainondelete() ? request.getRetainondelete() : undefined,
    deleteBeforeReplace: isDeleteBeforeReplaceSet ? request.getDeletebeforereplace() : undefined,
    deletedWith: request.getDeletedwith() || undefined,
    replaceWith: request.getReplaceWithList(),
    replacementTrigger: trigger ? toTrigger(fromValue(trigger, "replacementTrigger")) : undefined,
    ignoreChanges: request.getIgnorechangesList(),
    replaceOnChanges: request.getReplaceonchangesList(),
    hideDiffs: request.getHidediffsList(),
    additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
    aliases: [...request.getAliasurnsList().map((urn) => ({ urn })), ...request.getAliasesList().map(decodeAlias)],
    importId: request.getImportid() || undefined,
    customTimeouts: decodeTimeouts(request.getCustomtimeouts()),
    resourceHooks: decodeHooks(request.getHooks()),
  };
}

/** Without any given, every property depends on all that the resource depends on. */
function propertyDependencies(
  request: resourcePb.RegisterResourceRequest,
  inputs: PropertyMap,
  dependencies: readonly string[],
  carried: ReadonlyMap<string, ReadonlySet<string>>,
): Record<string, string[]> {
  const given = request.getPropertydependenciesMap();
  const found = new Map<string, ReadonlySet<string>>();
  if (given.getLength() === 0) {
    for (const property in inputs) {
      found.set(property, new Set(dependencies));
    }
  } else {
    given.forEach((urns, property) => {
      found.set(property, new Set(urns.getUrnsList()));
    });
  }
  for (const property in inputs) {
    found.set(property, new Set([...(found.get(property) ?? []), ...(carried.get(property) ?? [])]));
  }
  return Object.fromEntries([...found].map(([property, urns]) => [property, [...urns].sort()]));
}

type AliasMessage = ReturnType<resourcePb.RegisterResourceRequest["getAliasesList"]>[number];
function decodeAlias(alias: AliasMessage): Alias {
  const spec = alias.getSpec();
  if (!spec) {
    return { urn: alias.getUrn() };
  }
  return {
    name: spec.getName(),
    type: spec.getType(),
    stack: spec.getStack(),
    project: spec.getProject(),
    parent: spec.hasParenturn() ? spec.getParenturn() : "",
    noParent: spec.hasNoparent() && spec.getNoparent(),
  };
}

function decodeHooks(hooks: resourcePb.RegisterResourceRequest.ResourceHooksBinding | undefined): Goal["resourceHooks"] {
  const named = Object.entries({
    BeforeCreate: hooks?.getBeforeCreateList() ?? [],
    AfterCreate: hooks?.getAfterCreateList() ?? [],
    BeforeUpdate: hooks?.getBeforeUpdateList() ?? [],
    AfterUpdate: hooks?.getAfterUpdateList() ?? [],
    BeforeDelete: hooks?.getBeforeDeleteList() ?? [],
    AfterDelete: hooks?.getAfterDeleteList() ?? [],
    OnError: hooks?.getOnErrorList() ?? [],
  }).filter(([, names]) => names.length > 0);
  return named.length > 0 ? Object.fromEntries(named) : undefined;
}

type TimeoutsMessage = ReturnType<resourcePb.RegisterResourceRequest["getCustomtimeouts"]>;
function decodeTimeouts(timeouts: TimeoutsMessage): Goal["customTimeouts"] {
  if (!timeouts) {
    return undefined;
  }
  const seconds: NonNullable<Goal["customTimeouts"]> = {};
  if (timeouts.getCreate()) {
    seconds.create = toSeconds(timeouts.getCreate());
  }
  if (timeouts.getUpdate()) {
    seconds.update = toSeconds(timeouts.getUpdate());
  }
  if (timeouts.getDelete()) {
    seconds.delete = toSeconds(timeouts.getDelete());
  }
  if (timeouts.getRead()) {
    seconds.read = toSeconds(timeouts.getRead());
  }
  return Object.keys(seconds).length > 0 ? seconds : undefined;
}

const unitSeconds: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/** A Go duration, such as `1h30m`. @throws when it is none. */
function toSeconds(duration: string): number {
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== duration) {
    throw new Error(`unable to parse customTimeout Value ${duration}`);
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitSeconds[unit ?? ""] ?? 0), 0);
}

function toTrigger(value: PropertyValue): PropertyValue | undefined {
  return value === null ? undefined : value;
}
function toMap(map: { forEach(visit: (value: string, key: string) => void): void }): Map<string, string> {
  const copy = new Map<string, string>();
  map.forEach((value, key) => {
    copy.set(key, value);
  });
  return copy;
}
