import {
  API_VERSION,
  CarriedSchema,
  ClawError,
  type Condition,
  type Manifest,
  ManifestSchema,
  type ProblemIssue,
} from "../../sdk/contract/index.ts";
import type { Cluster } from "../domain/clusters/cluster.ts";
import { digestOf } from "../domain/digest.ts";
import { withCondition } from "../domain/instances/conditions.ts";
import { SECRET_MASK } from "../domain/sealed.ts";
import { SHARED_TENANT } from "../domain/tenancy/tenant.ts";
import { createOperations } from "./create-operations.ts";
import type { ApplicationDependencies } from "./dependencies.ts";
import type { RequestContext } from "./operations.ts";
import type { CustomResource, CustomResources } from "./ports/custom-resources.ts";
import { applied, writeOne } from "./requests.ts";

/** Annotations of kubectl's own, and the one that names the project. */
const KUBECTL = "kubectl.kubernetes.io/";
const PROJECT = "clusterclaw.io/project";

type Answer = { readonly metadata: { readonly uid: string; readonly generation: number }; readonly spec: unknown; readonly status: object };

/**
 * Carries a custom resource and the control plane's resource of the same name towards one another, one step at a time: whichever was
 * edited last is copied to the other, in Kubernetes first when both were; deleting either deletes both; status goes to Kubernetes.
 * Made of the same use cases as requests are, for a platform actor that is named after the cluster.
 */
export function createCarrier(deps: ApplicationDependencies) {
  const operations = createOperations(deps);

  const contextOf = async (cluster: Cluster, resource: CustomResource): Promise<RequestContext> => {
    const name = resource.kind === "Tenant" ? resource.name : (resource.namespace ?? SHARED_TENANT);
    const tenant = await deps.transactions.platform((tx) => tx.tenants.find(name));
    const actor = { subject: `cluster:${cluster.name}`, platform: true, tenantId: undefined };
    return { actor, tenant: tenant && { id: tenant.id, name: tenant.name }, requestId: resource.uid, ifMatch: undefined };
  };

  const find = async (ctx: RequestContext, { kind, name }: CustomResource): Promise<Answer | undefined> => {
    const input = { params: { id: name }, query: undefined, body: undefined };
    const get = { ClawInstance: operations["instances.get"], ConfigTemplate: operations["configs.get"], Tenant: operations["tenants.get"] }[
      kind
    ];
    if (!ctx.tenant) {
      return undefined;
    }
    return get(ctx, input).catch((error: unknown) => {
      if (error instanceof ClawError && error.status === 404) {
        return undefined;
      }
      throw error;
    });
  };

  /** @returns the generation that it made here, or that said the same already */
  const apply = async (ctx: RequestContext, resource: CustomResource): Promise<number> => {
    const { after } = await writeOne(ctx, applied(ctx, manifestOf(resource)), deps);
    return after?.generation ?? 0;
  };

  /** @returns whether it is to be looked at again soon, since it is not where it should be */
  return async function carry(cluster: Cluster, resource: CustomResource, remote: CustomResources): Promise<boolean> {
    const ctx = await contextOf(cluster, resource);
    const current = await find(ctx, resource);
    const record = CarriedSchema.safeParse(resource.status["carried"]).data;
    const carried = record?.cluster === cluster.id ? record : undefined;
    if (resource.deleting) {
      return release(ctx, resource, current, remote);
    }
    if (!resource.held) {
      // Seen again with it.
      await remote.hold(resource, true);
      return false;
    }
    if (carried && !current) {
      await remote.delete(resource);
      return false;
    }
    try {
      const isEditedHere = !carried || resource.status["observedGeneration"] !== resource.generation;
      if (isEditedHere || !current) {
        if (!(await remote.isCurrent(resource))) {
          // An edit that is carried already, but not seen to be, would undo a later one made here.
          return false;
        }
        const generation = await apply(ctx, resource);
        if (resource.kind === "Tenant") {
          await remote.ensureNamespace(resource.name);
        }
        const after = await find(await contextOf(cluster, resource), resource);
        return after ? await report(cluster, resource, after, generation, remote) : true;
      }
      const { generation } = current.metadata;
      const isEditedThere = generation > carried.generation && !isSame(current.spec, manifestOf(resource).spec);
      return await report(
        cluster,
        isEditedThere ? await remote.replaceSpec(resource, current.spec) : resource,
        current,
        generation,
        remote,
      );
    } catch (error) {
      if (!(error instanceof ClawError)) {
        throw error;
      }
      await refuse(resource, error, remote);
      return true;
    }
  };

  async function release(
    ctx: RequestContext,
    resource: CustomResource,
    current: Answer | undefined,
    remote: CustomResources,
  ): Promise<boolean> {
    if (!current || !resource.held) {
      if (resource.held) {
        await remote.hold(resource, false);
      }
      return false;
    }
    const { kind, name } = resource;
    try {
      await writeOne(ctx, { action: "delete", kind, name, tenant: kind === "Tenant" ? name : (ctx.tenant?.name ?? SHARED_TENANT) }, deps);
    } catch (error) {
      if (!(error instanceof ClawError)) {
        throw error;
      }
      // It is in use: a tenant's instances may be on their way out.
      await refuse(resource, error, remote);
    }
    return true;
  }

  /** @param generation the one here that the resource's specification is known to be the same as; a later one is carried next */
  async function report(
    cluster: Cluster,
    resource: CustomResource,
    current: Answer,
    generation: number,
    remote: CustomResources,
  ): Promise<false> {
    const accepted = { type: "Accepted", status: "True", reason: "Carried", message: "" } as const;
    // A sample is no change of the resource: it would be a write each time.
    const { usage: _, ...known } = current.status as { usage?: unknown };
    const status = {
      ...known,
      observedGeneration: resource.generation,
      carried: { cluster: cluster.id, uid: current.metadata.uid, generation },
    };
    await write(resource, status, accepted, remote);
    return false;
  }

  async function refuse(resource: CustomResource, error: ClawError, remote: CustomResources): Promise<void> {
    const issues = error.issues.map(({ path, message, fix }) => `${path}: ${message}${fix === undefined ? "" : ` (${fix})`}`);
    const message = [error.message, ...issues].join("; ");
    const reason = error.code.replaceAll(/(?:^|[._])([a-z])/g, (_all, letter: string) => letter.toUpperCase());
    await write(resource, resource.status, { type: "Accepted", status: "False", reason, message }, remote);
  }

  /** Only what differs is written: a write is a change that comes back. */
  async function write(
    resource: CustomResource,
    status: Readonly<Record<string, unknown>>,
    accepted: Omit<Condition, "lastTransitionTime">,
    remote: CustomResources,
  ): Promise<void> {
    const own = (resource.status["conditions"] ?? []) as Condition[];
    const others = ((status["conditions"] ?? []) as Condition[]).filter(({ type }) => type !== accepted.type);
    const before = own.filter(({ type }) => type === accepted.type);
    const conditions = withCondition([...others, ...before], accepted, deps.clock().toISOString());
    const next = { ...status, conditions };
    if (digestOf(next) !== digestOf(resource.status)) {
      await remote.writeStatus(resource, next);
    }
  }
}

/** Whether two specifications say the same; what the control plane masks may be anything in the cluster. */
function isSame(masked: unknown, plain: unknown): boolean {
  if (masked === SECRET_MASK) {
    return plain !== undefined;
  }
  if (typeof masked !== "object" || typeof plain !== "object" || masked === null || plain === null) {
    return masked === plain;
  }
  const [left, right] = [masked as Record<string, unknown>, plain as Record<string, unknown>];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => isSame(left[key], right[key]));
}

/** @throws {ClawError} `request.invalid` for what a cluster without our schemas let through */
function manifestOf({ kind, namespace, name, labels, annotations, spec }: CustomResource): Manifest {
  const { [PROJECT]: project, ...others } = annotations;
  const parsed = ManifestSchema.safeParse({
    apiVersion: API_VERSION,
    kind,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(project !== undefined && kind === "ClawInstance" && { project }),
      labels,
      annotations: Object.fromEntries(Object.entries(others).filter(([key]) => !key.startsWith(KUBECTL))),
    },
    spec,
  });
  if (parsed.success) {
    return parsed.data;
  }
  const issues: ProblemIssue[] = parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  throw new ClawError("request.invalid", `${kind} '${name}' is invalid`, { issues });
}
