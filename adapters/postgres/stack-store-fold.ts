import type { PendingOperation, ResourceState } from "../engine/contract/checkpoint.ts";
import type { JournalEntry, StoredResource } from "../engine/contract/store.ts";
import { parseReference } from "../engine/contract/urn.ts";

/** The net effect of journal entries, as the parallel arrays that the commit statement unnests. */
export interface FoldedEntries {
  readonly removedKeys: string[];
  readonly puts: { keys: string[]; urns: string[]; orders: number[]; states: string[] };
  readonly edges: { keys: string[]; urns: string[] };
  readonly endedOperations: string[];
  readonly begun: { ids: string[]; operations: string[] };
}

/** Folds entries in order: the last word on a key wins, and an operation that began and ended leaves no trace. */
export function foldEntries(entries: readonly JournalEntry[]): FoldedEntries {
  const puts = new Map<string, StoredResource>();
  const removed = new Set<string>();
  const begun = new Map<string, PendingOperation>();
  const ended = new Set<string>();
  const end = (operationId: string) => {
    begun.delete(operationId);
    ended.add(operationId);
  };
  for (const entry of entries) {
    switch (entry.kind) {
      case "begin":
        begun.set(entry.operationId, entry.operation);
        break;
      case "end":
        if (!entry.keepPending) {
          end(entry.operationId);
        }
        break;
      case "clearPending":
        for (const operationId of entry.operationIds) {
          end(operationId);
        }
        break;
      case "put":
        puts.set(entry.key, entry);
        removed.delete(entry.key);
        break;
      case "remove":
        puts.delete(entry.key);
        removed.add(entry.key);
        break;
    }
  }
  return {
    removedKeys: [...removed],
    ...foldResources([...puts.values()]),
    endedOperations: [...ended],
    begun: { ids: [...begun.keys()], operations: [...begun.values()].map((operation) => JSON.stringify(operation)) },
  };
}

export function foldResources(resources: readonly StoredResource[]): Pick<FoldedEntries, "puts" | "edges"> {
  const edges = resources.flatMap(({ key, state }) => [...referencedUrns(state)].map((urn) => ({ key, urn })));
  return {
    puts: {
      keys: resources.map((resource) => resource.key),
      urns: resources.map((resource) => resource.state.urn),
      orders: resources.map((resource) => resource.order),
      states: resources.map((resource) => JSON.stringify(resource.state)),
    },
    edges: { keys: edges.map((edge) => edge.key), urns: edges.map((edge) => edge.urn) },
  };
}

function referencedUrns(state: ResourceState): Set<string> {
  const urns = new Set<string>([...(state.dependencies ?? []), ...(state.replaceWith ?? [])]);
  for (const dependencies of Object.values(state.propertyDependencies ?? {})) {
    for (const urn of dependencies) {
      urns.add(urn);
    }
  }
  if (state.parent) {
    urns.add(state.parent);
  }
  if (state.deletedWith) {
    urns.add(state.deletedWith);
  }
  if (state.provider) {
    urns.add(parseReference(state.provider).urn);
  }
  return urns;
}
