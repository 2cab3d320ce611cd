import type { FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { ClawError, type Route } from "../../../sdk/contract/index.ts";
import type { Admitted, Authenticate } from "../../application/access/authenticate.ts";
import type { Actor } from "../../domain/tenancy/tenant.ts";
import { namedTenant } from "../headers.ts";

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
  }
}

export interface IdentityOptions {
  readonly authenticate: Authenticate;
}

const ANONYMOUS: Actor = { subject: "anonymous", platform: false, tenantId: undefined };

/** Finds out who asks, before a body is read. A route that does not say who may is refused when it is registered. */
export const identity = fp<IdentityOptions>(
  async (app, { authenticate }) => {
    app.decorateRequest("actor");
    app.decorateRequest("known");
    app.addHook("onRoute", ({ url, config }) => {
      if (config?.scope === undefined) {
        throw new Error(`the route ${url} does not say who may ask: give its config a scope`);
      }
    });
    app.addHook("onRequest", async (request) => {
      // Where there is no route, there is nothing to be let in to.
      const { actor, tenant } = await admittedBy(request, request.routeOptions.config.scope ?? "public", authenticate);
      request.actor = actor;
      request.known = tenant;
    });
  },
  { name: "identity", dependencies: ["problem"] },
);

/** @throws {ClawError} `auth.unauthenticated`, `auth.forbidden` */
async function admittedBy(request: FastifyRequest, scope: Route["scope"], authenticate: Authenticate): Promise<Admitted> {
  if (scope === "public") {
    return { actor: ANONYMOUS, tenant: undefined };
  }
  const token = bearerOf(request);
  const admitted = token === undefined ? undefined : await authenticate(token, namedTenant(request));
  if (!admitted) {
    throw new ClawError("auth.unauthenticated", "give a valid token: Authorization: Bearer <token>");
  }
  if (scope === "platform" && !admitted.actor.platform) {
    throw new ClawError("auth.forbidden", "this takes a platform administrator's token");
  }
  return admitted;
}

/** The token that a request brings; a browser's WebSocket can name it as a protocol only. */
export function bearerOf(request: FastifyRequest): string | undefined {
  const header = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const protocols = request.headers["sec-websocket-protocol"]?.split(",").map((item) => item.trim());
  return header ?? protocols?.find((item) => item.startsWith("bearer."))?.slice("bearer.".length);
}
