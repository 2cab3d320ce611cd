import { z } from "zod";
import type { ErrorCode } from "./errors.ts";
import type { Permission } from "./permissions.ts";

/** What one resource comes to at most, with room for the status that a client sends back. */
export const BODY_BYTES_MAX = 2 * 1024 * 1024;

/** One route as data: the server registers it, the client calls it, OpenAPI describes it. `operationId` is `area.verb`. */
export type Route = RouteFacts & Admission;

/**
 * Who may ask. `public` routes take anybody; `authenticated` ones any credential, with or without a tenant; `tenant` ones are about a tenant, from the
 * credential, the manifest or `X-Claw-Tenant`, and take the permission there, or in the project that they are about; `platform` ones take it at the
 * platform.
 */
type Admission =
  | { readonly scope: "public"; readonly permission?: undefined }
  | { readonly scope: "authenticated"; readonly permission?: Permission }
  | { readonly scope: "tenant" | "platform"; readonly permission: Permission };

interface RouteFacts {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Relative to `/api/v1`, with `:params`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: z.ZodObject;
  /** What is not in it is refused, as everywhere. */
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** @default {@link BODY_BYTES_MAX} */
  readonly bodyBytesMax?: number;
  /** The body is a file that is handed on as it comes, to whoever makes sure that it is a `body`: it may be too large to be taken apart on its way. */
  readonly takesFile?: true;
  /** Success status and body. 202: accepted, and reconciled later. */
  readonly success: 200 | 201 | 202 | 204;
  readonly response?: z.ZodType;
  /** The answer is a file with the JSON of `response`, sent as it is: it may be too large to be held, or taken apart, on its way. */
  readonly answersFile?: true;
  /** It makes an engine work, or moves whole files: less of it is answered in a given time. So are previews of writes. */
  readonly heavy?: true;
  /** The answer holds a secret that is shown once: it is kept for no repetition of the request. */
  readonly answersSecret?: true;
  /** Refusals of its own, beside those that follow from its form: see {@link errorCodesOf}. */
  readonly errors?: readonly ErrorCode[];
}

/** The cursor of a list that is paged by number. */
export const PageNumberSchema = z
  .string()
  .max(6)
  .regex(/^\d{1,6}$/);

export const idParams = z.object({ id: z.string().max(128).describe("uid or name") });

/** A write of desired state can be asked for as a diff first: it answers 200 and a Preview then, and changes nothing. */
export const writeQuery = z.strictObject({
  preview: z.stringbool().optional().describe("answer the preview of this write and change nothing"),
  allowUnchecked: z.stringbool().optional().describe("write a configuration though nobody could check it"),
});

/** Quota, policy and the configuration that a write comes to. */
export const admission = ["tenant.quota_exceeded", "policy.denied", "config.invalid", "config.unchecked"] as const;
/** Choosing a cluster for an instance. */
export const placing = ["cluster.not_found", "placement.unsatisfied", "placement.holds_data"] as const;

/** Whether the route writes desired state: such writes take `preview`, and `If-Match` where the path names the resource. */
export function isStateWrite(route: Route): boolean {
  return "preview" in (route.query?.shape ?? {});
}

/** Whether the route takes `If-Match`. */
export function takesIfMatch(route: Route): boolean {
  return isStateWrite(route) && route.params !== undefined;
}

/** Every error code that the route may answer. */
export function errorCodesOf(route: Route): readonly ErrorCode[] {
  const codes: ErrorCode[] = ["request.malformed", "request.invalid", "request.rate_limited", "service.internal", "service.unavailable"];
  if (route.scope !== "public") {
    codes.push("auth.unauthenticated");
  }
  if (route.permission !== undefined) {
    codes.push("auth.forbidden");
  }
  if (route.scope === "tenant") {
    codes.push("tenant.required", "tenant.not_found");
  } else if (route.scope === "authenticated") {
    codes.push("tenant.not_found");
  }
  if (route.method !== "GET") {
    codes.push("request.too_large", "request.unsupported_media_type", "request.idempotency_mismatch", "request.in_progress");
  }
  if (isStateWrite(route)) {
    codes.push("resource.version_conflict", "engine.failed", "stack.locked");
  }
  return [...new Set([...codes, ...(route.errors ?? [])])].sort();
}
