import { findPath, type PropertyPath } from "../../engine/contract/property-path.ts";
import { isObject, type PropertyValue } from "../../engine/contract/values.ts";
import { at, type KubeObject } from "../../kubernetes/client/objects.ts";
import { belowItem, belowKey, type Fields, fieldsOf, isMerged, itemLike } from "./managed-fields.ts";
import { inputsAsDeclared } from "./state.ts";

/** A declared value's counterpart in the cluster, and whose it is there. */
interface Counterpart {
  readonly live: PropertyValue | undefined;
  readonly ours: readonly Fields[];
  readonly theirs: readonly Fields[];
}

/**
 * What is applied of a declaration when the program ignores some of it. What others manage of that stays theirs: to declare it were a
 * conflict with them, or took it from them. What nobody else manages is as the cluster has it, whatever the state says.
 */
export function withoutIgnored(
  declared: KubeObject,
  live: KubeObject,
  ignoreChanges: readonly string[],
  isOurs: (manager: string) => boolean,
): KubeObject {
  const counterpart: Counterpart = {
    // The server keeps a Secret's text as data.
    live: { ...live, ...inputsAsDeclared(live, declared) },
    ours: fieldsOf(live, isOurs).map(withTextAsData),
    theirs: fieldsOf(live, (manager) => !isOurs(manager)).map(withTextAsData),
  };
  const paths = ignoreChanges.flatMap((text) => [findPath(text) ?? []]).filter((path) => path.length > 0);
  return paths.reduce((object, path) => (leave(object, path, counterpart) ?? {}) as KubeObject, declared);
}

function withTextAsData(fields: Fields): Fields {
  return { ...fields, "f:stringData": fields["f:data"] ?? { ".": {} } };
}

/** The value with what is at a path of it left as it is; undefined when nothing of it is to be declared. */
function leave(value: PropertyValue, path: PropertyPath, { live, ours, theirs }: Counterpart): PropertyValue | undefined {
  const [step, ...rest] = path;
  const isMeant = (key: string | number) => step === undefined || step === "*" || step === key;
  if (live === undefined) {
    return step === undefined ? undefined : value;
  }
  if (isObject(value)) {
    const kept = Object.entries(value).flatMap(([key, inner]) => {
      const left = isMeant(key)
        ? leave(inner, rest, { live: at(live, key), ours: belowKey(ours, key), theirs: belowKey(theirs, key) })
        : inner;
      return left === undefined ? [] : [[key, left] as const];
    });
    return kept.length === 0 && Object.keys(value).length > 0 ? undefined : Object.fromEntries(kept);
  }
  if (Array.isArray(value) && Array.isArray(live)) {
    const trees = [...ours, ...theirs];
    if (isMerged(trees)) {
      return value.flatMap((item, index) => {
        const found = itemLike(live, item, trees);
        const left = isMeant(index)
          ? leave(item, rest, { live: found, ours: belowItem(ours, found ?? null), theirs: belowItem(theirs, found ?? null) })
          : item;
        return left === undefined ? [] : [left];
      });
    }
    if (step !== undefined) {
      // A part of what is one value can't be left to others.
      return value.map((item, index) => (isMeant(index) && leave(item, rest, { live: live[index], ours: [], theirs: [] })) || item);
    }
  }
  if (step !== undefined) {
    return value;
  }
  return theirs.length > 0 && ours.length === 0 ? undefined : live;
}
