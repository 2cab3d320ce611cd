import type { ConfigTemplateSpec } from "../../../sdk/contract/index.ts";
import { isTree } from "./config-path.ts";

/** A template with all that it has from the one that it extends: what both have is its own. */
export function extendTemplate({ extends: _, ...own }: ConfigTemplateSpec, parent: ConfigTemplateSpec): ConfigTemplateSpec {
  const groups = byName(parent.groups ?? [], own.groups ?? []);
  return {
    ...own,
    ...(groups.length > 0 && { groups }),
    variables: byName(parent.variables, own.variables),
    base: merged(parent.base, own.base) as ConfigTemplateSpec["base"],
  };
}

function byName<T extends { readonly name: string }>(parent: readonly T[], own: readonly T[]): T[] {
  return [...new Map([...parent, ...own].map((item) => [item.name, item])).values()];
}

/** Objects key by key; anything else takes the other's place. */
function merged(parent: unknown, own: unknown): unknown {
  if (!isTree(parent) || !isTree(own)) {
    return own;
  }
  const both = Object.entries(own).map(([key, value]) => [key, Object.hasOwn(parent, key) ? merged(parent[key], value) : value]);
  return { ...parent, ...Object.fromEntries(both) };
}

/** Names of groups that variables are of, and that the template has not. */
export function unknownGroups({
  groups = [],
  variables,
}: Pick<ConfigTemplateSpec, "groups" | "variables">): { readonly index: number; readonly group: string }[] {
  const known = new Set(groups.map(({ name }) => name));
  return variables.flatMap(({ group }, index) => (group === undefined || known.has(group) ? [] : [{ index, group }]));
}
