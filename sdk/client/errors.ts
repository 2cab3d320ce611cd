import type { ClawInstance, ErrorCode, Issue, PreviewItem, Problem, Verdict } from "../contract/index.ts";

/** Anything the client throws. */
export class ClawClientError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The service refused or failed. `message` is the problem's detail. */
export class ApiError extends ClawClientError {
  readonly status: number;
  /** Stable code of the error catalogue; absent when something other than the service answered. */
  readonly code: ErrorCode | (string & {}) | undefined;
  readonly title: string;
  /** The id under which the service logged the request. */
  readonly requestId: string | undefined;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
  /** What is wrong, by field. */
  readonly issues: readonly Issue[];
  /** How long the service asks to wait before the next attempt. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, problem: Partial<Problem>, retryAfterMs?: number) {
    super(problem.detail ?? problem.title ?? `the server answered with status ${status}`);
    this.status = status;
    this.code = problem.code;
    this.title = problem.title ?? `HTTP ${status}`;
    this.requestId = problem.requestId;
    this.retryable = problem.retryable ?? false;
    this.issues = problem.errors ?? [];
    this.retryAfterMs = retryAfterMs;
  }
}

/** 400: the request is malformed. */
export class BadRequestError extends ApiError {}
/** 401: no token, or one that is not valid. */
export class AuthError extends ApiError {}
/** 403: the token, a quota or a policy does not allow it. */
export class ForbiddenError extends ApiError {}
/** 404: there is no such thing, or it is another tenant's. */
export class NotFoundError extends ApiError {}
/** 409 or 412: the state or the version of the resource is in the way. */
export class ConflictError extends ApiError {}
/** 422: `issues` says which fields are wrong. */
export class ValidationError extends ApiError {}
/** 429: too many requests; `retryAfterMs` says when to come back. */
export class RateLimitError extends ApiError {}
/** 5xx: the service failed. */
export class ServerError extends ApiError {}

/** The service can't be reached, or the connection broke. */
export class ConnectionError extends ClawClientError {}
/** No answer came in time. */
export class TimeoutError extends ConnectionError {}
/** The caller's signal ended the call. */
export class UserAbortError extends ClawClientError {}

/** What was waited for can't come: the instance failed, is gone, or is declared to be otherwise. */
export class WaitError extends ClawClientError {
  /** Why, in the instance's own words. */
  readonly why: string;
  /** The instance as it was seen last. */
  readonly instance: ClawInstance | undefined;

  constructor(message: string, why: string, instance: ClawInstance | undefined, options?: ErrorOptions) {
    super(`${message}: ${why}`, options);
    this.why = why;
    this.instance = instance;
  }

  /** The phase in which it was seen last. */
  get phase(): ClawInstance["status"]["phase"] | undefined {
    return this.instance?.status.phase;
  }
}

/** What was waited for did not come in time. It may come yet: waiting changes nothing. */
export class WaitTimeoutError extends WaitError {}

/** A plan that can't be applied: a quota or a policy forbids it, or something in it is wrong. */
export class PlanRefusedError extends ClawClientError {
  /** The refusals of quotas and policies. */
  readonly verdicts: readonly Verdict[];
  /** The items with what is wrong in them. */
  readonly items: readonly PreviewItem[];

  constructor(verdicts: readonly Verdict[], items: readonly PreviewItem[]) {
    const [verdict] = verdicts;
    const [item] = items;
    const [problem] = item?.problems ?? [];
    const where = problem?.path ? `'${item?.name}': ${problem.path}` : `'${item?.name}'`;
    super(verdict?.message ?? (problem ? `${where}: ${problem.message}` : "the plan can't be applied"));
    this.verdicts = verdicts;
    this.items = items;
  }
}

const classes: Readonly<Record<number, typeof ApiError>> = {
  400: BadRequestError,
  401: AuthError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  412: ConflictError,
  422: ValidationError,
  429: RateLimitError,
};

/** The error of a status and the problem document that came with it. */
export function toApiError(status: number, problem: Partial<Problem>, retryAfterMs?: number): ApiError {
  const ErrorClass = classes[status] ?? (status >= 500 ? ServerError : ApiError);
  return new ErrorClass(status, problem, retryAfterMs);
}
