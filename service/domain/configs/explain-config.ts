import { isKeyWithin, type PropertyDiff, parseConfigKey, SECRET_MASK } from "../../../sdk/contract/index.ts";
import { digestOf } from "../digest.ts";
import { valueAt } from "./config-path.ts";
import { isReference } from "./references.ts";
import type { Contribution, ResolvedConfig } from "./resolve-config.ts";

/** Something that was given for a key, its secrets masked. */
export interface Given extends Contribution {
  readonly secret: boolean;
}
/** A key's effective value, with what it hides, strongest first. */
export interface ExplainedValue extends Given {
  readonly hides: readonly Given[];
}

/**
 * Every key that has a value, and every one that was taken away, with what gave it and what that hides: whatever else was given for the key,
 * for a part of it, or for a whole that it is a part of. In the order of keys.
 */
export function explainConfig(config: ResolvedConfig): ExplainedValue[] {
  const effective = Object.entries(config.origins).map(([key, { value, origin, from }]) => ({ key, value, origin, from }));
  const takenAway = config.contributions.filter(({ key, value }) => value === null && valueAt(config.unified, key) === undefined);
  // Of two that take the same away, the stronger.
  const gone = new Map(takenAway.map((contribution) => [contribution.key, contribution]));
  return [...effective, ...gone.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)).map((value) => explained(value, config));
}

/** The keys whose effective value is another in the second, in their order; secrets are compared and masked. */
export function diffConfigs(before: ResolvedConfig, after: ResolvedConfig): PropertyDiff[] {
  const keys = [...new Set([...Object.keys(before.origins), ...Object.keys(after.origins)])].toSorted();
  return keys.flatMap((key): PropertyDiff[] => {
    const [left, right] = [before.origins[key], after.origins[key]];
    if (left && right && digestOf(left.value) === digestOf(right.value)) {
      return [];
    }
    // What is secret by one of them is by both: its template may have ceased to say so.
    const isSecret = left?.secret === true || right?.secret === true;
    const [was, is] = [left, right].map((given) => given && (isSecret ? SECRET_MASK : JSON.stringify(given.value)));
    const kind = left === undefined ? "add" : right === undefined ? "delete" : "update";
    return [{ path: key, kind, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) }];
  });
}

function explained(winner: Contribution, config: ResolvedConfig): ExplainedValue {
  const hides = config.contributions.filter(
    ({ key, origin, from }) =>
      (isKeyWithin(key, winner.key) || isKeyWithin(winner.key, key)) &&
      !(origin === winner.origin && from?.of === winner.from?.of && key === winner.key),
  );
  return { ...masked(winner, config), hides: hides.toReversed().map((given) => masked(given, config)) };
}

function masked(given: Contribution, { isSecret, unified }: ResolvedConfig): Given {
  const plain = given.value === undefined ? valueAt(unified, given.key) : given.value;
  let secret = false;
  const mask = (value: unknown, path: readonly string[]): unknown => {
    if (isReference(value)) {
      return value;
    }
    if (typeof value === "object" && value !== null) {
      const entries = Object.entries(value).map(([name, item]) => [name, mask(item, [...path, name])] as const);
      return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
    }
    if (value === null || !isSecret(path, value)) {
      return value;
    }
    secret = true;
    return SECRET_MASK;
  };
  const value = mask(plain ?? null, parseConfigKey(given.key));
  return { ...given, value, secret };
}
