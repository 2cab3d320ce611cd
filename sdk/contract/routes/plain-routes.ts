import type { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import type { KindFacts } from "../kind.ts";
import { ListQuerySchema } from "../meta.ts";
import { idParams as id, writeQuery } from "../route.ts";

/** The five routes of a kind that has no others. @param errors of writes, and `refusals` of deletions, beside those that every kind's have */
export function plainRoutes<const Area extends string, Code extends string, I extends z.ZodType, R extends z.ZodType, P extends z.ZodType>(
  area: Area,
  path: string,
  { area: code, noun, access }: KindFacts & { readonly area: Code },
  schemas: { readonly input: I; readonly one: R; readonly page: P },
  errors: readonly ErrorCode[] = [],
  refusals: readonly ErrorCode[] = [],
) {
  const { input, one, page } = schemas;
  const named = `${path}/:id`;
  const missing = `${code}.not_found` as ErrorCode;
  const taken = `${code}.name_taken` as ErrorCode;
  const reads = { scope: "tenant", permission: access.read } as const;
  const writes = { scope: "tenant", permission: access.write, query: writeQuery } as const;
  const list = {
    ...reads,
    method: "GET",
    path,
    summary: `List ${pluralOf(noun)}`,
    query: ListQuerySchema,
    success: 200,
    response: page,
  } as const;
  const get = {
    ...reads,
    method: "GET",
    path: named,
    summary: `Read a ${noun}`,
    params: id,
    success: 200,
    response: one,
    errors: [missing],
  } as const;
  const create = {
    ...writes,
    method: "POST",
    path,
    summary: `Create a ${noun}`,
    body: input,
    success: 201,
    response: one,
    errors: [taken, ...errors],
  } as const;
  const replace = {
    ...writes,
    method: "PUT",
    path: named,
    summary: `Replace a ${noun}`,
    params: id,
    body: input,
    success: 200,
    response: one,
    errors: [missing, ...errors],
  } as const;
  const remove = {
    ...writes,
    method: "DELETE",
    path: named,
    summary: `Delete a ${noun}`,
    params: id,
    success: 204,
    errors: [missing, ...refusals],
  } as const;
  return {
    [`${area}.list`]: list,
    [`${area}.get`]: get,
    [`${area}.create`]: create,
    [`${area}.replace`]: replace,
    [`${area}.delete`]: remove,
  } as Record<`${Area}.list`, typeof list> &
    Record<`${Area}.get`, typeof get> &
    Record<`${Area}.create`, typeof create> &
    Record<`${Area}.replace`, typeof replace> &
    Record<`${Area}.delete`, typeof remove>;
}

function pluralOf(noun: string): string {
  const [first = "", ...rest] = noun.split(" of ");
  return [`${first.replace(/y$/, "ie")}s`, ...rest].join(" of ");
}
