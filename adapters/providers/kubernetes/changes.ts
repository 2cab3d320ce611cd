import type { DiffKind } from "../../engine/contract/provider.ts";
import { isObject, type PropertyMap, type PropertyValue } from "../../engine/contract/values.ts";
import { at, type KubeObject, type Path } from "../../kubernetes/client/objects.ts";
import { joinPath } from "../properties.ts";
import { belowItem, belowKey, type Fields, fieldsOf, isMerged, itemLike } from "./managed-fields.ts";

export interface Change {
  readonly path: Path;
  readonly kind: Extract<DiffKind, "add" | "delete" | "update">;
}

/** What differs between two objects, leaf by leaf. */
export function changesBetween(olds: KubeObject, news: KubeObject): Change[] {
  const changes: Change[] = [];
  compare(olds, news, []);
  return changes;

  function compare(before: PropertyValue | undefined, after: PropertyValue | undefined, path: Path): void {
    if (before === undefined || after === undefined) {
      if (before !== after) {
        changes.push({ path, kind: before === undefined ? "add" : "delete" });
      }
    } else if (isObject(before) && isObject(after)) {
      for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
        compare(before[key], after[key], [...path, key]);
      }
    } else if (Array.isArray(before) && Array.isArray(after)) {
      for (let index = 0; index < Math.max(before.length, after.length); index++) {
        compare(before[index], after[index], [...path, index]);
      }
    } else if (before !== after) {
      changes.push({ path, kind: "update" });
    }
  }
}

/** Pulumi's path syntax. */
export function toPropertyPath(path: Path): string {
  return path.reduce<string>((text, step) => (typeof step === "number" ? `${text}[${step}]` : joinPath(text, step)), "");
}

/** Whether a property path lies at or below another. */
export function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`);
}

/** Whether the change makes no difference to the server: what it would store is what it stores. */
export function isWithoutEffect({ path }: Change, news: KubeObject, live: KubeObject, planned: KubeObject): boolean {
  const trees = [...fieldsOf(live), ...fieldsOf(planned)];
  return sameValue(locate(live, path, news, trees), locate(planned, path, news, trees));
}

/** @param managed everyone's fields: the order of a list that the server merges may be another than the program's. */
function locate(object: KubeObject, path: Path, news: KubeObject, managed: readonly Fields[]): PropertyValue | undefined {
  let found: PropertyValue | undefined = object;
  let declared: PropertyValue | undefined = news;
  let trees = managed;
  // The server keeps a Secret's text as data.
  for (const step of path[0] === "stringData" ? ["data", ...path.slice(1)] : path) {
    declared = at(declared, step);
    if (typeof step === "number" && Array.isArray(found) && declared !== undefined && isMerged(trees)) {
      found = itemLike(found, declared, trees) ?? found[step];
    } else {
      found = at(found, step);
    }
    trees = typeof step === "number" ? belowItem(trees, found ?? null) : belowKey(trees, step);
  }
  return found;
}

function sameValue(a: PropertyValue | undefined, b: PropertyValue | undefined): boolean {
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => sameValue(a[key], (b as PropertyMap)[key]));
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
  }
  return a === b;
}
