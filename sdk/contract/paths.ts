/**
 * Joins a path to a folder and proves that it stays below it: what every path is made with whose parts somebody else may have chosen.
 * @throws {RangeError} when it would lead out of the folder, or be the folder itself
 */
export function pathBelow(root: string, ...parts: readonly string[]): string {
  for (const part of parts) {
    if (!isRelativePath(part)) {
      throw new RangeError(`${JSON.stringify(part.slice(0, 200))} is not a path below '${root}'`);
    }
  }
  return [root.replace(/\/+$/, ""), ...parts].join("/");
}

/** Whether a path leads to something below the folder that it begins in. */
export function isRelativePath(path: string): boolean {
  // A backslash is a separator elsewhere, and a NUL ends a path early.
  return path.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..") && !/[\\\0]/.test(path);
}
