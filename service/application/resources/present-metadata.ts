import type { Metadata } from "../../../sdk/contract/index.ts";
import type { StoredResource } from "../../domain/resource.ts";

/** What is answered of every resource alike. */
export function presentMetadata(stored: StoredResource): Metadata {
  const { id, name, labels, annotations, generation, resourceVersion, createdAt, updatedAt } = stored;
  return {
    name,
    labels: { ...labels },
    annotations: { ...annotations },
    uid: id,
    generation,
    resourceVersion: String(resourceVersion),
    createdAt,
    updatedAt,
  };
}
