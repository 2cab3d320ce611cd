import { z } from "zod";
import type { ErrorFacts, KindFacts } from "./kind.ts";
import { resourceKinds } from "./kinds.ts";

type AnyFacts = (typeof resourceKinds)[number];
type CodeOf<F extends KindFacts> = F extends F ? `${F["area"]}.${"not_found" | "name_taken" | (keyof F["errors"] & string)}` : never;

/** Those of every kind of resource, and what each has of its own. */
function ofKinds() {
  const errors = resourceKinds.flatMap(({ area, noun, errors }: KindFacts): readonly (readonly [string, ErrorFacts])[] => [
    [
      `${area}.not_found`,
      { status: 404, title: `${noun.charAt(0).toUpperCase()}${noun.slice(1)} not found`, retryable: false, fault: "caller" },
    ],
    [`${area}.name_taken`, { status: 409, title: `The name of the ${noun} is taken`, retryable: false, fault: "caller" }],
    ...Object.entries(errors).map(([name, facts]) => [`${area}.${name}`, facts] as const),
  ]);
  return Object.fromEntries(errors) as Readonly<Record<CodeOf<AnyFacts>, ErrorFacts>>;
}

/** Every error the service answers. A code is stable; each has its page `docs/errors/<code>.md`. */
export const errorCatalogue = {
  ...ofKinds(),
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
  "console.idle": { status: 408, title: "Nothing was typed for too long", retryable: true, fault: "caller" },
  "console.not_recorded": { status: 503, title: "The terminal can't be recorded", retryable: true, fault: "platform" },
  "recording.not_found": { status: 404, title: "Recording not found", retryable: false, fault: "caller" },
  "token.not_found": { status: 404, title: "Token not found", retryable: false, fault: "caller" },
  "token.name_taken": { status: 409, title: "The token's name is taken", retryable: false, fault: "caller" },
  "token.too_many": { status: 409, title: "The service account has too many tokens", retryable: false, fault: "caller" },
  "token.still_needed": { status: 409, title: "The administrator's token is still needed", retryable: false, fault: "caller" },
  "session.not_found": { status: 404, title: "Session not found", retryable: false, fault: "caller" },
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
} as const satisfies Record<string, ErrorFacts>;
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
