import type { DiffKind } from "../engine/contract/provider.ts";
import { isObject, type PropertyMap } from "../engine/contract/values.ts";

/** What happens to which property path. Objects are entered; lists are compared as a whole. */
export function diffProperties(olds: PropertyMap, news: PropertyMap, prefix = ""): Record<string, DiffKind> {
  const diffs: Record<string, DiffKind> = {};
  for (const key of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    const path = joinPath(prefix, key);
    const before = olds[key];
    const after = news[key];
    if (isObject(before) && isObject(after)) {
      Object.assign(diffs, diffProperties(before, after, path));
    } else if (before === undefined) {
      diffs[path] = "add";
    } else if (after === undefined) {
      diffs[path] = "delete";
    } else if (JSON.stringify(before) !== JSON.stringify(after)) {
      diffs[path] = "update";
    }
  }
  return diffs;
}

/** Pulumi's path syntax: `runtime.port.span`, `files["openclaw.json"]`. */
export function joinPath(prefix: string, key: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
    return `${prefix}[${JSON.stringify(key)}]`;
  }
  return prefix === "" ? key : `${prefix}.${key}`;
}
