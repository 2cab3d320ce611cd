import { createHash } from "node:crypto";
import { isObject, type PropertyMap, type PropertyValue } from "../../engine/contract/values.ts";
import { annotationOf, type KubeObject, mapAt, textAt, withoutAt } from "../../kubernetes/client/objects.ts";
import { belowItem, belowKey, type Fields, fieldsOf, isMerged, itemLike } from "./managed-fields.ts";
import { markSecrets, revealMap } from "./secrets.ts";

/** A resource's outputs read back: what the server answered last, from which inputs, and as which field manager. */
export interface State {
  readonly live: KubeObject;
  readonly inputs: KubeObject;
  readonly initialApiVersion: string;
  readonly fieldManager: string;
}

/** The keys of JSON schemas in custom resource definitions, which Pulumi's SDKs write with underscores. */
const dashed = ["embedded-resource", "int-or-string", "list-map-keys", "list-type", "map-type", "preserve-unknown-fields", "validations"];
const toDash = new Map(dashed.map((name) => [`x_kubernetes_${name.replaceAll("-", "_")}`, `x-kubernetes-${name}`]));
const toUnderscore = new Map([...toDash].map(([underscored, name]) => [name, underscored]));

/** Properties as Pulumi's programs write them → the object that is sent. */
export function toObject(properties: PropertyMap): KubeObject {
  return renameKeys(withoutNulls(revealMap(properties)), toDash) as KubeObject;
}

/** The outputs of Pulumi's provider: the live object, and beside it what it came from. */
export function toOutputs(inputs: KubeObject, live: KubeObject, known: PropertyMap, state: Omit<State, "live" | "inputs">): PropertyMap {
  const mark = (object: KubeObject) => markSecrets(renameKeys(object, toUnderscore) as PropertyMap, known);
  return {
    ...mark(live),
    __inputs: mark(inputs),
    __initialApiVersion: state.initialApiVersion,
    __fieldManager: state.fieldManager,
  };
}

export function toInputs(object: KubeObject, known: PropertyMap): PropertyMap {
  return markSecrets(renameKeys(object, toUnderscore) as PropertyMap, known);
}

export function parseOutputs(outputs: PropertyMap, urn: string): State {
  const { __inputs, __initialApiVersion, __fieldManager, ...live } = toObject(outputs);
  return {
    live,
    inputs: isObject(__inputs) ? __inputs : {},
    initialApiVersion: typeof __initialApiVersion === "string" ? __initialApiVersion : "",
    fieldManager: typeof __fieldManager === "string" ? __fieldManager : fieldManagerOf(urn),
  };
}

/**
 * The name under which a resource's fields are owned. The same for the same URN, so that a create that was cut off is known again as
 * its own; with the prefix of Pulumi's provider, so that both are recognised alike.
 */
export function fieldManagerOf(urn: string): string {
  return `pulumi-kubernetes-${createHash("sha256").update(urn).digest("hex").slice(0, 8)}`;
}

export function fieldManagerFor(inputs: KubeObject, fallback: string): string {
  return annotationOf(inputs, "pulumi.com/patchFieldManager") || fallback;
}

/** The live values of what was declared. */
export function inputsAsDeclared(live: KubeObject, declared: KubeObject): KubeObject {
  const inputs = prune(live, declared, fieldsOf(live)) as KubeObject;
  const texts = declared["stringData"];
  if (!isObject(texts)) {
    return inputs;
  }
  // The server keeps a Secret's text as data.
  const data = mapAt(live, "data");
  const kept = Object.keys(texts).filter((key) => key in data);
  const stringData = Object.fromEntries(kept.map((key) => [key, Buffer.from(textAt(data, key), "base64").toString("utf8")]));
  return { ...inputs, stringData };
}

/** What of `source` has a counterpart in `shape`. A list that the server keeps as one value is whole: what others add to it is in it. */
function prune(source: PropertyValue, shape: PropertyValue, trees: readonly Fields[]): PropertyValue {
  if (isObject(source) && isObject(shape)) {
    const kept = Object.entries(source).filter(([key]) => key in shape);
    return Object.fromEntries(kept.map(([key, value]) => [key, prune(value, shape[key] ?? null, belowKey(trees, key))]));
  }
  if (Array.isArray(source) && Array.isArray(shape)) {
    if (!isMerged(trees)) {
      return source.map((value, index) => (index < shape.length ? prune(value, shape[index] ?? null, []) : value));
    }
    return shape.flatMap((item) => {
      const found = itemLike(source, item, trees);
      return found === undefined ? [] : [prune(found, item, belowItem(trees, found))];
    });
  }
  return source;
}

/** What a program would declare for an object that it imports: what is there, but for what only the server writes. */
export function inputsOfLive(live: KubeObject): KubeObject {
  const { status: _, ...declared } = live;
  const annotations = ["deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"];
  const serverSide = [
    ...["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"].map((name) => ["metadata", name]),
    ...annotations.map((name) => ["metadata", "annotations", name]),
  ];
  return serverSide.reduce<KubeObject>(withoutAt, declared);
}

function renameKeys(value: PropertyValue, names: ReadonlyMap<string, string>): PropertyValue {
  if (Array.isArray(value)) {
    return value.map((item) => renameKeys(item, names));
  }
  if (!isObject(value)) {
    return value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [names.get(key) ?? key, renameKeys(item, names)]));
}

/** Absent and null are the same to Kubernetes, and an apply would own a null. */
function withoutNulls(map: PropertyMap): PropertyMap {
  const clean = (value: PropertyValue): PropertyValue =>
    Array.isArray(value) ? value.map(clean) : isObject(value) ? withoutNulls(value) : value;
  return Object.fromEntries(Object.entries(map).flatMap(([key, value]) => (value === null ? [] : [[key, clean(value)]])));
}
