import type { FastifyRequest } from "fastify";
import { type Route, takesIfMatch } from "../../sdk/contract/index.ts";
import type { IfMatch } from "../application/resources/route-handlers.ts";
import { shortText } from "../domain/audit/audited-diff.ts";
import { invalid } from "./validation.ts";

/** Printable ASCII, so that it is stored and logged as it is. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;
const ENTITY_TAG = /^(?:W\/)?"?([^\s",]+)"?$/;

/** `If-Match` as versions: `"3"`, `W/"3"`, a list of such, or `*`. @throws {ClawError} `request.invalid`, on routes that don't take it too */
export function ifMatchOf(request: FastifyRequest, route: Route): IfMatch | undefined {
  const header = request.headers["if-match"];
  if (header === undefined) {
    return undefined;
  }
  if (!takesIfMatch(route)) {
    const message = `${route.method} ${route.path} takes no If-Match`;
    throw invalid([{ path: "If-Match", message, fix: "leave it out; it goes with writes of one resource" }]);
  }
  const tags = header.split(",").map((tag) => tag.trim());
  if (tags[0] === "*" && tags.length === 1) {
    return "*";
  }
  return tags.map((tag) => {
    const version = ENTITY_TAG.exec(tag)?.[1];
    if (version === undefined) {
      throw invalid([{ path: "If-Match", message: `'${tag}' is not an entity tag`, fix: `give the ETag of a read, such as "3", or *` }]);
    }
    return version;
  });
}

/** The version of the declared state that an answer holds. Status does not touch it, so it says nothing about caching. */
export function etagOf(answer: unknown): string | undefined {
  const version = (answer as { metadata?: { resourceVersion?: string } } | undefined)?.metadata?.resourceVersion;
  return version === undefined ? undefined : `"${version}"`;
}

/** @throws {ClawError} `request.invalid` */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers["idempotency-key"];
  if (key !== undefined && (typeof key !== "string" || !IDEMPOTENCY_KEY.test(key))) {
    throw invalid([{ path: "Idempotency-Key", message: "is not 1 to 255 printable ASCII characters", fix: "give a UUID" }]);
  }
  return key;
}

/** The tenant that a request names: by the header, or by the query of a stream, since a browser's WebSocket has no headers. */
export function namedTenant({ headers, query }: FastifyRequest): string | undefined {
  const named = headers["x-claw-tenant"] ?? (query as { tenant?: unknown } | undefined)?.tenant;
  return typeof named === "string" ? named : undefined;
}

/** Warnings of one answer, and characters of one of them. */
const WARNINGS_MAX = 8;
const WARNING_MAX = 512;

/**
 * The `Warning` header (RFC 7234, as Kubernetes answers it): `299 - "text"` for each. What is beyond ASCII is percent-encoded: in which encoding
 * a header is sent depends on what is sent after it.
 */
export function warningOf(warnings: readonly string[]): string | undefined {
  const told = warnings.slice(0, WARNINGS_MAX).map((text) => shortText(text, WARNING_MAX));
  const more = warnings.length - told.length;
  const all = more > 0 ? [...told, `and ${more} more`] : told;
  const quoted = all.map((text) => {
    const plain = text.replaceAll(/\p{Cc}/gu, " ").replaceAll(/["\\]/g, "\\$&");
    return `299 - "${plain.replaceAll(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent)}"`;
  });
  return quoted.length === 0 ? undefined : quoted.join(", ");
}
