import { z } from "zod";

interface ErrorSpec {
  readonly status: number;
  readonly title: string;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
  readonly fault: "caller" | "tenant" | "platform";
}

/** Every error the service answers. A code is stable; each has its page `docs/errors/<code>.md`. */
export const errorCatalogue = {
  "request.malformed": { status: 400, title: "The request is malformed", retryable: false, fault: "caller" },
  "request.invalid": { status: 422, title: "The request is invalid", retryable: false, fault: "caller" },
  "request.too_large": { status: 413, title: "The request is too large", retryable: false, fault: "caller" },
  "request.idempotency_mismatch": {
    status: 409,
    title: "The idempotency key was used for another request",
    retryable: false,
    fault: "caller",
  },
  "request.in_progress": {
    status: 409,
    title: "The same request is being served",
    retryable: true,
    fault: "caller",
  },
  "request.unsupported_media_type": {
    status: 415,
    title: "The body's media type is not supported",
    retryable: false,
    fault: "caller",
  },
  "request.rate_limited": { status: 429, title: "Too many requests", retryable: true, fault: "caller" },
  "auth.unauthenticated": { status: 401, title: "Not authenticated", retryable: false, fault: "caller" },
  "auth.forbidden": { status: 403, title: "Not allowed", retryable: false, fault: "caller" },
  "route.not_found": { status: 404, title: "No such route", retryable: false, fault: "caller" },
  "resource.version_conflict": { status: 412, title: "The resource has changed", retryable: false, fault: "caller" },
  "instance.not_found": { status: 404, title: "Instance not found", retryable: false, fault: "caller" },
  "instance.name_taken": { status: 409, title: "The instance's name is taken", retryable: false, fault: "caller" },
  "instance.unknown_type": { status: 422, title: "Unknown claw type", retryable: false, fault: "caller" },
  "instance.unsupported": { status: 422, title: "The instance's claw type can't do this", retryable: false, fault: "caller" },
  "instance.not_running": { status: 409, title: "The instance is not running", retryable: true, fault: "caller" },
  "instance.unreachable": {
    status: 503,
    title: "The instance's agent is not connected",
    retryable: true,
    fault: "platform",
  },
  "instance.no_origin": { status: 409, title: "Instances have no origins of their own", retryable: false, fault: "platform" },
  "console.idle": { status: 408, title: "Nothing was typed for too long", retryable: true, fault: "caller" },
  "console.not_recorded": { status: 503, title: "The terminal can't be recorded", retryable: true, fault: "platform" },
  "recording.not_found": { status: 404, title: "Recording not found", retryable: false, fault: "caller" },
  "config.not_found": { status: 404, title: "Config template not found", retryable: false, fault: "caller" },
  "config.name_taken": { status: 409, title: "The config template's name is taken", retryable: false, fault: "caller" },
  "config.invalid": { status: 422, title: "The configuration is invalid", retryable: false, fault: "caller" },
  "config.unchecked": { status: 409, title: "The configuration is not checked", retryable: true, fault: "platform" },
  "config.version_not_found": { status: 404, title: "Config version not found", retryable: false, fault: "caller" },
  "config.in_use": { status: 409, title: "The config template is in use", retryable: false, fault: "caller" },
  "tenant.not_found": { status: 404, title: "Tenant not found", retryable: false, fault: "caller" },
  "tenant.name_taken": { status: 409, title: "The tenant's name is taken", retryable: false, fault: "caller" },
  "tenant.not_empty": { status: 409, title: "The tenant still has instances", retryable: false, fault: "caller" },
  "tenant.required": { status: 400, title: "No tenant was named", retryable: false, fault: "caller" },
  "tenant.quota_exceeded": { status: 403, title: "Quota exceeded", retryable: false, fault: "tenant" },
  "tenant.too_many_streams": { status: 429, title: "The tenant has too many streams open", retryable: true, fault: "tenant" },
  "rollout.not_found": { status: 404, title: "Rollout not found", retryable: false, fault: "caller" },
  "rollout.name_taken": { status: 409, title: "The rollout's name is taken", retryable: false, fault: "caller" },
  "rollout.overlaps": { status: 409, title: "Another rollout has the instance", retryable: false, fault: "caller" },
  "rollout.empty": { status: 422, title: "The rollout is about no instance", retryable: false, fault: "caller" },
  "rollout.unchangeable": { status: 409, title: "A rollout can't be changed", retryable: false, fault: "caller" },
  "rollout.wrong_phase": { status: 409, title: "The rollout's phase forbids this", retryable: false, fault: "caller" },
  "rollout.active": { status: 409, title: "The rollout is under way", retryable: false, fault: "caller" },
  "policy.denied": { status: 403, title: "A policy forbids this", retryable: false, fault: "tenant" },
  "values.not_found": { status: 404, title: "Config values not found", retryable: false, fault: "caller" },
  "values.name_taken": { status: 409, title: "The name of the config values is taken", retryable: false, fault: "caller" },
  "secret.not_found": { status: 404, title: "Secret not found", retryable: false, fault: "caller" },
  "secret.name_taken": { status: 409, title: "The secret's name is taken", retryable: false, fault: "caller" },
  "secret.in_use": { status: 409, title: "The secret is in use", retryable: false, fault: "caller" },
  "policy.not_found": { status: 404, title: "Policy not found", retryable: false, fault: "caller" },
  "policy.name_taken": { status: 409, title: "The policy's name is taken", retryable: false, fault: "caller" },
  "type.not_found": { status: 404, title: "Claw type not found", retryable: false, fault: "caller" },
  "type.name_taken": { status: 409, title: "The claw type's name is taken", retryable: false, fault: "caller" },
  "type.in_use": { status: 409, title: "The claw type is in use", retryable: false, fault: "caller" },
  "project.not_found": { status: 404, title: "Project not found", retryable: false, fault: "caller" },
  "project.name_taken": { status: 409, title: "The project's name is taken", retryable: false, fault: "caller" },
  "project.not_empty": { status: 409, title: "The project still has instances", retryable: false, fault: "caller" },
  "role.not_found": { status: 404, title: "Role not found", retryable: false, fault: "caller" },
  "role.name_taken": { status: 409, title: "The role's name is taken", retryable: false, fault: "caller" },
  "role.in_use": { status: 409, title: "The role is bound", retryable: false, fault: "caller" },
  "role_binding.not_found": { status: 404, title: "Role binding not found", retryable: false, fault: "caller" },
  "role_binding.name_taken": { status: 409, title: "The role binding's name is taken", retryable: false, fault: "caller" },
  "service_account.not_found": { status: 404, title: "Service account not found", retryable: false, fault: "caller" },
  "service_account.name_taken": { status: 409, title: "The service account's name is taken", retryable: false, fault: "caller" },
  "token.not_found": { status: 404, title: "Token not found", retryable: false, fault: "caller" },
  "token.name_taken": { status: 409, title: "The token's name is taken", retryable: false, fault: "caller" },
  "token.too_many": { status: 409, title: "The service account has too many tokens", retryable: false, fault: "caller" },
  "token.still_needed": { status: 409, title: "The administrator's token is still needed", retryable: false, fault: "caller" },
  "session.not_found": { status: 404, title: "Session not found", retryable: false, fault: "caller" },
  "cluster.not_found": { status: 404, title: "Cluster not found", retryable: false, fault: "caller" },
  "cluster.name_taken": { status: 409, title: "The cluster's name is taken", retryable: false, fault: "caller" },
  "cluster.in_use": { status: 409, title: "The cluster is in use", retryable: false, fault: "caller" },
  "placement.unsatisfied": { status: 409, title: "No cluster can take the instance", retryable: true, fault: "platform" },
  "placement.holds_data": { status: 409, title: "The instance's data can't move", retryable: false, fault: "caller" },
  "preview.not_found": { status: 404, title: "Preview not found", retryable: false, fault: "caller" },
  "preview.stale": { status: 409, title: "The preview's base has changed", retryable: false, fault: "caller" },
  "stack.not_found": { status: 404, title: "The tenant has no stack yet", retryable: false, fault: "caller" },
  "stack.invalid": { status: 422, title: "The stack's state can't be imported", retryable: false, fault: "caller" },
  "stack.too_large": { status: 422, title: "The stack's state is too large for a file", retryable: false, fault: "caller" },
  "stack.locked": { status: 409, title: "Another operation is running", retryable: true, fault: "platform" },
  "engine.failed": { status: 500, title: "The engine operation failed", retryable: true, fault: "platform" },
  "service.unavailable": { status: 503, title: "The service is not available", retryable: true, fault: "platform" },
  "service.internal": { status: 500, title: "Internal error", retryable: false, fault: "platform" },
} as const satisfies Record<string, ErrorSpec>;
export type ErrorCode = keyof typeof errorCatalogue;

/** One thing that is wrong: where, what, and what to do about it. */
export const IssueSchema = z.object({ path: z.string(), message: z.string(), fix: z.string().optional() });
export type Issue = z.infer<typeof IssueSchema>;

/** RFC 9457 `application/problem+json`. */
export const ProblemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  requestId: z.string().optional(),
  retryable: z.boolean(),
  errors: z.array(IssueSchema).optional(),
});
export type Problem = z.infer<typeof ProblemSchema>;

/** A failure with a stable code. `detail` is for the caller: what is wrong, the quoted identifier, what to do; no SQL, no secrets. */
export class ClawError extends Error {
  readonly code: ErrorCode;
  readonly issues: readonly Issue[];
  constructor(code: ErrorCode, detail: string, options: { issues?: readonly Issue[]; cause?: unknown } = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ClawError";
    this.code = code;
    this.issues = options.issues ?? [];
  }
  get status(): number {
    return errorCatalogue[this.code].status;
  }
  get retryable(): boolean {
    return errorCatalogue[this.code].retryable;
  }
}
