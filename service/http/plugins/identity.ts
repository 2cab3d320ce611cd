import type { FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { type AuditOrigin, ClawError, type Route } from "../../../sdk/contract/index.ts";
import type { Access, Admitted } from "../../application/access/authenticate.ts";
import { assertAdmitted } from "../../application/resources/permitted.ts";
import { type Actor, ANONYMOUS } from "../../domain/access/actor.ts";
import { namedTenant } from "../headers.ts";
import { sessionKeyOf } from "../session-cookie.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks. */
    actor: Actor;
    /** The tenant that is named, or whose credential it is, where the actor may act there. */
    known: Admitted["tenant"];
  }
  interface FastifyContextConfig {
    /** Who may ask. */
    scope?: Route["scope"];
    /** What it takes. */
    permission?: Route["permission"] | undefined;
  }
}

export interface IdentityOptions {
  readonly access: Pick<Access, "authenticate">;
}

/** Finds out who asks, before a body is read. A route that does not say who may is refused when it is registered. */
export const identity = fp<IdentityOptions>(
  async (app, { access }) => {
    app.decorateRequest("actor");
    app.decorateRequest("known");
    app.addHook("onRoute", ({ url, config }) => {
      if (config?.scope === undefined) {
        throw new Error(`the route ${url} does not say who may ask: give its config a scope`);
      }
      if (config.scope === "platform" && config.permission === undefined) {
        throw new Error(`the route ${url} does not say what it takes: give its config a permission`);
      }
    });
    app.addHook("onRequest", async (request) => {
      const { actor, tenant } = await admittedBy(request, access);
      const session = actor.credential?.kind === "session" ? { session: actor.credential.id } : {};
      request.actor = { ...actor, from: { ...originOf(request), ...session } };
      request.known = tenant;
      // Before a body is read, where that can be said by now.
      const { scope, permission } = request.routeOptions.config;
      if (scope === "platform" && permission !== undefined) {
        assertAdmitted(actor, permission, scope);
      }
    });
  },
  { name: "identity", dependencies: ["problem", "@fastify/cookie"] },
);

/** @throws {ClawError} `auth.unauthenticated`, `auth.forbidden` */
async function admittedBy(request: FastifyRequest, access: IdentityOptions["access"]): Promise<Admitted> {
  const { scope = "public" } = request.routeOptions.config;
  if (scope === "public") {
    return { actor: ANONYMOUS, tenant: undefined };
  }
  const token = credentialOf(request);
  const admitted = token === undefined ? undefined : await access.authenticate(token, namedTenant(request), originOf(request));
  if (!admitted) {
    throw new ClawError("auth.unauthenticated", "give a valid token, Authorization: Bearer <token>, or sign in: /auth/sign-in");
  }
  return admitted;
}

/** Most of what a program says of itself. */
const AGENT_MAX = 200;

/** From where somebody asks. */
export function originOf({ ip, headers, id }: FastifyRequest): AuditOrigin {
  const agent = headers["user-agent"]?.slice(0, AGENT_MAX);
  return { address: ip, ...(agent !== undefined && { agent }), requestId: id };
}

/** What a request brings for who asks. @throws {ClawError} `auth.forbidden` for a browser's session that another service's page makes use of */
function credentialOf(request: FastifyRequest): string | undefined {
  const bearer = bearerOf(request);
  if (bearer !== undefined) {
    return bearer;
  }
  const key = sessionKeyOf(request);
  if (key !== undefined && (request.ws || !isSafe(request)) && !isOwnPage(request)) {
    throw new ClawError(
      "auth.forbidden",
      "a browser's session is taken from this service's own pages alone: call with a token from elsewhere",
    );
  }
  return key;
}

function isSafe({ method }: FastifyRequest): boolean {
  return method === "GET" || method === "HEAD";
}

/** Whether a page of this service asks. Browsers send cookies along with what pages of others ask, and say whose page it is. */
export function isOwnPage({ headers, protocol, host }: FastifyRequest): boolean {
  const { origin, "sec-fetch-site": site } = headers;
  // A form of a page that tells nobody where it is has `null` for its origin.
  return site === undefined ? origin === `${protocol}://${host}` : site === "same-origin";
}

/** The token that a request brings; a browser's WebSocket can name it as a protocol only. */
export function bearerOf(request: FastifyRequest): string | undefined {
  const header = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const protocols = request.headers["sec-websocket-protocol"]?.split(",").map((item) => item.trim());
  return header ?? protocols?.find((item) => item.startsWith("bearer."))?.slice("bearer.".length);
}
