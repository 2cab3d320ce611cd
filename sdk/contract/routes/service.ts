import { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import { resourceKinds } from "../kinds.ts";
import { PreviewItemPageSchema, PreviewRequestSchema, PreviewSchema } from "../preview.ts";
import { admission, idParams as id, PageNumberSchema, placing, type Route } from "../route.ts";
import { EmptyRequestSchema, ServiceStatusSchema, ServiceVersionSchema } from "../service.ts";

/** What a plan may run into: any write's refusals. */
const previewed: readonly ErrorCode[] = [
  ...admission,
  ...placing,
  ...resourceKinds.flatMap(({ area }): ErrorCode[] => [`${area}.not_found`, `${area}.name_taken`]),
  "auth.forbidden",
  "tenant.required",
  "instance.unknown_type",
  "type.in_use",
  "secret.in_use",
  "role.in_use",
  "config.in_use",
  "config.version_not_found",
  "rollout.overlaps",
  "rollout.empty",
  "rollout.unchangeable",
  "rollout.wrong_phase",
  "rollout.active",
  "project.not_empty",
  "tenant.not_empty",
  "cluster.in_use",
  "resource.version_conflict",
  "engine.failed",
  "stack.locked",
];

export const serviceRoutes = {
  "previews.create": {
    method: "POST",
    path: "/previews",
    summary: "Preview changes: what would be created, updated, replaced and deleted",
    scope: "authenticated",
    heavy: true,
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
      cursor: PageNumberSchema.optional(),
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
  "service.version": {
    method: "GET",
    path: "/version",
    summary: "The service's version",
    scope: "public",
    success: 200,
    response: ServiceVersionSchema,
  },
  "service.status": {
    method: "GET",
    path: "/status",
    summary: "How the control plane does: its replicas, its database, and what the replica that answers depends on",
    scope: "platform",
    permission: "service.read",
    success: 200,
    response: ServiceStatusSchema,
  },
} as const satisfies Record<string, Route>;
