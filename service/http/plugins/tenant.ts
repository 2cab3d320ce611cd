import type { FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { ClawError } from "../../../sdk/contract/index.ts";
import type { Access } from "../../application/access/authenticate.ts";
import type { RequestContext } from "../../application/resources/route-handlers.ts";
import { namedTenant } from "../headers.ts";
import { invalid } from "../validation.ts";

type TenantRef = NonNullable<RequestContext["tenant"]>;

declare module "fastify" {
  interface FastifyRequest {
    /** The tenant that the request is about; always there where the route's scope is `tenant`. */
    tenant: RequestContext["tenant"];
  }
}

export interface TenantOptions {
  readonly access: Pick<Access, "enter">;
}

/** Finds out which tenant a request is about, once it is let in and valid. */
export const tenant = fp<TenantOptions>(
  async (app, { access }) => {
    app.decorateRequest("tenant");
    app.addHook("preHandler", async (request, reply) => {
      request.tenant = await tenantOf(request, access);
      const { tenant } = request;
      await app.countTenants(request, reply, [...(tenant ? [tenant.name] : []), ...othersIn(request)]);
    });
  },
  { name: "tenant", dependencies: ["identity", "rate-limit"] },
);

async function tenantOf(request: FastifyRequest, access: TenantOptions["access"]): Promise<RequestContext["tenant"]> {
  const { known } = request;
  /** What the actor may do is known anew with the tenant. */
  const enter = async (named: string | undefined) => {
    const { actor, tenant } = await access.enter(request.actor, named);
    request.actor = actor;
    return tenant;
  };
  const { scope } = request.routeOptions.config;
  const named = namedTenant(request);
  if (scope === "authenticated") {
    return (
      known ??
      enter(named).catch((error: unknown) => {
        // A preview may be what brings the tenant about that the client is set to.
        if (request.actor.platform && error instanceof ClawError && error.code === "tenant.not_found") {
          return undefined;
        }
        throw error;
      })
    );
  }
  if (scope !== "tenant") {
    return undefined;
  }
  const { namespace } = (request.body as { metadata?: { namespace?: string } } | undefined)?.metadata ?? {};
  const found = known ?? (await enter(named ?? namespace));
  if (!found) {
    throw new ClawError("tenant.required", "name the tenant with the header X-Claw-Tenant, or in the manifest's metadata.namespace");
  }
  if (namespace !== undefined && namespace !== found.name) {
    // Another's tenant is as if it did not exist.
    await access.enter(request.actor, namespace);
    throw otherTenant(found, namespace);
  }
  return found;
}

interface Named {
  readonly metadata?: { readonly namespace?: string };
}

/** The tenants that changes are about which are asked for together. They are others than the request's with an actor of the platform alone. */
function othersIn({ actor, body, routeOptions }: FastifyRequest): string[] {
  if (!actor.platform || routeOptions.config.operationId !== "previews.create") {
    return [];
  }
  const { manifests = [], changes = [] } = body as { manifests?: readonly Named[]; changes?: readonly { readonly manifest?: Named }[] };
  const named = [...manifests, ...changes.map(({ manifest }) => manifest)].map((manifest) => manifest?.metadata?.namespace);
  return named.filter((name) => name !== undefined);
}

/** A manifest can't be of another tenant than its request. */
function otherTenant({ name }: TenantRef, namespace: string): ClawError {
  return invalid([
    {
      path: "metadata.namespace",
      message: `the manifest is of tenant '${namespace}', the request of '${name}'`,
      fix: "name the same tenant in both, or leave one out",
    },
  ]);
}
