import { formatPath, parsePath, pathContains, resetIgnored } from "../contract/property-path.ts";
import type { DiffKind, DiffResult } from "../contract/provider.ts";
import {
  hasUnknowns,
  isPlainObject,
  mapProperties,
  mapValue,
  type PropertyMap,
  type PropertyValue,
  unwrapSecret,
} from "../contract/values.ts";
import { deepEqual } from "./properties.ts";

export type DetailedDiff = Readonly<Record<string, { kind: DiffKind; inputDiff: boolean }>>;

/** A provider's answer after the engine's own rules: no `unknown` left. */
export interface Diff {
  readonly changes: "none" | "some";
  readonly replaceKeys: readonly string[];
  readonly changedKeys: readonly string[];
  readonly deleteBeforeReplace: boolean;
  readonly detailedDiff: DetailedDiff | undefined;
}

export const noDiff: Diff = {
  changes: "none",
  replaceKeys: [],
  changedKeys: [],
  deleteBeforeReplace: false,
  detailedDiff: undefined,
};
export const someDiff: Diff = { ...noDiff, changes: "some" };
export function replaceDiff(key: string): Diff {
  return { ...someDiff, replaceKeys: [key] };
}

export function isReplace(diff: Diff): boolean {
  if (diff.replaceKeys.length > 0) {
    return true;
  }
  for (const path in diff.detailedDiff) {
    if (diff.detailedDiff[path]?.kind.endsWith("-replace")) {
      return true;
    }
  }
  return false;
}

/** The inputs with what is ignored as it was before. `tell` is told of the paths where that can't be done. */
export function keepIgnored(
  inputs: PropertyMap,
  oldInputs: PropertyMap,
  ignoreChanges: readonly string[],
  tell: (message: string) => void,
): PropertyMap {
  const kept = resetIgnored(inputs, oldInputs, ignoreChanges);
  if (kept.invalid.length > 0) {
    tell(`cannot ignore changes in added or removed elements of the path: ${JSON.stringify(kept.invalid.join(", "))}`);
  }
  return kept.inputs;
}

/** The engine's view of a provider's diff. An `unknown` one becomes the structural difference of the inputs. */
export function resolveDiff(diff: DiffResult, oldInputs: PropertyMap, newInputs: PropertyMap): Diff {
  if (diff.changes !== "unknown") {
    return {
      changes: diff.changes,
      replaceKeys: diff.replaces ?? [],
      changedKeys: diff.diffs ?? [],
      deleteBeforeReplace: diff.deleteBeforeReplace ?? false,
      detailedDiff: diff.detailedDiff,
    };
  }
  const structural = diffInputs(mapProperties(oldInputs, unwrapSecret), mapProperties(newInputs, unwrapSecret));
  if (!structural) {
    return { ...noDiff, replaceKeys: diff.replaces ?? [] };
  }
  return {
    changes: "some",
    replaceKeys: diff.replaces ?? [],
    changedKeys: structural.changedKeys,
    deleteBeforeReplace: diff.deleteBeforeReplace ?? false,
    detailedDiff: structural.detailedDiff,
  };
}

export function diffInputs(old: PropertyMap, now: PropertyMap): { changedKeys: string[]; detailedDiff: DetailedDiff } | undefined {
  const detailedDiff: Record<string, { kind: DiffKind; inputDiff: boolean }> = {};
  const changedKeys: string[] = [];
  for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const before = Object.keys(detailedDiff).length;
    diffValues([key], own(old, key), own(now, key), detailedDiff);
    if (Object.keys(detailedDiff).length > before) {
      changedKeys.push(key);
    }
  }
  return changedKeys.length > 0 ? { changedKeys: changedKeys.sort(), detailedDiff } : undefined;
}

function diffValues(
  path: (string | number)[],
  old: PropertyValue | undefined,
  now: PropertyValue | undefined,
  into: Record<string, { kind: DiffKind; inputDiff: boolean }>,
): void {
  if (deepEqual(old ?? null, now ?? null)) {
    return;
  }
  const add = (kind: DiffKind) => {
    into[formatPath(path)] = { kind, inputDiff: true };
  };
  if (old == null) {
    add("add");
  } else if (now == null) {
    add("delete");
  } else if (Array.isArray(old) && Array.isArray(now)) {
    for (let index = 0; index < Math.max(old.length, now.length); index++) {
      diffValues([...path, index], old[index], now[index], into);
    }
  } else if (isPlainObject(old) && isPlainObject(now)) {
    for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
      diffValues([...path, key], own(old, key), own(now, key), into);
    }
  } else {
    add("update");
  }
}

function own(map: PropertyMap, key: string): PropertyValue | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

const INIT_ERROR_KEY = "#initerror";

/** Turns changes under the user's `replaceOnChanges` paths into replacements. */
export function applyReplaceOnChanges(diff: Diff, replaceOnChanges: readonly string[], hasInitErrors: boolean): Diff {
  if (replaceOnChanges.length === 0 || (diff.changes === "none" && !hasInitErrors)) {
    return diff;
  }
  const paths = replaceOnChanges.map(parsePath);
  const forces = (path: string) => {
    const parsed = parsePath(path);
    return paths.some((forced) => pathContains(forced, parsed));
  };
  const replaceKeys = new Set([...diff.replaceKeys, ...diff.changedKeys.filter(forces)]);
  let detailedDiff =
    diff.detailedDiff &&
    Object.fromEntries(
      Object.entries(diff.detailedDiff).map(([path, entry]) => [path, forces(path) ? { ...entry, kind: toReplace(entry.kind) } : entry]),
    );
  const replacesOnInitError = hasInitErrors && forces(INIT_ERROR_KEY);
  if (replacesOnInitError) {
    replaceKeys.add(INIT_ERROR_KEY);
    detailedDiff = detailedDiff && { ...detailedDiff, [INIT_ERROR_KEY]: { kind: "update-replace", inputDiff: false } };
  }
  return {
    ...diff,
    changes: replacesOnInitError ? "some" : diff.changes,
    replaceKeys: [...replaceKeys],
    detailedDiff,
  };
}
function toReplace(kind: DiffKind): DiffKind {
  return kind.endsWith("-replace") ? kind : (`${kind}-replace` as DiffKind);
}

const inverted: Readonly<Record<DiffKind, DiffKind>> = {
  add: "delete",
  "add-replace": "delete-replace",
  delete: "add",
  "delete-replace": "add-replace",
  update: "update",
  "update-replace": "update-replace",
};

/** A refresh asks what an update would undo; shown is what happened outside, which is the opposite. */
export function invertDiff(diff: Diff): Diff {
  return {
    ...diff,
    detailedDiff:
      diff.detailedDiff &&
      Object.fromEntries(Object.entries(diff.detailedDiff).map(([path, entry]) => [path, { ...entry, kind: inverted[entry.kind] }])),
  };
}

/** Null means that there is no trigger; unknowns count as changed. */
export function isTriggered(now: PropertyValue | undefined, old: PropertyValue | undefined): boolean {
  if (hasUnknowns(now) || hasUnknowns(old)) {
    return true;
  }
  if (now == null || old == null) {
    return false;
  }
  const plainNow = mapValue(now, unwrapSecret);
  const plainOld = mapValue(old, unwrapSecret);
  return plainNow !== null && plainOld !== null && !deepEqual(plainNow, plainOld);
}
