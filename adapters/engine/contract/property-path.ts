import { isPlainObject, isSecret, makeSecret, type PropertyMap, type PropertyValue, unwrapSecret } from "./values.ts";

/** Keys and indexes; `*` matches any of them. */
export type PropertyPath = readonly (string | number)[];

/** Reads `root.nested["quoted key"][0].leaf`. @throws when the path is malformed. */
export function parsePath(text: string): PropertyPath {
  const path: (string | number)[] = [];
  let rest = text;
  if (rest.startsWith(".")) {
    throw new Error("expected property path to start with a name or index");
  }
  while (rest.length > 0) {
    if (rest.startsWith(".")) {
      rest = rest.slice(1);
      if (rest.length === 0) {
        throw new Error("expected property path to end with a name or index");
      }
      continue;
    }
    if (!rest.startsWith("[")) {
      const end = rest.search(/[.[]/);
      path.push(end < 0 ? rest : rest.slice(0, end));
      rest = end < 0 ? "" : rest.slice(end);
      continue;
    }
    const { key, length } = bracketed(rest);
    path.push(key);
    rest = rest.slice(length);
  }
  return path;
}

/** The key of the brackets that `text` begins with. The texts of its errors are the CLI's. */
function bracketed(text: string): { key: string | number; length: number } {
  if (text.startsWith('["')) {
    const quoted = /^\["((?:\\"|\\(?!")|[^"\\])*)"/.exec(text);
    if (!quoted) {
      throw new Error("missing closing quote in property name");
    }
    if (text[quoted[0].length] !== "]") {
      throw new Error("missing closing bracket in property access");
    }
    return { key: (quoted[1] ?? "").replaceAll('\\"', '"'), length: quoted[0].length + 1 };
  }
  const end = text.indexOf("]");
  if (end < 0) {
    throw new Error("missing closing bracket in array index");
  }
  const index = text.slice(1, end);
  if (index === "*") {
    return { key: index, length: end + 1 };
  }
  const isNumber = /^[+-]?\d+$/.test(index);
  if (!isNumber || !Number.isSafeInteger(Number(index))) {
    const problem = isNumber ? "value out of range" : "invalid syntax";
    throw new Error(`invalid array index: strconv.ParseInt: parsing "${index}": ${problem}`);
  }
  return { key: Number(index), length: end + 1 };
}

export function formatPath(path: PropertyPath): string {
  return path
    .map((key, index) => {
      if (typeof key === "number") {
        return `[${key}]`;
      }
      if (!/^[A-Za-z0-9_]*$/.test(key)) {
        return `["${key.replaceAll('"', '\\"')}"]`;
      }
      return index === 0 ? key : `.${key}`;
    })
    .join("");
}

/** What stands at a path, if anything does; a secret on the way hides what is below it, and is itself the answer. */
export function valueAt(root: PropertyValue, text: string): PropertyValue | undefined {
  let value: PropertyValue | undefined = root;
  const path = findPath(text);
  if (!path) {
    return undefined;
  }
  for (const key of path) {
    if (isSecret(value)) {
      return value;
    }
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) {
      return undefined;
    }
    value = Array.isArray(value) ? value[Number(key)] : value[key];
  }
  return value;
}

/** Undefined for a malformed path: providers and programs send those too. */
export function findPath(text: string): PropertyPath | undefined {
  try {
    return parsePath(text);
  } catch {
    return undefined;
  }
}

/** Whether `path` is `other` or an ancestor of it. */
export function pathContains(path: PropertyPath, other: PropertyPath): boolean {
  return path.length <= other.length && path.every((key, index) => key === "*" || key === other[index]);
}

/**
 * The inputs with the ignored paths as they were before. Paths that would add or remove array elements or intermediate
 * objects can't be reset: they are reported in `invalid`.
 */
export function resetIgnored(
  inputs: PropertyMap,
  oldInputs: PropertyMap,
  ignoreChanges: readonly string[],
): { inputs: PropertyMap; invalid: string[] } {
  if (ignoreChanges.length === 0) {
    return { inputs, invalid: [] };
  }
  const copy = structuredClone(inputs);
  const invalid = ignoreChanges.filter((text) => {
    const path = findPath(text);
    return path !== undefined && !reset(path, oldInputs, copy, false, false);
  });
  return { inputs: copy, invalid };
}

/** Resets one path inside `into`, in place. Returns false where the shapes do not allow it. */
function reset(
  path: PropertyPath,
  from: PropertyValue | undefined,
  into: PropertyValue | undefined,
  fromSecret: boolean,
  intoSecret: boolean,
): boolean {
  const oldSecret = fromSecret || isSecret(from);
  const newSecret = intoSecret || isSecret(into);
  const old = from === undefined ? undefined : unwrapSecret(from);
  const now = into === undefined ? undefined : unwrapSecret(into);
  const [key, ...rest] = path;
  const keep = (value: PropertyValue) => (oldSecret && !newSecret ? makeSecret(value) : value);
  const deeper = (next: string | number) =>
    reset(
      rest,
      (old as Record<string | number, PropertyValue>)[next],
      (now as Record<string | number, PropertyValue>)[next],
      oldSecret,
      newSecret,
    );

  if (key === undefined) {
    return false;
  }
  if (typeof key === "number") {
    if (key < 0) {
      return false;
    }
    const oldArray = Array.isArray(old) ? old : undefined;
    const newArray = Array.isArray(now) ? now : undefined;
    if (!oldArray || !newArray) {
      return !oldArray && !newArray;
    }
    if (rest.length > 0) {
      return key < oldArray.length && key < newArray.length && deeper(key);
    }
    if (key >= oldArray.length && key >= newArray.length) {
      return true;
    }
    if (key >= oldArray.length || key >= newArray.length) {
      return false;
    }
    newArray[key] = keep(oldArray[key] as PropertyValue);
    return true;
  }
  if (key === "*") {
    if (isPlainObject(now)) {
      if (rest.length === 0) {
        if (!isPlainObject(old)) {
          return true;
        }
        for (const name of Object.keys(now)) {
          if (!Object.hasOwn(old, name)) {
            delete now[name];
          }
        }
        for (const [name, value] of Object.entries(old)) {
          now[name] = keep(value);
        }
        return true;
      }
      return isPlainObject(old) && Object.keys(old).every((name) => Object.hasOwn(now, name) && deeper(name));
    }
    if (Array.isArray(now)) {
      if (!Array.isArray(old)) {
        return rest.length === 0;
      }
      for (let index = 0; index < Math.min(old.length, now.length); index++) {
        if (rest.length === 0) {
          now[index] = keep(old[index] as PropertyValue);
        } else if (!deeper(index)) {
          return false;
        }
      }
      return old.length === now.length;
    }
    return false;
  }
  if (rest.length === 0) {
    const before = isPlainObject(old) && Object.hasOwn(old, key) ? old[key] : undefined;
    if (before !== undefined) {
      if (!isPlainObject(now)) {
        return false;
      }
      now[key] = keep(before);
    } else if (isPlainObject(now)) {
      delete now[key];
    }
    return true;
  }
  if (!isPlainObject(old) || !isPlainObject(now)) {
    return !isPlainObject(old) && !isPlainObject(now);
  }
  return Object.hasOwn(now, key) ? deeper(key) : !Object.hasOwn(old, key);
}
