import { createHash } from "node:crypto";
import type { CheckRequest } from "../../engine/contract/provider.ts";
import { isObject } from "../../engine/contract/values.ts";
import { hasAnnotation, type KubeObject, nameOf, namespaceOf, withAt, withoutAt } from "../../kubernetes/client/objects.ts";
import type { Resource } from "./cluster.ts";

/** An object without a name gets one, keeps it, and is marked so: a replacement then gets another. */
export function autonamed(
  object: KubeObject,
  previous: KubeObject,
  { name, randomSeed, naming }: Pick<CheckRequest, "name" | "randomSeed" | "naming">,
): KubeObject {
  if (typeof object["metadata"] === "string") {
    // Not known yet.
    return object;
  }
  const kept = hasAnnotation(previous, "pulumi.com/autonamed") ? nameOf(previous) : "";
  const made = kept || naming?.proposedName || `${name}-${createHash("sha256").update(randomSeed).digest("hex").slice(0, 8)}`;
  return withAt(withAt(object, ["metadata", "name"], made), ["metadata", "annotations", "pulumi.com/autonamed"], "true");
}

/** The namespace is the default one where none was named, and none where the kind has none: before its definition was made, it was guessed. */
export function inNamespace(object: KubeObject, { isNamespaced }: Pick<Resource, "isNamespaced">): KubeObject {
  if (!isNamespaced) {
    return withoutAt(object, ["metadata", "namespace"]);
  }
  return namespaceOf(object) === "" && isObject(object["metadata"]) ? withAt(object, ["metadata", "namespace"], "default") : object;
}
