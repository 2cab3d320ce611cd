import type { CookieSerializeOptions } from "@fastify/cookie";
import type { FastifyReply, FastifyRequest } from "fastify";
import { ClawError } from "../../sdk/contract/index.ts";

/** By its prefix browsers hold it to this host, and take it over TLS alone (RFC 6265bis). */
const SECURE_NAME = "__Host-claw-session";
/** Of a service of this machine that has no certificate. */
const PLAIN_NAME = "claw-session";

/** Sent with what is asked from pages of this service, and with links to it; no script can read it. */
const COMMON = { httpOnly: true, path: "/", sameSite: "lax" } as const satisfies CookieSerializeOptions;

function nameFor({ protocol }: FastifyRequest): string {
  return protocol === "https" ? SECURE_NAME : PLAIN_NAME;
}

/** The key of the browser's session. */
export function sessionKeyOf(request: FastifyRequest): string | undefined {
  return request.cookies[nameFor(request)];
}

/** Has the browser keep a session's key. @param until when the session ends */
export function keepSession(request: FastifyRequest, reply: FastifyReply, key: string, until: string): void {
  reply.setCookie(nameFor(request), key, { ...COMMON, secure: request.protocol === "https", expires: new Date(until) });
}

export function forgetSession(request: FastifyRequest, reply: FastifyReply): void {
  reply.clearCookie(nameFor(request), { ...COMMON, secure: request.protocol === "https" });
}

/** Nobody signs in where others could read along. @throws {ClawError} `auth.forbidden` */
export function assertConfidential({ protocol, hostname }: FastifyRequest): void {
  if (protocol !== "https" && !isLoopback(hostname)) {
    throw new ClawError(
      "auth.forbidden",
      "browsers sign in over https, or on the service's own host: set CLAW_TLS_CERT, or CLAW_TRUSTED_PROXIES where a proxy has the certificate",
    );
  }
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\]|.+\.localhost)$/.test(host);
}
