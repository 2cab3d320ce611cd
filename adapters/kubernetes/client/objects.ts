import type { PropertyMap, PropertyValue } from "../../engine/contract/values.ts";

/** Under whose name the control plane writes what is no resource of a stack. */
export const MANAGER = { fieldManager: "clusterclaw-control-plane" };

/** A Kubernetes object as JSON, without secrets' wrappers. */
export type KubeObject = PropertyMap;
export type Path = readonly (string | number)[];

function isMap(value: PropertyValue | undefined): value is PropertyMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function at(value: PropertyValue | undefined, ...path: Path): PropertyValue | undefined {
  let found = value;
  for (const step of path) {
    if (Array.isArray(found) && typeof step === "number") {
      found = found[step];
    } else if (isMap(found) && Object.hasOwn(found, step)) {
      found = found[step];
    } else {
      return undefined;
    }
  }
  return found;
}

export function textAt(value: PropertyValue | undefined, ...path: Path): string {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
}

export function numberAt(value: PropertyValue | undefined, ...path: Path): number {
  const found = at(value, ...path);
  return typeof found === "number" ? found : 0;
}

export function listAt(value: PropertyValue | undefined, ...path: Path): PropertyValue[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

export function mapAt(value: PropertyValue | undefined, ...path: Path): PropertyMap {
  const found = at(value, ...path);
  return isMap(found) ? found : {};
}

/** The value with one of its inner values set; maps on the way are made. */
export function withAt(value: PropertyMap, path: readonly string[], inner: PropertyValue): PropertyMap {
  const [key, ...rest] = path;
  return key === undefined ? value : { ...value, [key]: rest.length === 0 ? inner : withAt(mapAt(value, key), rest, inner) };
}

export function withoutAt(value: PropertyMap, path: readonly string[]): PropertyMap {
  const [key = "", ...rest] = path;
  if (at(value, ...path) === undefined) {
    return value;
  }
  if (rest.length > 0) {
    return { ...value, [key]: withoutAt(mapAt(value, key), rest) };
  }
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
}

export const nameOf = (object: KubeObject): string => textAt(object, "metadata", "name");
export const namespaceOf = (object: KubeObject): string => textAt(object, "metadata", "namespace");
export const annotationOf = (object: KubeObject, key: string): string => textAt(object, "metadata", "annotations", key);
export const hasAnnotation = (object: KubeObject, key: string): boolean => annotationOf(object, key) === "true";
