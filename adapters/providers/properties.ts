import type { DiffKind } from "../../service/application/ports/resource-provider.ts";
import type { PropertyMap, PropertyValue } from "../../service/application/ports/stack-store.ts";

/** Pulumi's sentinel for a string that is not known yet: the one that Node programs send. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const UNKNOWNS = new Set([
  UNKNOWN,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

export function hasUnknown(value: PropertyValue | undefined): boolean {
  if (typeof value === "object" && value !== null) {
    return Object.values(value).some(hasUnknown);
  }
  return typeof value === "string" && UNKNOWNS.has(value);
}

/** What happens to which property path. Objects are entered; lists are compared as a whole. */
export function diffProperties(olds: PropertyMap, news: PropertyMap, prefix = ""): Record<string, DiffKind> {
  const diffs: Record<string, DiffKind> = {};
  for (const key of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    const path = joinPath(prefix, key);
    const before = olds[key];
    const after = news[key];
    if (isMap(before) && isMap(after)) {
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

export function isMap(value: PropertyValue | undefined): value is PropertyMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
