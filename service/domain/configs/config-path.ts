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
  const [segment = "", ...rest] = key.split(".");
  if (rest.length === 0) {
    delete tree[segment];
    return;
  }
  const child = tree[segment];
  if (isTree(child)) {
    removeAt(child, rest.join("."));
    if (Object.keys(child).length === 0) {
      delete tree[segment];
    }
  }
}

/** Whether a dotted key matches one of the patterns, in which `*` stands for one segment. */
export function matchesKey(key: string, patterns: Iterable<string>): boolean {
  const segments = key.split(".");
  for (const pattern of patterns) {
    const parts = pattern.split(".");
    if (parts.length === segments.length && parts.every((part, index) => part === "*" || part === segments[index])) {
      return true;
    }
  }
  return false;
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
