import type { StackExport } from "../../../sdk/contract/index.ts";

/** A resource of a stack, with those beneath it. */
export interface Branch {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly id: string | undefined;
  readonly children: readonly Branch[];
}

/** The resources of a state as the tree that they are: under their parents, providers left out. One whose parent is not there stands at the root. */
export function treeOf(state: StackExport): readonly Branch[] {
  const resources = (state.deployment.resources ?? []).filter(({ type }) => !type.startsWith("pulumi:providers:"));
  const known = new Set(resources.map(({ urn }) => urn));
  const byParent = Map.groupBy(resources, ({ parent }) => (typeof parent === "string" && known.has(parent) ? parent : ""));
  const seen = new Set<string>();
  const branchesOf = (parent: string): Branch[] =>
    (byParent.get(parent) ?? []).flatMap(({ urn, type, id }) => {
      // What names itself for its parent, or its child, is shown once.
      if (seen.has(urn)) {
        return [];
      }
      seen.add(urn);
      return [
        { urn, type, name: urn.slice(urn.lastIndexOf("::") + 2), id: typeof id === "string" ? id : undefined, children: branchesOf(urn) },
      ];
    });
  return branchesOf("");
}
