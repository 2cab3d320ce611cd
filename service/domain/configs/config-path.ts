/** Nested JSON as people write configs. */
export type ConfigTree = { [key: string]: unknown };

const FORBIDDEN = new Set(["__proto__", "prototype", "constructor"]);

/** Why a dotted key can't be a path, or undefined when it can. */
export function keyProblem(key: string): string | undefined {
  const segments = key.split(".");
  if (segments.some((segment) => segment === "")) {
    return `'${key}' is not a dotted key such as 'model.name'`;
  }
  const forbidden = segments.find((segment) => FORBIDDEN.has(segment));
  return forbidden === undefined ? undefined : `'${forbidden}' can't be part of a key`;
}

export function isTree(value: unknown): value is ConfigTree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a dotted key, or undefined. */
export function valueAt(tree: Readonly<ConfigTree>, key: string): unknown {
  let value: unknown = tree;
  for (const segment of key.split(".")) {
    if (!isTree(value) || !Object.hasOwn(value, segment)) {
      return undefined;
    }
    value = value[segment];
  }
  return value;
}

/** Sets the value at a dotted key; answers the key that is in the way when one of its parents holds a plain value. */
export function setAt(tree: ConfigTree, key: string, value: unknown): string | undefined {
  const segments = key.split(".");
  const last = segments.pop() ?? key;
  let parent = tree;
  for (const [index, segment] of segments.entries()) {
    const child = Object.hasOwn(parent, segment) ? parent[segment] : undefined;
    if (child !== undefined && !isTree(child)) {
      return segments.slice(0, index + 1).join(".");
    }
    const next = child ?? {};
    parent[segment] = next;
    parent = next;
  }
  parent[last] = value;
  return undefined;
}

/** Removes the value at a dotted key, and the parents that it leaves empty. */
export function removeAt(tree: ConfigTree, key: string): void {
  const parent = dropAt(tree, key);
  prune(tree, parent ? new Set([parent]) : new Set());
}

/** Removes the value at a dotted key, and answers the tree that it was or would have been in. */
export function dropAt(tree: ConfigTree, key: string): ConfigTree | undefined {
  const segments = key.split(".");
  const last = segments.pop() ?? key;
  const parent = segments.length === 0 ? tree : valueAt(tree, segments.join("."));
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

/** A value for each of many dotted keys; a key is forgotten with all that lies beneath it, whatever else there is. */
export class KeyMap<T> {
  readonly #children = new Map<string, KeyMap<T>>();
  #value: T | undefined;

  get(key: string): T | undefined {
    const node = this.#at(key.split("."));
    return node ? node.#value : undefined;
  }

  set(key: string, value: T): void {
    let node: KeyMap<T> = this;
    for (const segment of key.split(".")) {
      const next = node.#children.get(segment) ?? new KeyMap<T>();
      node.#children.set(segment, next);
      node = next;
    }
    node.#value = value;
  }

  forget(key: string): void {
    const segments = key.split(".");
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

  *entries(prefix = ""): Generator<[string, T]> {
    for (const [segment, node] of this.#children) {
      const key = `${prefix}${segment}`;
      if (node.#value !== undefined) {
        yield [key, node.#value];
      }
      yield* node.entries(`${key}.`);
    }
  }
}

/** The first of the keys that a value at a dotted key would set, or a part of, or a whole that it is a part of. */
export function keySetBy(key: string, value: unknown, keys: readonly string[]): string | undefined {
  const set = isTree(value) ? leafKeys(value, `${key}.`) : [key];
  return keys.find((wanted) => set.some((leaf) => leaf === wanted || leaf.startsWith(`${wanted}.`) || wanted.startsWith(`${leaf}.`)));
}

/** Dotted keys of all values that are not trees (empty trees count as values). */
export function leafKeys(tree: Readonly<ConfigTree>, prefix = ""): string[] {
  return Object.entries(tree).flatMap(([segment, value]) => {
    const key = `${prefix}${segment}`;
    return isTree(value) && Object.keys(value).length > 0 ? leafKeys(value, `${key}.`) : [key];
  });
}

/** Paths and values of everything that is neither an object nor a list. */
export function* scalars(value: unknown, path: readonly string[] = []): Iterable<[path: readonly string[], value: unknown]> {
  if (typeof value === "object" && value !== null) {
    for (const [segment, item] of Object.entries(value)) {
      yield* scalars(item, [...path, segment]);
    }
  } else {
    yield [path, value];
  }
}
