import { isDeepStrictEqual } from "node:util";
import { createTwoFilesPatch } from "diff";
import { type FileDiff, formatConfigKey, type PropertyDiff, SECRET_MASK } from "../../sdk/contract/index.ts";
import { isSealed, maskLeaves } from "./sealed.ts";

interface ConfigFile {
  readonly path: string;
  readonly content: string;
}

/**
 * Differences of two JSON values, one per changed leaf. Lists whose items all have a unique `key` or `name` are compared by it, so
 * that `spec.config.overrides[model.name].value` means the same wherever it stands; other lists are compared as a whole. Sealed
 * values and those at `secretPaths` are masked.
 */
export function diffValues(before: unknown, after: unknown, secretPaths: ReadonlySet<string> = new Set()): PropertyDiff[] {
  const diffs: PropertyDiff[] = [];
  const visit = (path: string, left: unknown, right: unknown) => {
    if (isDeepStrictEqual(left, right)) {
      return;
    }
    const children = secretPaths.has(path) ? undefined : childrenOf(path, left, right);
    if (children) {
      for (const [childPath, childLeft, childRight] of children) {
        visit(childPath, childLeft, childRight);
      }
      return;
    }
    // What is secret on one side is on the other too: it may have been sealed, or have ceased to be secret, with this change.
    const isSecret = secretPaths.has(path) || isSealed(left) || isSealed(right);
    diffs.push({
      path,
      kind: left === undefined ? "add" : right === undefined ? "delete" : "update",
      ...(left !== undefined && { before: isSecret ? SECRET_MASK : textOf(left) }),
      ...(right !== undefined && { after: isSecret ? SECRET_MASK : textOf(right) }),
    });
  };
  visit("", before, after);
  return diffs;
}

/** A unified diff of each file, by path; `secretValues` are masked wherever they stand. Empty text means unchanged. */
export function diffFiles(before: readonly ConfigFile[], after: readonly ConfigFile[], secretValues: readonly string[] = []): FileDiff[] {
  const paths = [...new Set([...before, ...after].map((file) => file.path))].toSorted();
  return paths.map((path) => {
    const left = before.find((file) => file.path === path)?.content;
    const right = after.find((file) => file.path === path)?.content;
    return { path, diff: left === right ? "" : unifiedDiff(path, left, right, secretValues) };
  });
}

/** Files as people may see them. @param bytesMax of one of them: of a longer one, its beginning */
export function shownFiles(files: readonly ConfigFile[], secretValues: readonly string[], bytesMax: number): ConfigFile[] {
  return files
    .map(({ path, content }) => ({ path, content: maskText(content, secretValues).slice(0, bytesMax) }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function unifiedDiff(path: string, left: string | undefined, right: string | undefined, secretValues: readonly string[]): string {
  const from = left === undefined ? "/dev/null" : `a/${path}`;
  const to = right === undefined ? "/dev/null" : `b/${path}`;
  const maskedLeft = maskText(left ?? "", secretValues);
  const maskedRight = maskText(right ?? "", secretValues);
  if (maskedLeft === maskedRight && left !== undefined && right !== undefined) {
    return `--- ${from}\n+++ ${to}\n# only secret values differ\n`;
  }
  const patch = createTwoFilesPatch(from, to, maskedLeft, maskedRight, undefined, undefined, { context: 3 });
  return patch.replace(/^=+\n/, "");
}

/** A text without secrets, which stand in it as they are or as JSON has them. */
export function maskText(text: string, secretValues: readonly string[]): string {
  const longestFirst = secretValues.filter((value) => value !== "").toSorted((a, b) => b.length - a.length);
  return longestFirst.reduce((masked, value) => {
    const escaped = JSON.stringify(value).slice(1, -1);
    return masked.replaceAll(value, SECRET_MASK).replaceAll(escaped, SECRET_MASK);
  }, text);
}

type Pair = readonly [path: string, before: unknown, after: unknown];

/** Pairs of children to compare, or undefined when the two are to be compared as a whole. */
function childrenOf(path: string, left: unknown, right: unknown): Pair[] | undefined {
  if (Array.isArray(left ?? right) && Array.isArray(right ?? left)) {
    const before = byKey(left ?? []);
    const after = byKey(right ?? []);
    if (!before || !after || before.size + after.size === 0) {
      return undefined;
    }
    const keys = new Set([...before.keys(), ...after.keys()]);
    return [...keys].map((key) => [`${path}[${key}]`, before.get(key), after.get(key)]);
  }
  const before = left === undefined ? {} : left;
  const after = right === undefined ? {} : right;
  if (!isPlainObject(before) || !isPlainObject(after)) {
    return undefined;
  }
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  if (keys.length === 0) {
    return undefined;
  }
  return keys.map((key) => [formatConfigKey([key], path), before[key], after[key]]);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isSealed(value);
}

function byKey(items: unknown): Map<string, Record<string, unknown>> | undefined {
  if (!Array.isArray(items)) {
    return undefined;
  }
  const keyed = new Map<string, Record<string, unknown>>();
  for (const item of items) {
    const key = isPlainObject(item) ? (item["key"] ?? item["name"]) : undefined;
    if (!isPlainObject(item) || typeof key !== "string" || keyed.has(key)) {
      return undefined;
    }
    const { key: _key, ...rest } = item;
    keyed.set(key, item["key"] === key ? rest : item);
  }
  return keyed;
}

function textOf(value: unknown): string {
  return JSON.stringify(maskLeaves(value)) ?? "null";
}
