import { hasSecrets, isObject, isSecret, makeSecret, type PropertyMap, type PropertyValue } from "../../engine/contract/values.ts";

/** The plain values: Kubernetes is given these. */
export function reveal(value: PropertyValue): PropertyValue {
  if (Array.isArray(value)) {
    return value.map(reveal);
  }
  if (!isObject(value)) {
    return value;
  }
  return isSecret(value) ? reveal(value["value"] ?? null) : revealMap(value);
}

export function revealMap(map: PropertyMap): PropertyMap {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, reveal(value)]));
}

/** Marks what was secret in `known`, and the content of every Secret, as Pulumi's provider does. */
export function markSecrets(map: PropertyMap, known: PropertyMap): PropertyMap {
  const marked = { ...map };
  if (map["kind"] === "Secret") {
    for (const key of ["data", "stringData"]) {
      const value = marked[key];
      if (value !== undefined) {
        marked[key] = makeSecret(value);
      }
    }
    return marked;
  }
  for (const [key, from] of Object.entries(known)) {
    const value = marked[key];
    if (value === undefined) {
      continue;
    }
    if (isObject(value) && isObject(from) && !isSecret(from)) {
      marked[key] = markSecrets(value, from);
    } else if (hasSecrets(from)) {
      marked[key] = makeSecret(value);
    }
  }
  return marked;
}
