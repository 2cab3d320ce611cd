import { isObject, type PropertyMap, type PropertyValue } from "../../engine/contract/values.ts";
import { at, type KubeObject, listAt, mapAt, textAt } from "../../kubernetes/client/objects.ts";

/**
 * What a manager owns of a value, as the server keeps it (`fieldsV1`): a tree with `f:name` for the key of a map, `k:{…}` for the item of a
 * list that has these keys, and `v:…` for the item of a set. What is owned as one value has nothing below it.
 */
export type Fields = PropertyMap;

export function fieldsOf(object: KubeObject, isOf: (manager: string) => boolean = () => true): Fields[] {
  const entries = listAt(object, "metadata", "managedFields");
  return entries.filter((entry) => isOf(textAt(entry, "manager"))).map((entry) => mapAt(entry, "fieldsV1"));
}

export function belowKey(trees: readonly Fields[], key: string): Fields[] {
  return below(trees, (name) => name === `f:${key}`);
}

/** @param item of the list as the server has it, with what it has filled in */
export function belowItem(trees: readonly Fields[], item: PropertyValue): Fields[] {
  return below(trees, (name) => {
    if (name.startsWith("v:")) {
      return JSON.parse(name.slice(2)) === item;
    }
    return name.startsWith("k:") && Object.entries(keysIn(name)).every(([key, value]) => at(item, key) === value);
  });
}

/** Whether the server merges the items of a list, told by what is owned of it. Any other list is one value. */
export function isMerged(trees: readonly Fields[]): boolean {
  return trees.some((tree) => Object.keys(tree).some((name) => /^[kv]:/.test(name)));
}

/** The item that a merged list has for one that is declared, which may leave keys to their defaults. */
export function itemLike(list: readonly PropertyValue[], declared: PropertyValue, trees: readonly Fields[]): PropertyValue | undefined {
  const name = trees.flatMap((tree) => Object.keys(tree)).find((each) => each.startsWith("k:"));
  if (name === undefined) {
    return list.find((item) => item === declared);
  }
  const keys = Object.keys(keysIn(name)).filter((key) => at(declared, key) !== undefined);
  return list.find((item) => keys.every((key) => at(item, key) === at(declared, key)));
}

function below(trees: readonly Fields[], isStep: (name: string) => boolean): Fields[] {
  return trees.flatMap((tree) => {
    const names = Object.keys(tree);
    return names.length === 0 ? [tree] : names.filter(isStep).map((name) => mapAt(tree, name));
  });
}

function keysIn(name: string): PropertyMap {
  const keys: PropertyValue = JSON.parse(name.slice(2));
  return isObject(keys) ? keys : {};
}
