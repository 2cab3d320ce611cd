import { formatConfigKey } from "../../../sdk/contract/index.ts";

/** The values at a path and where they are; `*` stands for any key and any index. */
export function* valuesAt(value: unknown, [segment, ...rest]: readonly string[], path = ""): Iterable<[string, unknown]> {
  if (segment === undefined) {
    if (value !== undefined) {
      yield [path, value];
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (segment === "*" || segment === key) {
        yield* valuesAt(item, rest, formatConfigKey([key], path));
      }
    }
  }
}
