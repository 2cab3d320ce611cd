import { z } from "zod";

/** How much of JSON there may be. `bytes` are those of its texts, keys among them, and eight for whatever else it holds. */
export interface JsonBounds {
  readonly bytes?: number;
  readonly depth?: number;
  /** Scalars, lists and objects, all counted. */
  readonly values?: number;
}

/** Of one JSON value that a client gives: a variable's default, an override, a key of a template's base. */
export const JSON_BOUNDS = { bytes: 256 * 1024, depth: 32, values: 10_000 } as const satisfies JsonBounds;
/** Of a whole specification. */
export const SPEC_BYTES_MAX = 512 * 1024;

/** Of a quota or a capacity: far above what one control plane runs. */
export const INSTANCES_MAX = 1_000_000;

/** What people call something. */
export const DisplayNameSchema = z.string().max(256);
/** What people say of something. */
export const TextSchema = z.string().max(4096);

export type JsonValue = z.core.util.JSONType;

/** Any JSON within {@link JSON_BOUNDS}. */
export const JsonValueSchema = z
  .unknown()
  .check(({ value, issues }) => {
    const fault = value === undefined ? { message: "is required", fix: "give a value" } : jsonFault(value, JSON_BOUNDS);
    if (fault) {
      issues.push(issueOf(value, fault));
    }
  })
  .meta({
    description: `any JSON: at most ${showBytes(JSON_BOUNDS.bytes)}, ${JSON_BOUNDS.values} values, ${JSON_BOUNDS.depth} levels`,
  }) as z.ZodType<JsonValue>;

/** A record of at most so many entries. @param bounds of its content in total */
export function boundedRecord<K extends z.ZodString, V extends z.ZodType>(key: K, value: V, entriesMax: number, bounds: JsonBounds = {}) {
  return z
    .record(key, value)
    .check((ctx) => {
      const entries = Object.keys(ctx.value).length;
      const fault =
        entries > entriesMax ? { message: `has ${entries} entries`, fix: `give at most ${entriesMax}` } : jsonFault(ctx.value, bounds);
      if (fault) {
        ctx.issues.push(issueOf(ctx.value, fault));
      }
    })
    .meta({ maxProperties: entriesMax });
}

interface Fault {
  readonly message: string;
  readonly fix: string;
}

/** An issue that says what to do about it. */
export function issueOf(input: unknown, { message, fix }: Fault, path: PropertyKey[] = []): z.core.$ZodRawIssue {
  return { code: "custom", input, message, path, params: { fix } };
}

/** What is wrong with JSON by its bounds. It is walked without recursion, and no further than the bounds. */
export function jsonFault(
  json: unknown,
  { bytes: bytesMax = Infinity, depth: depthMax = Infinity, values: valuesMax = Infinity }: JsonBounds,
): Fault | undefined {
  let bytes = 0;
  let values = 1;
  let level: readonly unknown[] = [json];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax) {
      return { message: `is nested more than ${depthMax} levels deep`, fix: "nest less" };
    }
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value === "object" && value !== null) {
        const children = Array.isArray(value) ? value : Object.values(value);
        values += children.length;
        if (values > valuesMax) {
          return { message: `holds more than ${valuesMax} values`, fix: "give fewer" };
        }
        if (children !== value) {
          bytes += Object.keys(value).reduce((sum, key) => sum + utf8Length(key), 0);
        }
        for (const child of children) {
          next.push(child);
        }
      } else if (typeof value === "string") {
        bytes += utf8Length(value);
      } else if (value === null || typeof value === "boolean" || Number.isFinite(value)) {
        bytes += 8;
      } else if (value !== undefined) {
        return { message: "is not JSON", fix: "use text, numbers, true, false, null, lists and objects" };
      }
      if (bytes > bytesMax) {
        return { message: `is more than ${showBytes(bytesMax)}`, fix: "give less" };
      }
    }
    level = next;
  }
  return undefined;
}

const encoder = new TextEncoder();

function utf8Length(text: string): number {
  return /^[\0-\x7f]*$/.test(text) ? text.length : encoder.encode(text).length;
}

function showBytes(bytes: number): string {
  return `${bytes / 1024} KiB`;
}
