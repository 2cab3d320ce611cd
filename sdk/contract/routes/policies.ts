import { PolicyInputSchema, PolicyPageSchema, PolicySchema, PolicyTestResultSchema, PolicyTestSchema, policyFacts } from "../policy.ts";
import type { Route } from "../route.ts";
import { plainRoutes } from "./plain-routes.ts";

export const policyRoutes = {
  ...plainRoutes("policies", "/policies", policyFacts, { input: PolicyInputSchema, one: PolicySchema, page: PolicyPageSchema }, [
    "project.not_found",
  ]),
  "policies.test": {
    method: "POST",
    path: "/policy-tests",
    summary: "Say which instances violate policies that are in force, or would violate others; some instances at a time",
    scope: "tenant",
    permission: "policies.read",
    heavy: true,
    body: PolicyTestSchema,
    success: 200,
    response: PolicyTestResultSchema,
    errors: ["project.not_found"],
  },
} as const satisfies Record<string, Route>;
