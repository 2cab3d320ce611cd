import type { FastifyBaseLogger, FastifyRequest } from "fastify";
import { ClawError, type Route, type TenantId } from "../../sdk/contract/index.ts";
import type { Unconfined } from "../application/instances/host-use.ts";
import type { OpenChannel } from "../application/instances/open-channel.ts";
import type { Transactions } from "../application/ports/transactions.ts";
import type { IfMatch, RequestContext, RouteHandlers } from "../application/resources/route-handlers.ts";
import type { Actor } from "../domain/tenancy/tenant.ts";
import type { AgentHub } from "./agents/agent-hub.ts";
import { invalid } from "./validation.ts";

type TenantRef = NonNullable<RequestContext["tenant"]>;

export interface AppDependencies {
  readonly routes: RouteHandlers;
  readonly authenticate: (token: string) => Promise<Actor | undefined>;
  /** The tenant that is named, or the actor's own; undefined for platform actors that name none. */
  readonly resolveTenant: (actor: Actor, ref: string | undefined) => Promise<{ readonly id: TenantId; readonly name: string } | undefined>;
  readonly transactions: Transactions;
  readonly agents: AgentHub;
  readonly openChannel: OpenChannel;
  readonly unconfined: Unconfined | undefined;
  readonly log: FastifyBaseLogger;
  readonly isReady: () => Promise<void>;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks, once the request is authenticated. */
    actor: Actor;
  }
}

const ANONYMOUS: Actor = { subject: "anonymous", platform: false, tenantId: undefined };

/** Finds out who asks, before a body is read. @throws {ClawError} `auth.unauthenticated`, `auth.forbidden` */
export async function authenticate(request: FastifyRequest, scope: Route["scope"], deps: AppDependencies): Promise<void> {
  if (scope === "public") {
    request.actor = ANONYMOUS;
    return;
  }
  const token = bearerOf(request);
  const actor = token === undefined ? undefined : await deps.authenticate(token);
  if (!actor) {
    throw new ClawError("auth.unauthenticated", "give a valid token: Authorization: Bearer <token>");
  }
  if (scope === "platform" && !actor.platform) {
    throw new ClawError("auth.forbidden", "this takes a platform administrator's token");
  }
  request.actor = actor;
}

/** What the use case is told of the request. @param named the tenant that the request itself names, by header or query */
export async function contextOf(
  request: FastifyRequest,
  scope: Route["scope"],
  deps: AppDependencies,
  named: string | undefined,
  ifMatch?: IfMatch,
): Promise<RequestContext> {
  const { actor } = request;
  const ctx = { actor, tenant: undefined, requestId: request.id, ifMatch };
  if (scope === "public" || scope === "platform") {
    return ctx;
  }
  if (scope === "authenticated") {
    const tenant = await deps.resolveTenant(actor, named).catch((error: unknown) => {
      // A preview may be what brings the tenant about that the client is set to.
      if (actor.platform && error instanceof ClawError && error.code === "tenant.not_found") {
        return undefined;
      }
      throw error;
    });
    return { ...ctx, tenant };
  }
  const { namespace } = (request.body as { metadata?: { namespace?: string } } | undefined)?.metadata ?? {};
  const tenant = await deps.resolveTenant(actor, named ?? namespace);
  if (!tenant) {
    throw new ClawError("tenant.required", "name the tenant with the header X-Claw-Tenant, or in the manifest's metadata.namespace");
  }
  await assertSameTenant(tenant, namespace, actor, deps);
  return { ...ctx, tenant };
}

/** A manifest can't be of another tenant than its request. */
async function assertSameTenant(tenant: TenantRef, namespace: string | undefined, actor: Actor, deps: AppDependencies): Promise<void> {
  if (namespace === undefined || namespace === tenant.name) {
    return;
  }
  // Another's tenant is as if it did not exist.
  await deps.resolveTenant(actor, namespace);
  throw invalid([
    {
      path: "metadata.namespace",
      message: `the manifest is of tenant '${namespace}', the request of '${tenant.name}'`,
      fix: "name the same tenant in both, or leave one out",
    },
  ]);
}

/** The `X-Claw-Tenant` header. */
export function tenantHeaderOf(request: FastifyRequest): string | undefined {
  const header = request.headers["x-claw-tenant"];
  return typeof header === "string" ? header : undefined;
}

export function bearerOf(request: FastifyRequest): string | undefined {
  const header = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const protocols = request.headers["sec-websocket-protocol"]?.split(",").map((item) => item.trim());
  return header ?? protocols?.find((item) => item.startsWith("bearer."))?.slice("bearer.".length);
}
