import type { FastifySchemaCompiler, FastifySerializerCompiler } from "fastify/types/schema.js";
import type { z } from "zod";
import { ClawError, type Issue, issuesOf } from "../../sdk/contract/index.ts";
import { withoutBounds } from "./without-bounds.ts";

/** Deeper than anything that means something, and far from what recursion can't take. */
const DEPTH_MAX = 200;
/** Many times what a thousand manifests hold, and parsed within a fraction of a second. */
const VALUES_MAX = 200_000;

/** Requests are parsed by the contract's schemas: what they don't know is refused, with every fault named. */
export const validatorCompiler: FastifySchemaCompiler<unknown> =
  ({ schema }) =>
  (data: unknown) => {
    // Fastify says null for a body that is not there.
    const given = data ?? undefined;
    const fault = unstorable(given);
    if (fault) {
      return { error: invalid([fault]) };
    }
    const parser = schema as z.ZodType;
    const result = parser.safeParse(given);
    return result.success ? { value: result.data } : { error: invalid(issuesOf(parser, result.error, given)) };
  };

/** Answers hold what their schema has and nothing else. */
export const serializerCompiler: FastifySerializerCompiler<z.ZodType> = ({ schema }) => serializing(schema);

/** What makes the text of an answer, or throws when that can't be. */
export function serializing(schema: z.ZodType): (answer: unknown) => string {
  const bare = withoutBounds(schema);
  return (answer) => JSON.stringify(bare.parse(answer));
}

/** A request that is wrong where the issues say. */
export function invalid(issues: readonly Issue[]): ClawError {
  const [first] = issues;
  return new ClawError("request.invalid", first ? `${first.path || "the request"}: ${first.message}` : "the request is invalid", {
    issues,
  });
}

/** A list or an object, and where it is. */
interface Holder {
  readonly value: object;
  readonly parent?: Holder;
  readonly key?: string;
  readonly depth: number;
}

const NOT_TEXT = { fix: "take out NUL and halves of surrogate pairs" };

/** What no store and no parser of ours could take: NUL, half of a surrogate pair, nesting without end, or more than can be parsed at once. */
function unstorable(data: unknown): Issue | undefined {
  const left: Holder[] = [{ value: { "": data }, depth: -1 }];
  let values = 0;
  for (let holder = left.pop(); holder; holder = left.pop()) {
    const { value, depth } = holder;
    if (depth === DEPTH_MAX) {
      return { path: pathOf(holder).slice(0, 100), message: `is nested more than ${DEPTH_MAX} levels deep`, fix: "nest less" };
    }
    // Counted before anything is done with each of them.
    const keys = Array.isArray(value) ? undefined : Object.keys(value);
    values += (keys ?? (value as unknown[])).length;
    if (values > VALUES_MAX) {
      return {
        path: pathOf(holder),
        message: `the request holds more than ${VALUES_MAX} values`,
        fix: "send less, or in several requests",
      };
    }
    const children: readonly unknown[] = keys === undefined ? (value as unknown[]) : Object.values(value);
    for (const [index, child] of children.entries()) {
      const key = keys?.[index] ?? String(index);
      if (keys !== undefined && !isText(key)) {
        return { path: pathOf(holder), message: "has a key of characters that are not text", ...NOT_TEXT };
      }
      if (typeof child === "string" && !isText(child)) {
        return { path: pathOf({ value: {}, parent: holder, key, depth }), message: "holds characters that are not text", ...NOT_TEXT };
      }
      if (typeof child === "object" && child !== null) {
        left.push({ value: child, parent: holder, key, depth: depth + 1 });
      }
    }
  }
  return undefined;
}

function pathOf({ parent, key }: Holder): string {
  if (!parent || key === undefined) {
    return "";
  }
  const before = pathOf(parent);
  return Array.isArray(parent.value) ? `${before}[${key}]` : before === "" ? key : `${before}.${key}`;
}

function isText(value: string): boolean {
  return !value.includes("\0") && value.isWellFormed();
}
