import { PolicyInputSchema, PolicyPageSchema, PolicySchema, policyFacts } from "../policy.ts";
import type { Route } from "../route.ts";
import { plainRoutes } from "./plain-routes.ts";

export const policyRoutes = {
  ...plainRoutes("policies", "/policies", policyFacts, { input: PolicyInputSchema, one: PolicySchema, page: PolicyPageSchema }, [
    "project.not_found",
  ]),
} as const satisfies Record<string, Route>;
