import {
  API_VERSION,
  CarriedSchema,
  ClawError,
  type Condition,
  ConditionReason,
  ConditionType,
  factsOf,
  type Issue,
  type Manifest,
  ManifestSchema,
  type Resource,
  SECRET_MASK,
} from "../../../sdk/contract/index.ts";
import { relaying } from "../../domain/access/actor.ts";
import type { NoteRefusal } from "../../domain/audit/refused.ts";
import { homeOf } from "../../domain/change.ts";
import type { Cluster } from "../../domain/clusters/cluster.ts";
import { digestOf } from "../../domain/digest.ts";
import { type NewCondition, withCondition } from "../../domain/instances/conditions.ts";
import { DEFAULT_PROJECT, SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { CustomResource, CustomResources } from "../ports/clusters/custom-resources.ts";
import { kindNamed } from "../resources/changes.ts";
import type { AnyKind, CustomSpec } from "../resources/kind.ts";
import { applied, tryOne, writeOne } from "../resources/requests.ts";
import type { RequestContext } from "../resources/route-handlers.ts";

/** Annotations of kubectl's own, and the one that names the project. */
const KUBECTL = "kubectl.kubernetes.io/";
const PROJECT = "clusterclaw.io/project";

export interface CarryDependencies extends ApplicationDependencies {
  readonly refusals: NoteRefusal;
}

/** What either side says, as a custom resource says it. */
type Content = Pick<CustomResource, "labels" | "annotations" | "spec">;

/**
 * Carries a custom resource and the control plane's resource of the same name towards one another, one step at a time. The custom
 * resource's status records what both said when they last agreed: the side that says something else since has been edited and is copied to
 * the other, Kubernetes first when both were. Deleting either deletes both; status goes to Kubernetes.
 * Made of the same use cases as requests are, for a platform actor that is named after the cluster.
 */
export function createCarrier(deps: CarryDependencies) {
  const kindOf = ({ kind }: CustomResource) => kindNamed(kind, deps.kinds);

  /** The control plane's resource of the same name, and whose it is. */
  const find = (cluster: Cluster, resource: CustomResource) =>
    deps.transactions.platform(async (tx): Promise<{ ctx: RequestContext; current: Resource | undefined }> => {
      const { name, uid } = resource;
      const tenant = await tx.tenants.find(homeOfCustom(resource));
      const actor = relaying(`cluster:${cluster.name}`);
      const ctx = { actor, tenant: tenant && { id: tenant.id, name: tenant.name }, requestId: uid, ifMatch: undefined };
      const found = tenant && (await kindOf(resource).look(tx, tenant, name));
      // Values of every tenant have names that each tenant sees: they are the shared tenant's own still.
      const isOwn = (found?.metadata.namespace ?? resource.namespace) === resource.namespace;
      return { ctx, current: isOwn ? found : undefined };
    });

  /** @returns what it says here now */
  const apply = (ctx: RequestContext, manifest: Manifest, kind: AnyKind): Promise<Content> =>
    writeOne(
      ctx,
      applied(ctx, manifest),
      deps,
      async (written, tx) => {
        const shown = await kind.presentWritten(tx, written);
        if (!shown) {
          throw new Error(`nothing is left of ${kind.kind} '${written.name}' to carry`);
        }
        return contentOf(shown);
      },
      // Nobody is there to be asked: what its program refuses is told once it has said so.
      true,
    );

  /** @returns whether it is to be looked at again soon, since it is not where it should be */
  return async function carry(cluster: Cluster, resource: CustomResource, remote: CustomResources): Promise<boolean> {
    const { ctx, current } = await find(cluster, resource);
    const record = CarriedSchema.safeParse(resource.status["carried"]).data;
    const carried = record?.cluster === cluster.id ? record : undefined;
    if (resource.deleting) {
      return release(ctx, resource, current, remote);
    }
    if (carried && !current) {
      await remote.delete(resource);
      return false;
    }
    try {
      const kind = kindOf(resource);
      const manifest = manifestOf(resource, cluster, kind.custom);
      if (!resource.held) {
        // What is refused waits for nobody: there is nothing of it here that would have to go first.
        await (current ?? tryOne(ctx, applied(ctx, manifest), deps, true));
        // Seen again with it.
        await remote.hold(resource, true);
        return false;
      }
      const isEditedHere = current && carried?.inControlPlane !== digestOfContent(contentOf(current));
      if (!current || carried?.inCluster !== digestOfContent(resource)) {
        if (!(await remote.isCurrent(resource))) {
          // An edit that is carried already, but not seen to be, would undo a later one made here.
          return false;
        }
        // Where labels or annotations alone were edited, a secret that was changed here stays as it is.
        const isSpecCarried = isEditedHere === false && resource.status["observedGeneration"] === resource.generation;
        const content = await apply(ctx, (isSpecCarried ? { ...manifest, spec: current?.spec } : manifest) as Manifest, kind);
        if (kind.custom.isNamespace) {
          await remote.ensureNamespace(resource.name);
        }
        const after = await find(cluster, resource);
        return after.current ? await report(cluster, resource, after.current, content, remote) : true;
      }
      const content = contentOf(current);
      const written = isEditedHere ? await writeBack(resource, manifest, content, remote) : resource;
      return await report(cluster, written, current, content, remote);
    } catch (error) {
      if (!(error instanceof ClawError)) {
        throw error;
      }
      await refuse({ ctx, resource, error, action: current ? "update" : "create" }, remote);
      return true;
    }
  };

  /** Writes to the resource what differs from what it means; the rest, its secrets among it, stays in its author's words. */
  async function writeBack(resource: CustomResource, manifest: Manifest, content: Content, remote: CustomResources) {
    const next = {
      labels: overlaid(resource.labels, content.labels),
      annotations: overlaid(resource.annotations, content.annotations),
      spec: reworded(content.spec, manifest.spec, resource.spec),
    };
    return digestOfContent(next) === digestOfContent(resource) ? resource : remote.replace(resource, next);
  }

  async function release(
    ctx: RequestContext,
    resource: CustomResource,
    current: Resource | undefined,
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
      await writeOne(ctx, { action: "delete", kind, name, tenant: homeOfCustom(resource) }, deps, () => undefined);
    } catch (error) {
      if (!(error instanceof ClawError)) {
        throw error;
      }
      // It is in use: a tenant's instances may be on their way out.
      await refuse({ ctx, resource, error, action: "delete" }, remote);
    }
    return true;
  }

  /** @param content what the control plane said that the resource is known to say too; what it says since is carried next */
  async function report(
    cluster: Cluster,
    resource: CustomResource,
    current: Resource,
    content: Content,
    remote: CustomResources,
  ): Promise<false> {
    const accepted = { type: ConditionType.Accepted, status: "True", reason: ConditionReason.Carried, message: "" } as const;
    // A sample is no change of the resource: it would be a write each time.
    const { usage: _, ...known } = current.status as { readonly usage?: unknown };
    const status = {
      ...known,
      observedGeneration: resource.generation,
      carried: {
        cluster: cluster.id,
        uid: current.metadata.uid,
        inCluster: digestOfContent(resource),
        inControlPlane: digestOfContent(content),
      },
    };
    const next = withAccepted(resource, status, accepted);
    await (next && remote.writeStatus(resource, next));
    return false;
  }

  async function refuse({ ctx, resource, error, action }: CustomRefusal, remote: CustomResources): Promise<void> {
    const issues = error.issues.map(({ path, message, fix }) => `${path}: ${message}${fix === undefined ? "" : ` (${fix})`}`);
    const message = [error.message, ...issues].join("; ");
    const reason = error.code.replaceAll(/(?:^|[._])([a-z])/g, (_all, letter: string) => letter.toUpperCase());
    const next = withAccepted(resource, resource.status, { type: ConditionType.Accepted, status: "False", reason, message });
    if (!next) {
      return;
    }
    // Once for what it says: it is tried again all the time, and nobody asks anew.
    if (error.status === 403) {
      const { kind, name } = resource;
      const told = { kind, name };
      const { area } = factsOf(kind);
      const { actor, tenant } = ctx;
      await deps.refusals.note({ actor, tenant, action: `${area}.${action}`, permission: undefined, reason: error.code, resource: told });
    }
    await remote.writeStatus(resource, next);
  }

  /** A status with what became of the resource; undefined where that is what it says already: a write is a change that comes back. */
  function withAccepted(resource: CustomResource, status: Readonly<Record<string, unknown>>, accepted: NewCondition) {
    const own = (resource.status["conditions"] ?? []) as Condition[];
    const others = ((status["conditions"] ?? []) as Condition[]).filter(({ type }) => type !== accepted.type);
    const before = own.filter(({ type }) => type === accepted.type);
    const conditions = withCondition([...others, ...before], accepted, deps.clock().toISOString());
    const next = { ...status, conditions };
    return digestOf(next) === digestOf(resource.status) ? undefined : next;
  }
}

/** What was refused of a custom resource: in the name of its cluster, since nobody says who wrote it there. */
interface CustomRefusal {
  readonly ctx: RequestContext;
  readonly resource: CustomResource;
  readonly error: ClawError;
  readonly action: "create" | "update" | "delete";
}

function contentOf({ metadata: { labels, annotations, project = DEFAULT_PROJECT }, spec }: Resource): Content {
  return { labels, annotations: carriedOnes({ ...annotations, ...(project !== DEFAULT_PROJECT && { [PROJECT]: project }) }), spec };
}

function digestOfContent({ labels, annotations, spec }: Content): string {
  return digestOf([labels, carriedOnes(annotations), spec]);
}

function carriedOnes(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !key.startsWith(KUBECTL)));
}

/** Labels or annotations with those of the control plane. One that it has no more goes, unless it has a prefix: those are of other tools. */
function overlaid(theirs: Readonly<Record<string, string>>, ours: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(theirs).filter(([key]) => key in ours || key.includes("/"));
  return { ...Object.fromEntries(kept), ...ours };
}

/**
 * A value in the words of one that `meant` something else: what is meant still stays as it was `said`, or unsaid where that is the default;
 * so does what is behind a mask.
 */
function reworded(value: unknown, meant: unknown, said: unknown): unknown {
  if ((value === SECRET_MASK && said !== undefined) || digestOf(value) === digestOf(meant)) {
    return said;
  }
  if (Array.isArray(value) && Array.isArray(meant) && Array.isArray(said)) {
    return value.map((item) => {
      const former = meant.findIndex((other) => identityOf(other) === identityOf(item));
      return reworded(item, meant[former], said[former]);
    });
  }
  if (isObject(value) && isObject(meant)) {
    const words = isObject(said) ? said : {};
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, reworded(item, meant[key], words[key])]));
  }
  return value;
}

/** What tells an item of a list from the others, wherever it stands. */
function identityOf(item: unknown): unknown {
  return isObject(item) ? (item["key"] ?? item["name"]) : item;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function homeOfCustom({ kind, name, namespace }: CustomResource): string {
  return homeOf(kind, name, namespace) ?? SHARED_TENANT;
}

/**
 * What a custom resource means here.
 * @throws {ClawError} `request.invalid` for what a cluster without our schemas let through
 */
function manifestOf({ kind, namespace, name, labels, annotations, spec }: CustomResource, cluster: Cluster, custom: CustomSpec): Manifest {
  const { [PROJECT]: project, ...others } = carriedOnes(annotations);
  const parsed = ManifestSchema.safeParse({
    apiVersion: API_VERSION,
    kind,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(project !== undefined && custom.hasProject && { project }),
      labels,
      annotations: others,
    },
    spec: isObject(spec) && custom.specOf ? custom.specOf(spec, cluster.name) : spec,
  });
  if (parsed.success) {
    return parsed.data;
  }
  const issues: Issue[] = parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  throw new ClawError("request.invalid", `${kind} '${name}' is invalid`, { issues });
}
