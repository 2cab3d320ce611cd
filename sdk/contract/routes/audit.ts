import { z } from "zod";
import { AuditChainPageSchema, AuditPageSchema, AuditQuerySchema, AuditVerificationSchema, AuditVerifyQuerySchema } from "../audit.ts";
import { ListQuerySchema } from "../meta.ts";
import type { Route } from "../route.ts";

/** Of the platform's own chain, and of those of tenants that are no more. */
const chain = {
  chain: z.string().max(64).optional().describe("of a tenant, by its uid: also of one that was deleted; the platform's own when absent"),
};

export const auditRoutes = {
  "audit.list": {
    method: "GET",
    path: "/audit",
    summary: "List who did what in a tenant, newest first",
    scope: "tenant",
    permission: "audit.read",
    query: AuditQuerySchema,
    success: 200,
    response: AuditPageSchema,
  },
  "audit.verify": {
    method: "GET",
    path: "/audit/verify",
    summary: "Verify a tenant's audit log: that nothing in it was changed, taken out, moved or cut off",
    scope: "tenant",
    permission: "audit.read",
    heavy: true,
    query: AuditVerifyQuerySchema,
    success: 200,
    response: AuditVerificationSchema,
  },
  "audit.platform": {
    method: "GET",
    path: "/audit/platform",
    summary: "List who did what to the platform, newest first",
    scope: "platform",
    permission: "audit.read",
    query: AuditQuerySchema.extend(chain),
    success: 200,
    response: AuditPageSchema,
  },
  "audit.verifyPlatform": {
    method: "GET",
    path: "/audit/platform/verify",
    summary: "Verify the platform's audit log, or that of any tenant",
    scope: "platform",
    permission: "audit.read",
    heavy: true,
    query: AuditVerifyQuerySchema.extend(chain),
    success: 200,
    response: AuditVerificationSchema,
  },
  "audit.chains": {
    method: "GET",
    path: "/audit/platform/chains",
    summary: "List the audit logs that there are, or should be: the platform's, each tenant's, and those of tenants that are no more",
    scope: "platform",
    permission: "audit.read",
    query: ListQuerySchema.pick({ limit: true, cursor: true }),
    success: 200,
    response: AuditChainPageSchema,
  },
} as const satisfies Record<string, Route>;
