import { ListQuerySchema } from "../meta.ts";
import { admission, idParams, type Route, writeQuery } from "../route.ts";
import {
  RotateRequestSchema,
  rotateAction,
  SecretInputSchema,
  SecretPageSchema,
  SecretSchema,
  SecretUserPageSchema,
  secretFacts,
} from "../secret.ts";
import { plainRoutes } from "./plain-routes.ts";

export const secretRoutes = {
  ...plainRoutes(
    "secrets",
    "/secrets",
    secretFacts,
    { input: SecretInputSchema, one: SecretSchema, page: SecretPageSchema },
    ["cluster.not_found", "secret.in_use", ...admission],
    ["secret.in_use"],
  ),
  "secrets.users": {
    method: "GET",
    path: "/secrets/:id/users",
    summary: "List the instances whose configuration names a secret",
    scope: "tenant",
    permission: "secrets.read",
    params: idParams,
    query: ListQuerySchema.pick({ limit: true, cursor: true }),
    success: 200,
    response: SecretUserPageSchema,
    errors: ["secret.not_found"],
  },
  "secrets.rotate": {
    method: "POST",
    path: "/secrets/:id/rotate",
    summary: "Let everybody who uses a secret have the value that is to come",
    scope: "tenant",
    permission: rotateAction.permission,
    params: idParams,
    query: writeQuery,
    body: RotateRequestSchema,
    success: 200,
    response: SecretSchema,
    errors: ["secret.not_found", ...admission],
  },
  "secrets.refresh": {
    method: "POST",
    path: "/secrets/:id/refresh",
    summary: "Read a secret's source now",
    scope: "tenant",
    permission: "secrets.write",
    params: idParams,
    success: 200,
    response: SecretSchema,
    errors: ["secret.not_found"],
  },
} as const satisfies Record<string, Route>;
