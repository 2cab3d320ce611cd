import { z } from "zod";
import {
  ClawTypeDescriptionSchema,
  ClawTypeInputSchema,
  ClawTypeListSchema,
  ClawTypePageSchema,
  ClawTypeSchema,
  clawTypeFacts,
} from "../claw-type.ts";
import { admission, type Route } from "../route.ts";
import { plainRoutes } from "./plain-routes.ts";

export const typeRoutes = {
  "types.list": {
    method: "GET",
    path: "/types",
    summary: "List the claw types that instances can have, and their pinned versions",
    scope: "authenticated",
    success: 200,
    response: ClawTypeListSchema,
  },
  "types.get": {
    method: "GET",
    path: "/types/:id",
    summary: "Say what a claw type is, and what its claws can do and can't",
    scope: "authenticated",
    params: z.object({ id: z.string().max(128).describe("the type, or its adapter") }),
    success: 200,
    response: ClawTypeDescriptionSchema,
    errors: ["type.not_found"],
  },
  ...plainRoutes(
    "clawTypes",
    "/claw-types",
    clawTypeFacts,
    { input: ClawTypeInputSchema, one: ClawTypeSchema, page: ClawTypePageSchema },
    [...admission, "type.in_use"],
    ["type.in_use"],
  ),
} as const satisfies Record<string, Route>;
