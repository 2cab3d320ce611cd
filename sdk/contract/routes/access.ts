import type { z } from "zod";
import {
  AccessAnswerSchema,
  AccessQuerySchema,
  MeSchema,
  RoleBindingInputSchema,
  RoleBindingPageSchema,
  RoleBindingSchema,
  RoleInputSchema,
  RolePageSchema,
  RoleSchema,
  roleBindingFacts,
  roleFacts,
  ServiceAccountInputSchema,
  ServiceAccountPageSchema,
  ServiceAccountSchema,
  serviceAccountFacts,
  TokenCreatedSchema,
  TokenInputSchema,
  TokenPageSchema,
  TokenQuerySchema,
  TokenSchema,
} from "../access.ts";
import type { ErrorCode } from "../errors.ts";
import type { KindFacts } from "../kind.ts";
import { ListQuerySchema } from "../meta.ts";
import { idParams as id, type Route, writeQuery } from "../route.ts";

/** The five routes of a kind that has no others. @param errors of writes, and `refusals` of deletions, beside those that every kind's have */
function routesOf<const Area extends string, Code extends string, I extends z.ZodType, R extends z.ZodType, P extends z.ZodType>(
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
  const list = { ...reads, method: "GET", path, summary: `List ${noun}s`, query: ListQuerySchema, success: 200, response: page } as const;
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

export const accessRoutes = {
  ...routesOf("roles", "/roles", roleFacts, { input: RoleInputSchema, one: RoleSchema, page: RolePageSchema }, [], ["role.in_use"]),
  ...routesOf(
    "roleBindings",
    "/role-bindings",
    roleBindingFacts,
    { input: RoleBindingInputSchema, one: RoleBindingSchema, page: RoleBindingPageSchema },
    ["role.not_found", "project.not_found"],
  ),
  ...routesOf("serviceAccounts", "/service-accounts", serviceAccountFacts, {
    input: ServiceAccountInputSchema,
    one: ServiceAccountSchema,
    page: ServiceAccountPageSchema,
  }),
  "tokens.list": {
    method: "GET",
    path: "/tokens",
    summary: "List tokens of service accounts, newest first: what they are for, not what they are",
    scope: "tenant",
    permission: "access.read",
    query: TokenQuerySchema,
    success: 200,
    response: TokenPageSchema,
    errors: ["service_account.not_found"],
  },
  "tokens.create": {
    method: "POST",
    path: "/tokens",
    summary: "Make a token for a service account; it is shown this once",
    scope: "tenant",
    permission: "access.write",
    body: TokenInputSchema,
    success: 201,
    response: TokenCreatedSchema,
    answersSecret: true,
    errors: ["service_account.not_found", "token.name_taken", "token.too_many"],
  },
  "tokens.get": {
    method: "GET",
    path: "/tokens/:id",
    summary: "Read what is known of a token",
    scope: "tenant",
    permission: "access.read",
    params: id,
    success: 200,
    response: TokenSchema,
    errors: ["token.not_found"],
  },
  "tokens.revoke": {
    method: "DELETE",
    path: "/tokens/:id",
    summary: "Revoke a token: it is refused from now on",
    scope: "tenant",
    permission: "access.write",
    params: id,
    success: 204,
    errors: ["token.not_found"],
  },
  "access.retireAdministrator": {
    method: "DELETE",
    path: "/administrator-token",
    summary: "Retire the administrator's token: it is refused from now on, after a start too",
    scope: "platform",
    permission: "access.write",
    success: 204,
    errors: ["token.still_needed"],
  },
  "access.me": {
    method: "GET",
    path: "/me",
    summary: "Who the token belongs to, and what they may do",
    scope: "authenticated",
    success: 200,
    response: MeSchema,
  },
  "access.canI": {
    method: "GET",
    path: "/me/can-i",
    summary: "Whether one may do a thing, and why",
    scope: "authenticated",
    query: AccessQuerySchema,
    success: 200,
    response: AccessAnswerSchema,
    errors: ["project.not_found"],
  },
} as const satisfies Record<string, Route>;
