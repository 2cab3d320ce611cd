import { type ClawInstance, instanceFacts, type Permission, type Route, type RouteId, routes } from "../../sdk/contract/index.ts";
import { Room } from "../domain/room.ts";
import { roleBindingKind, roleKind, serviceAccountKind } from "./access/access-kinds.ts";
import { accessRoutes } from "./access/routes.ts";
import { auditRoutes } from "./audit/routes.ts";
import { clusterKind } from "./clusters/cluster-kind.ts";
import { clusterRoutes } from "./clusters/routes.ts";
import { configTemplateKind } from "./configs/config-template-kind.ts";
import { configValuesKind } from "./configs/config-values-kind.ts";
import { configRoutes, valuesRoutes } from "./configs/routes.ts";
import { secretKind } from "./configs/secret-kind.ts";
import { secretRoutes } from "./configs/secret-routes.ts";
import { consistencyRoutes } from "./consistency/routes.ts";
import type { ApplicationDependencies, OuterDependencies } from "./dependencies.ts";
import { instanceConsequences } from "./instances/consequences.ts";
import { instanceKind } from "./instances/instance-kind.ts";
import { instanceRoutes } from "./instances/routes.ts";
import type { Selection } from "./ports/resources/page.ts";
import { recordingRoutes } from "./recordings/routes.ts";
import type { AnyKind } from "./resources/kind.ts";
import { assertAdmitted } from "./resources/permitted.ts";
import type { RequestContext, RouteHandlers } from "./resources/route-handlers.ts";
import { previewRoutes } from "./resources/routes.ts";
import { tenantIn } from "./resources/tenant-in.ts";
import { rolloutKind } from "./rollouts/rollout-kind.ts";
import { rolloutRoutes } from "./rollouts/routes.ts";
import { serviceRoutes } from "./service/routes.ts";
import { stackRoutes } from "./stacks/routes.ts";
import { policyKind } from "./tenancy/policy-kind.ts";
import { projectKind } from "./tenancy/project-kind.ts";
import { policyRoutes, projectRoutes, tenantRoutes } from "./tenancy/routes.ts";
import { tenantKind } from "./tenancy/tenant-kind.ts";
import { assertCapable } from "./types/assert-capable.ts";
import { clawTypeKind } from "./types/claw-type-kind.ts";
import { typeRoutes } from "./types/routes.ts";

export interface Application {
  /** Every use case, one per route. */
  readonly routes: RouteHandlers;
  /** The instance that a stream is to. @param permission what the stream takes there @throws {ClawError} `instance.not_found`, `auth.forbidden`, `instance.unsupported` */
  targetOf(ctx: RequestContext, id: string, permission: Permission): Promise<ClawInstance>;
  /** A page of the instances that somebody may see. @throws {ClawError} `auth.forbidden`, `request.invalid` */
  visibleTo(ctx: RequestContext, selection: Selection): Promise<{ readonly items: readonly ClawInstance[]; readonly nextCursor?: string }>;
  /** What workers share with the routes. */
  readonly dependencies: ApplicationDependencies;
}

/** What instances resolve to before and after, of all previews that are being made: the engine's changes and what is shown of them take a few times that. */
const PREVIEW_CHARACTERS_MAX = 128 * 1024 * 1024;

/** Puts kinds and routes together. */
export function createApplication(outer: OuterDependencies): Application {
  const own = {
    cluster: clusterKind(outer),
    tenant: tenantKind(outer),
    project: projectKind,
    serviceAccount: serviceAccountKind,
    role: roleKind,
    roleBinding: roleBindingKind,
    policy: policyKind,
    clawType: clawTypeKind(outer),
    secret: secretKind({ cipher: outer.cipher, sources: outer.secretSources }),
    configTemplate: configTemplateKind(outer),
    instance: instanceKind(outer),
    configValues: configValuesKind(outer),
    rollout: rolloutKind(outer),
  };
  const kinds: readonly AnyKind[] = Object.values(own);
  const previewRoom = new Room(PREVIEW_CHARACTERS_MAX, {
    what: "the configurations that a preview compares",
    fix: "preview fewer instances at a time, by project or by label, or make the change without a preview",
  });
  const dependencies = { ...outer, kinds, consequences: instanceConsequences({ ...outer, kinds }), previewRoom };
  return {
    dependencies,
    async targetOf(ctx, id, permission) {
      const instance = await own.instance.show({ ...ctx, permission }, outer.transactions, id);
      await assertCapable(instance, { permission, tenantId: tenantIn(ctx).id }, outer);
      return instance;
    },
    async visibleTo(ctx, selection) {
      assertAdmitted(ctx.actor, instanceFacts.access.read, "tenant");
      return own.instance.list(ctx, outer.transactions, selection);
    },
    routes: admitting({
      ...clusterRoutes(own.cluster, dependencies),
      ...tenantRoutes(own.tenant, dependencies),
      ...projectRoutes(own.project, dependencies),
      ...configRoutes(own.configTemplate, dependencies),
      ...valuesRoutes(own.configValues, dependencies),
      ...secretRoutes(own.secret, dependencies),
      ...instanceRoutes(own.instance, dependencies),
      ...consistencyRoutes(own.instance, dependencies),
      ...policyRoutes(own.policy, dependencies),
      ...rolloutRoutes(own.rollout, dependencies),
      ...previewRoutes(dependencies),
      ...stackRoutes(dependencies),
      ...serviceRoutes(dependencies),
      ...typeRoutes(own.clawType, dependencies),
      ...accessRoutes(own, dependencies),
      ...auditRoutes(dependencies),
      ...recordingRoutes(dependencies),
    }),
  };
}

/** Each use case, for those who may do anywhere what its route takes; where exactly is looked at by the kind of what it is about. */
function admitting(handlers: RouteHandlers): RouteHandlers {
  const guarded = (Object.entries(routes) as [RouteId, Route][]).map(([id, { permission, scope }]) => {
    const handle = handlers[id] as (ctx: RequestContext, input: unknown) => Promise<unknown>;
    const guard = async (ctx: RequestContext, input: unknown) => {
      if (permission !== undefined) {
        assertAdmitted(ctx.actor, permission, scope);
      }
      return handle({ ...ctx, permission }, input);
    };
    return [id, guard];
  });
  return Object.fromEntries(guarded) as unknown as RouteHandlers;
}
