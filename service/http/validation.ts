import type { FastifySchemaCompiler, FastifySerializerCompiler } from "fastify/types/schema.js";
import type { z } from "zod";
import { ClawError, issuesOf, type ProblemIssue } from "../../sdk/contract/index.ts";

/** Deeper than anything that means something, and far from what recursion can't take. */
const DEPTH_MAX = 200;

/** Requests are parsed by the contract's schemas: what they don't know is refused, with every fault named. */
export const validatorCompiler = parsing(isText);
/** Documents may hold any text. */
export const documentValidatorCompiler = parsing(() => true);

function parsing(accepts: (text: string) => boolean): FastifySchemaCompiler<unknown> {
  return ({ schema }) =>
    (data: unknown) => {
      // Fastify says null for a body that is not there.
      const given = data ?? undefined;
      const fault = unstorable(given, accepts);
      if (fault) {
        return { error: invalid([fault]) };
      }
      const parser = schema as z.ZodType;
      const result = parser.safeParse(given);
      return result.success ? { value: result.data } : { error: invalid(issuesOf(parser, result.error, given)) };
    };
}

/** Answers hold what their schema has and nothing else. */
export const serializerCompiler: FastifySerializerCompiler<z.ZodType> =
  ({ schema }) =>
  (data) =>
    JSON.stringify(schema.parse(data));

/** A request that is wrong where the issues say. */
export function invalid(issues: readonly ProblemIssue[]): ClawError {
  const [first] = issues;
  return new ClawError("request.invalid", first ? `${first.path || "the request"}: ${first.message}` : "the request is invalid", {
    issues,
  });
}

interface Item {
  readonly value: unknown;
  readonly parent?: Item;
  readonly key?: string;
  readonly depth: number;
}

/** What no store and no parser of ours could take: NUL, half of a surrogate pair, or nesting without end. */
function unstorable(data: unknown, accepts: (text: string) => boolean): ProblemIssue | undefined {
  const left: Item[] = [{ value: data, depth: 0 }];
  for (let item = left.pop(); item; item = left.pop()) {
    const { value, depth } = item;
    if (typeof value === "string" && !accepts(value)) {
      return { path: pathOf(item), message: "holds characters that are not text", fix: "take out NUL and halves of surrogate pairs" };
    }
    if (typeof value !== "object" || value === null) {
      continue;
    }
    if (depth === DEPTH_MAX) {
      return { path: pathOf(item).slice(0, 100), message: `is nested more than ${DEPTH_MAX} levels deep`, fix: "nest less" };
    }
    for (const [key, child] of Object.entries(value)) {
      if (!accepts(key)) {
        return {
          path: pathOf(item),
          message: "has a key of characters that are not text",
          fix: "take out NUL and halves of surrogate pairs",
        };
      }
      left.push({ value: child, parent: item, key, depth: depth + 1 });
    }
  }
  return undefined;
}

function pathOf({ parent, key }: Item): string {
  if (!parent || key === undefined) {
    return "";
  }
  const before = pathOf(parent);
  return Array.isArray(parent.value) ? `${before}[${key}]` : before === "" ? key : `${before}.${key}`;
}

function isText(value: string): boolean {
  return !value.includes("\0") && value.isWellFormed();
}
