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
    app.addHook("preHandler", async (request) => {
      request.tenant = await tenantOf(request, access);
    });
  },
  { name: "tenant", dependencies: ["identity"] },
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
