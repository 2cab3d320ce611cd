import { ConfigValuesInputSchema, ConfigValuesPageSchema, ConfigValuesSchema, configValuesFacts } from "../config-values.ts";
import { admission, type Route } from "../route.ts";
import { plainRoutes } from "./plain-routes.ts";

export const valuesRoutes = plainRoutes(
  "values",
  "/config-values",
  configValuesFacts,
  { input: ConfigValuesInputSchema, one: ConfigValuesSchema, page: ConfigValuesPageSchema },
  ["project.not_found", "instance.not_found", ...admission],
) satisfies Record<string, Route>;
