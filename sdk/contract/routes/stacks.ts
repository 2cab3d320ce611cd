import { z } from "zod";
import { idParams as id, type Route } from "../route.ts";
import { EmptyRequestSchema } from "../service.ts";
import {
  StackCancelledSchema,
  StackExportSchema,
  StackImportedSchema,
  StackMigratedSchema,
  StackMigrateRequestSchema,
  StackRefreshedSchema,
  StackUnlockedSchema,
  StackUpdatePageSchema,
} from "../stack.ts";

export const stackRoutes = {
  "stacks.export": {
    method: "GET",
    path: "/stacks/:id/export",
    summary: "Export the state of a tenant's stack, its secrets sealed unless asked otherwise",
    scope: "platform",
    params: id,
    query: z.strictObject({ showSecrets: z.stringbool().optional().describe("secrets in plaintext; audited") }),
    success: 200,
    response: StackExportSchema,
    errors: ["tenant.not_found", "stack.not_found"],
  },
  "stacks.import": {
    method: "POST",
    path: "/stacks/:id/import",
    summary: "Replace the state of a tenant's stack by an exported one, if it is sound",
    scope: "platform",
    params: id,
    body: StackExportSchema,
    bodyBytesMax: 512 * 1024 * 1024,
    isDocument: true,
    success: 200,
    response: StackImportedSchema,
    errors: ["tenant.not_found", "stack.not_found", "stack.invalid", "stack.locked"],
  },
  "stacks.history": {
    method: "GET",
    path: "/stacks/:id/history",
    summary: "List the operations of a tenant's stack, newest first",
    scope: "platform",
    params: id,
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(500).default(50),
      cursor: z
        .string()
        .max(6)
        .regex(/^\d{1,6}$/)
        .optional(),
    }),
    success: 200,
    response: StackUpdatePageSchema,
    errors: ["tenant.not_found", "stack.not_found"],
  },
  "stacks.refresh": {
    method: "POST",
    path: "/stacks/:id/refresh",
    summary: "Read what there is of a tenant's stack now, and record what is not as declared",
    scope: "platform",
    params: id,
    body: EmptyRequestSchema.optional(),
    success: 200,
    response: StackRefreshedSchema,
    errors: ["tenant.not_found", "cluster.not_found", "engine.failed"],
  },
  "stacks.cancel": {
    method: "POST",
    path: "/stacks/:id/cancel",
    summary: "Stop the operation that is running on a tenant's stack; steps under way end first",
    scope: "platform",
    params: id,
    body: EmptyRequestSchema.optional(),
    success: 200,
    response: StackCancelledSchema,
    errors: ["tenant.not_found", "stack.not_found"],
  },
  "stacks.unlock": {
    method: "POST",
    path: "/stacks/:id/unlock",
    summary: "Take a tenant's stack from a worker that is gone, at once",
    scope: "platform",
    params: id,
    body: EmptyRequestSchema.optional(),
    success: 200,
    response: StackUnlockedSchema,
    errors: ["tenant.not_found", "stack.not_found"],
  },
  "stacks.migrate": {
    method: "POST",
    path: "/stacks/:id/engine",
    summary: "Move a tenant's stack to another engine",
    scope: "platform",
    params: id,
    body: StackMigrateRequestSchema,
    success: 200,
    response: StackMigratedSchema,
    errors: ["tenant.not_found", "stack.not_found", "stack.invalid", "stack.locked", "engine.failed"],
  },
} as const satisfies Record<string, Route>;
