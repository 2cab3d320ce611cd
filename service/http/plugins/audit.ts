import type { FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { ClawError, type RouteId } from "../../../sdk/contract/index.ts";
import { actionOf, resourceNamed } from "../../application/audit/action-of.ts";
import { type Actor, ANONYMOUS } from "../../domain/access/actor.ts";
import type { NoteRefusal, Refused } from "../../domain/audit/refused.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What is none of the contract's routes, as records call it: `instance.console`. */
    action?: string;
  }
}

export interface AuditOptions {
  readonly refusals: NoteRefusal;
}

/** Puts on record who was refused what: a change, an action, a stream, or a look. */
export const audit = fp<AuditOptions>(
  async (app, { refusals }) => {
    app.addHook("onError", async (request, _reply, error) => {
      const refused = refusedIn(request, error);
      if (refused) {
        await refusals.note(refused).catch((err: unknown) => request.log.error({ err, refused }, "a refusal is not on record"));
      }
    });
  },
  { name: "audit", dependencies: ["identity", "tenant"] },
);

function refusedIn(request: FastifyRequest, error: Error): Refused | undefined {
  const { config } = request.routeOptions;
  // Who was refused before that was known is counted by address.
  const actor: Actor | undefined = request.actor;
  if (!(error instanceof ClawError) || error.status !== 403 || !actor || actor.subject === ANONYMOUS.subject) {
    return undefined;
  }
  const { operationId, action: named, permission, scope } = config;
  const common = { actor, tenant: scope === "platform" ? undefined : (request.tenant ?? request.known), reason: error.code };
  const ref = (request.params as { readonly id?: string } | undefined)?.id;
  if (named !== undefined) {
    return { ...common, action: named, permission, resource: resourceNamed("instances.get", ref) };
  }
  if (operationId === undefined) {
    return undefined;
  }
  return {
    ...common,
    action: actionOf(operationId),
    permission,
    resource: resourceNamed(operationId, ref ?? givenName(request, operationId)),
  };
}

/** What a manifest that was refused would have made. */
function givenName({ body }: FastifyRequest, route: RouteId): string | undefined {
  const name = route.endsWith(".create") ? (body as { metadata?: { name?: unknown } } | undefined)?.metadata?.name : undefined;
  return typeof name === "string" ? name : undefined;
}
