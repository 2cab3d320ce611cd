import type { PropertyMap, PropertyValue } from "../../../service/application/ports/stack-store.ts";
import { isMap } from "../properties.ts";

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

function isSecret(value: PropertyValue | undefined): value is PropertyMap {
  return isMap(value) && value[signatureKey] === secretSignature;
}

function secret(value: PropertyValue): PropertyValue {
  return isSecret(value) ? value : { [signatureKey]: secretSignature, value };
}

/** The plain values: Kubernetes is given these. */
export function reveal(value: PropertyValue): PropertyValue {
  if (Array.isArray(value)) {
    return value.map(reveal);
  }
  if (!isMap(value)) {
    return value;
  }
  return isSecret(value) ? reveal(value["value"] ?? null) : revealMap(value);
}

export function revealMap(map: PropertyMap): PropertyMap {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, reveal(value)]));
}

function containsSecrets(value: PropertyValue): boolean {
  if (Array.isArray(value)) {
    return value.some(containsSecrets);
  }
  return isMap(value) && (value[signatureKey] === secretSignature || Object.values(value).some(containsSecrets));
}

/** Marks what was secret in `known`, and the content of every Secret, as Pulumi's provider does. */
export function markSecrets(map: PropertyMap, known: PropertyMap): PropertyMap {
  const marked = { ...map };
  if (map["kind"] === "Secret") {
    for (const key of ["data", "stringData"]) {
      const value = marked[key];
      if (value !== undefined) {
        marked[key] = secret(value);
      }
    }
    return marked;
  }
  for (const [key, from] of Object.entries(known)) {
    const value = marked[key];
    if (value === undefined) {
      continue;
    }
    if (isMap(value) && isMap(from) && !isSecret(from)) {
      marked[key] = markSecrets(value, from);
    } else if (containsSecrets(from)) {
      marked[key] = secret(value);
    }
  }
  return marked;
}
