import type { ResourceState } from "./checkpoint.ts";
import { parseReference } from "./urn.ts";

export interface Edge {
  readonly kind: "parent" | "dependency" | "propertyDependency" | "deletedWith" | "replaceWith" | "provider";
  readonly urn: string;
  /** The property of a property dependency. */
  readonly property?: string;
}

/** What a state refers to, its provider last. */
export function edgesOf(state: ResourceState): Edge[] {
  const edges: Edge[] = [];
  if (state.parent) {
    edges.push({ kind: "parent", urn: state.parent });
  }
  for (const urn of state.dependencies ?? []) {
    edges.push({ kind: "dependency", urn });
  }
  for (const property in state.propertyDependencies) {
    for (const urn of state.propertyDependencies[property] ?? []) {
      edges.push({ kind: "propertyDependency", urn, property });
    }
  }
  if (state.deletedWith) {
    edges.push({ kind: "deletedWith", urn: state.deletedWith });
  }
  for (const urn of state.replaceWith ?? []) {
    edges.push({ kind: "replaceWith", urn });
  }
  if (state.provider) {
    edges.push({ kind: "provider", urn: parseReference(state.provider).urn });
  }
  return edges;
}
