import { z } from "zod";
import { PreviewItemPageSchema, PreviewRequestSchema, PreviewSchema } from "../preview.ts";
import { admission, idParams as id, placing, type Route } from "../route.ts";
import { ClawTypeListSchema, EmptyRequestSchema, IdentitySchema, ServiceVersionSchema } from "../service.ts";

/** What a plan may run into: any write's refusals. */
const previewed = [
  ...admission,
  ...placing,
  "auth.forbidden",
  "tenant.required",
  "instance.not_found",
  "instance.name_taken",
  "instance.unknown_type",
  "config.not_found",
  "config.name_taken",
  "config.in_use",
  "project.not_found",
  "project.name_taken",
  "project.not_empty",
  "tenant.name_taken",
  "tenant.not_empty",
  "cluster.name_taken",
  "cluster.in_use",
  "resource.version_conflict",
  "engine.failed",
  "stack.locked",
] as const;

export const serviceRoutes = {
  "previews.create": {
    method: "POST",
    path: "/previews",
    summary: "Preview changes: what would be created, updated, replaced and deleted",
    scope: "authenticated",
    body: PreviewRequestSchema,
    bodyBytesMax: 4 * 1024 * 1024,
    success: 201,
    response: PreviewSchema,
    errors: [...previewed],
  },
  "previews.get": {
    method: "GET",
    path: "/previews/:id",
    summary: "Read a preview",
    scope: "authenticated",
    params: id,
    success: 200,
    response: PreviewSchema,
    errors: ["preview.not_found"],
  },
  "previews.changes": {
    method: "GET",
    path: "/previews/:id/changes",
    summary: "List the changes of a preview, as they were shown",
    scope: "authenticated",
    params: id,
    query: z.strictObject({
      cursor: z
        .string()
        .max(6)
        .regex(/^\d{1,6}$/)
        .optional(),
    }),
    success: 200,
    response: PreviewItemPageSchema,
    errors: ["preview.not_found"],
  },
  "previews.apply": {
    method: "POST",
    path: "/previews/:id/apply",
    summary: "Apply exactly what was previewed, or 409",
    scope: "authenticated",
    params: id,
    body: EmptyRequestSchema.optional(),
    success: 202,
    response: PreviewSchema,
    errors: [...previewed, "preview.not_found", "preview.stale"],
  },
  "types.list": {
    method: "GET",
    path: "/types",
    summary: "List claw types and their pinned versions",
    scope: "authenticated",
    success: 200,
    response: ClawTypeListSchema,
  },
  "service.version": {
    method: "GET",
    path: "/version",
    summary: "The service's version",
    scope: "public",
    success: 200,
    response: ServiceVersionSchema,
  },
  "service.whoami": {
    method: "GET",
    path: "/whoami",
    summary: "Who the token belongs to",
    scope: "authenticated",
    success: 200,
    response: IdentitySchema,
  },
} as const satisfies Record<string, Route>;
