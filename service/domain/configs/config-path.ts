import { formatConfigKey, isKeyWithin, parseConfigKey } from "../../../sdk/contract/index.ts";

/** Nested JSON as people write configs. */
export type ConfigTree = { [key: string]: unknown };

const FORBIDDEN = new Set(["__proto__", "prototype", "constructor"]);

/** Why a key can't be a path, or undefined when it can. */
export function keyProblem(key: string): string | undefined {
  const segments = parseConfigKey(key);
  if (segments.some((segment) => segment === "")) {
    return `'${key}' is not a key such as 'model.name'`;
  }
  const forbidden = segments.find((segment) => FORBIDDEN.has(segment));
  return forbidden === undefined ? undefined : `'${forbidden}' can't be part of a key`;
}

export function isTree(value: unknown): value is ConfigTree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a key, or undefined. */
export function valueAt(tree: Readonly<ConfigTree>, key: string): unknown {
  return valueThrough(tree, parseConfigKey(key));
}

function valueThrough(tree: Readonly<ConfigTree>, path: readonly string[]): unknown {
  let value: unknown = tree;
  for (const segment of path) {
    if (!isTree(value) || !Object.hasOwn(value, segment)) {
      return undefined;
    }
    value = value[segment];
  }
  return value;
}

/** Sets the value at a key; answers the key that is in the way when one of its parents holds a plain value. */
export function setAt(tree: ConfigTree, key: string, value: unknown): string | undefined {
  const segments = parseConfigKey(key);
  const last = segments.pop() ?? key;
  let parent = tree;
  for (const [index, segment] of segments.entries()) {
    const child = Object.hasOwn(parent, segment) ? parent[segment] : undefined;
    if (child !== undefined && !isTree(child)) {
      return formatConfigKey(segments.slice(0, index + 1));
    }
    const next = child ?? {};
    parent[segment] = next;
    parent = next;
  }
  parent[last] = value;
  return undefined;
}

/** Removes the value at a key, and the parents that it leaves empty. */
export function removeAt(tree: ConfigTree, key: string): void {
  const parent = dropAt(tree, key);
  prune(tree, parent ? new Set([parent]) : new Set());
}

/** Removes the value at a key, and answers the tree that it was or would have been in. */
export function dropAt(tree: ConfigTree, key: string): ConfigTree | undefined {
  const segments = parseConfigKey(key);
  const last = segments.pop() ?? key;
  const parent = valueThrough(tree, segments);
  if (!isTree(parent)) {
    return undefined;
  }
  delete parent[last];
  return parent;
}

/** Removes what is empty of `robbed`, and the parents that it leaves empty; answers whether the tree itself is to go. */
export function prune(tree: ConfigTree, robbed: ReadonlySet<ConfigTree>): boolean {
  let emptied = robbed.has(tree);
  for (const [segment, child] of Object.entries(tree)) {
    if (isTree(child) && prune(child, robbed)) {
      delete tree[segment];
      emptied = true;
    }
  }
  return emptied && Object.keys(tree).length === 0;
}

/** A value for each of many keys; a key is forgotten with all that lies beneath it, whatever else there is. */
export class KeyMap<T> {
  readonly #children = new Map<string, KeyMap<T>>();
  #value: T | undefined;

  get(key: string): T | undefined {
    const node = this.#at(parseConfigKey(key));
    return node ? node.#value : undefined;
  }

  set(key: string, value: T): void {
    let node: KeyMap<T> = this;
    for (const segment of parseConfigKey(key)) {
      const next = node.#children.get(segment) ?? new KeyMap<T>();
      node.#children.set(segment, next);
      node = next;
    }
    node.#value = value;
  }

  forget(key: string): void {
    const segments = parseConfigKey(key);
    const last = segments.pop() ?? key;
    const parent = this.#at(segments);
    if (parent) {
      parent.#children.delete(last);
    }
  }

  #at(segments: readonly string[]): KeyMap<T> | undefined {
    let node: KeyMap<T> = this;
    for (const segment of segments) {
      const next = node.#children.get(segment);
      if (!next) {
        return undefined;
      }
      node = next;
    }
    return node;
  }

  *entries(above: readonly string[] = []): Generator<[string, T]> {
    for (const [segment, node] of this.#children) {
      const path = [...above, segment];
      if (node.#value !== undefined) {
        yield [formatConfigKey(path), node.#value];
      }
      yield* node.entries(path);
    }
  }
}

/** The first of the keys that a value at a key would set, or a part of, or a whole that it is a part of. */
export function keySetBy(key: string, value: unknown, keys: readonly string[]): string | undefined {
  const set = isTree(value) ? leafKeys(value, parseConfigKey(key)) : [key];
  return keys.find((wanted) => set.some((leaf) => isKeyWithin(leaf, wanted) || isKeyWithin(wanted, leaf)));
}

/** Keys of all values that are not trees (empty trees count as values). */
export function leafKeys(tree: Readonly<ConfigTree>, above: readonly string[] = []): string[] {
  return Object.entries(tree).flatMap(([segment, value]) => {
    const path = [...above, segment];
    return isTree(value) && Object.keys(value).length > 0 ? leafKeys(value, path) : [formatConfigKey(path)];
  });
}

/** Paths and values of everything that is neither an object nor a list. @param isWhole what is passed over */
export function* scalars(
  value: unknown,
  isWhole: (value: unknown) => boolean,
  path: readonly string[] = [],
): Iterable<[path: readonly string[], value: unknown]> {
  if (isWhole(value)) {
    return;
  }
  if (typeof value === "object" && value !== null) {
    for (const [segment, item] of Object.entries(value)) {
      yield* scalars(item, isWhole, [...path, segment]);
    }
  } else {
    yield [path, value];
  }
}
