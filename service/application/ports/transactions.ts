import type {
  BusEventData,
  BusEventName,
  BusMessage,
  ConfigTemplateId,
  InstanceEvent,
  InstanceId,
  ListQuery,
  PlanId,
  Preview,
  ProjectId,
  TenantId,
  Usage,
} from "../../../sdk/contract/index.ts";
import type { PlannedChange } from "../../domain/change.ts";
import type { Cluster, ClusterState, Load } from "../../domain/clusters/cluster.ts";
import type { ConfigTemplate, ConfigValue, ConfigVersion } from "../../domain/configs/config-template.ts";
import type { Instance, InstanceState } from "../../domain/instances/instance.ts";
import type { PreviewPage } from "../../domain/preview-pages.ts";
import type { Project, Tenant } from "../../domain/tenancy/tenant.ts";
import type { LeftoverRepository } from "./leftovers.ts";

/**
 * Runs units of work. There is no repository outside a transaction, and none of a tenant's outside a transaction bound to it:
 * the database's row-level security sees to the rest. Inside a transaction there is no network, no waiting, no heavy computing.
 * Serialization failures and deadlocks are retried.
 */
export interface Transactions {
  /** A transaction that sees one tenant. */
  tenant<T>(tenantId: TenantId, work: (tx: TenantTransaction) => Promise<T>): Promise<T>;
  /** A transaction of the platform: tenants, tokens, and any tenant it enters. */
  platform<T>(work: (tx: PlatformTransaction) => Promise<T>): Promise<T>;
  /** Runs `work`, rolls back, and answers what it returned: how a preview makes the very writes that it shows. */
  dryRun<T>(work: (tx: PlatformTransaction) => Promise<T>): Promise<T>;
}

export interface PlatformTransaction {
  readonly tenants: TenantRepository;
  readonly clusters: ClusterRepository;
  readonly tokens: TokenRepository;
  readonly keyring: KeyringRepository;
  readonly leftovers: LeftoverRepository;
  readonly outbox: OutboxRepository;
  readonly work: WorkRepository;
  /** Keys of requests that are of no tenant. */
  readonly idempotency: IdempotencyRepository;
  /** Binds what follows to one tenant. Entering another leaves it: use a tenant's repositories before entering the next. */
  enter(tenantId: TenantId): Promise<TenantTransaction>;
}

export interface TenantTransaction {
  readonly tenantId: TenantId;
  readonly tenants: Pick<TenantRepository, "get" | "lock">;
  readonly projects: ProjectRepository;
  readonly instances: InstanceRepository;
  readonly templates: ConfigTemplateRepository;
  readonly values: ConfigValueRepository;
  readonly plans: PlanRepository;
  readonly events: InstanceEventRepository;
  readonly idempotency: IdempotencyRepository;
  /** Appends a domain event to be published after commit. */
  publish(event: DomainEvent): Promise<void>;
}

/** As many as were asked for, and as fit into a page's bytes; one at least, when there is one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}
/** Id or name; a string with the resource's id prefix is an id. */
export type Ref = string;

/** Common rules: `find` answers undefined, `get` throws `<area>.not_found`; `insert` throws `<area>.name_taken`; `update` writes the row when its stored resourceVersion is still `expected` and throws `resource.version_conflict` otherwise. Ids, versions and times are set by the caller. */
export interface TenantRepository {
  list(query: ListQuery): Promise<Page<Tenant>>;
  get(ref: Ref): Promise<Tenant>;
  find(ref: Ref): Promise<Tenant | undefined>;
  /** Locks the tenant's row until the transaction ends: quota decisions queue up behind it. */
  lock(id: TenantId): Promise<Tenant>;
  insert(tenant: Tenant): Promise<void>;
  update(tenant: Tenant, expected: number): Promise<void>;
  /** Removes the tenant with all that is stored of it, its empty stacks too. @throws {tenant.not_empty}, {stack.locked} */
  delete(id: TenantId): Promise<void>;
  /** How many instances each of the tenants has that has any, those that are being deleted too. */
  countInstances(ids: readonly TenantId[]): Promise<ReadonlyMap<TenantId, number>>;
}
/** An instance that is on a cluster, or has not left it yet. */
export interface ClusterUser {
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly instance: string;
}
export interface ClusterRepository {
  list(query: ListQuery): Promise<Page<Cluster>>;
  /** Every one, by name. */
  all(): Promise<readonly Cluster[]>;
  /**
   * Those that a replica of the control plane is to look after, by name: it keeps the ones it has, and takes those that nobody has said to
   * keep for `ttlSeconds`.
   */
  keep(replica: string, ttlSeconds: number): Promise<readonly Cluster[]>;
  /** Leaves all that a replica keeps to others. */
  leave(replica: string): Promise<void>;
  get(ref: Ref): Promise<Cluster>;
  find(ref: Ref): Promise<Cluster | undefined>;
  /** Locks the clusters' rows until the transaction ends, in the order of their names: decisions about room queue up behind them. */
  lock(names: readonly string[]): Promise<void>;
  insert(cluster: Cluster): Promise<void>;
  /** Writes everything but the state. */
  update(cluster: Cluster, expected: number): Promise<void>;
  /** Writes the state only; false when the cluster is gone. */
  updateState(name: string, change: (cluster: Cluster) => ClusterState): Promise<boolean>;
  /** @throws {cluster.in_use} */
  delete(cluster: Cluster): Promise<void>;
  /** What the instances of each cluster add up to, those that are on their way out too. */
  allocated(): Promise<ReadonlyMap<string, Load>>;
  /** By tenant and name. */
  users(name: string, limit?: number): Promise<readonly ClusterUser[]>;
}
export interface ProjectRepository {
  list(query: ListQuery): Promise<Page<Project>>;
  get(ref: Ref): Promise<Project>;
  find(ref: Ref): Promise<Project | undefined>;
  insert(project: Project): Promise<void>;
  update(project: Project, expected: number): Promise<void>;
  /** @throws {project.not_empty} */
  delete(id: ProjectId): Promise<void>;
}
/** What instances that are not being deleted add up to. CPU in cores, memory and storage in bytes; replicas counted. */
export interface ResourceUsage {
  readonly instances: number;
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
}
export interface InstanceRepository {
  /** Label selector, field selector, sort and cursor as in `ListQuerySchema`. @throws {request.invalid} for a selector or sort that can't be. */
  list(query: ListQuery): Promise<Page<Instance>>;
  get(ref: Ref): Promise<Instance>;
  find(ref: Ref): Promise<Instance | undefined>;
  /** Those of the names that there are, in no order. */
  findAll(names: readonly string[]): Promise<readonly Instance[]>;
  insert(instance: Instance): Promise<void>;
  /** Writes everything but status. */
  update(instance: Instance, expected: number): Promise<void>;
  /** Asks for the instances to be reconciled, as a write of their own would: something that they rest on has changed, which is no write of theirs. */
  requestReconcile(ids: readonly InstanceId[]): Promise<void>;
  /** Writes status only; false when the row is gone. */
  updateStatus(id: InstanceId, change: (state: Instance) => InstanceState): Promise<boolean>;
  /** Writes statuses only, and answers the instances as they were: those whose row is gone are left out. */
  updateStatuses(ids: readonly InstanceId[], change: (instance: Instance) => InstanceState): Promise<readonly Instance[]>;
  /** Removes the row, for its resources are gone; false when the instance has another generation by now. */
  delete(id: InstanceId, generation: number): Promise<boolean>;
  usage(projectId?: ProjectId): Promise<ResourceUsage>;
  /** How many instances each project has that has any, those that are being deleted too. */
  countByProject(): Promise<ReadonlyMap<ProjectId, number>>;
  listByTemplate(name: string): Promise<readonly Instance[]>;
  /** Those that are on a cluster, or have not left it yet. */
  listByCluster(name: string): Promise<readonly Instance[]>;
  /** Instances of one cluster whose generation is ahead of what was observed and whose next attempt is due, oldest first. Those that move count as of the cluster they leave. */
  listDue(cluster: string, limit: number): Promise<readonly Instance[]>;
  /** Says that a moving instance has left its former cluster. */
  markMoved(id: InstanceId): Promise<void>;
}
export interface ConfigTemplateRepository {
  list(query: ListQuery): Promise<Page<ConfigTemplate>>;
  get(ref: Ref): Promise<ConfigTemplate>;
  /** The tenant's own, else the shared tenant's one of that name. */
  find(ref: Ref): Promise<ConfigTemplate | undefined>;
  insert(template: ConfigTemplate): Promise<void>;
  update(template: ConfigTemplate, expected: number): Promise<void>;
  /** @throws {config.in_use} */
  delete(id: ConfigTemplateId): Promise<void>;
  insertVersion(version: ConfigVersion): Promise<void>;
  /** Seals a version anew: what it says stays. */
  rewriteVersion(version: ConfigVersion): Promise<void>;
  /** Newest first. */
  listVersions(id: ConfigTemplateId, limit: number, cursor?: string): Promise<Page<ConfigVersion>>;
  findVersion(id: ConfigTemplateId, version: number): Promise<ConfigVersion | undefined>;
}
export interface ConfigValueRepository {
  /** All values that instances of these projects see, every level; in the order in which a later one wins. */
  listFor(projectIds: readonly ProjectId[], instanceIds: readonly InstanceId[]): Promise<readonly ConfigValue[]>;
  put(value: ConfigValue): Promise<void>;
}

/** A stored preview: what was shown, the writes it stands for, and what they must resolve to when they are made. */
export interface Plan {
  readonly id: PlanId;
  readonly tenantId: TenantId;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly author: string;
  readonly changes: readonly PlannedChange[];
  /** `kind/tenant/name` → the id that a creation gets, so that apply creates what was shown. */
  readonly ids: Readonly<Record<string, string>>;
  /** `kind/tenant/name` → `resourceVersion/observedGeneration` that the preview was computed from; `absent` for creations. */
  readonly base: Readonly<Record<string, string>>;
  /** Digest of everything the changes resolve to. */
  readonly digest: string;
  readonly preview: Preview;
  readonly appliedAt: string | undefined;
}
export interface PlanRepository {
  /** @param pages those after the one that the plan's preview has */
  insert(plan: Plan, pages: readonly PreviewPage[]): Promise<void>;
  /** @throws {preview.not_found} */
  get(id: PlanId): Promise<Plan>;
  /** One of the pages that it was inserted with; an empty one for another cursor. @throws {preview.not_found} */
  getPage(id: PlanId, cursor: string): Promise<PreviewPage>;
  /** Forgets what has not been applied. */
  discardPending(): Promise<void>;
  markApplied(id: PlanId, at: string): Promise<void>;
}
export interface InstanceEventRepository {
  append(instanceId: InstanceId, event: InstanceEvent): Promise<void>;
  appendAll(events: readonly (InstanceEvent & { readonly instance: InstanceId })[]): Promise<void>;
  list(instanceId: InstanceId, limit: number, cursor?: string): Promise<Page<InstanceEvent>>;
  /** The newest of each instance, newest first. */
  listRecent(instanceIds: readonly InstanceId[], limit: number): Promise<ReadonlyMap<InstanceId, readonly InstanceEvent[]>>;
}
export interface IdempotencyRepository {
  /**
   * The answer stored under the key, or undefined after claiming it. A claim that was neither completed nor released for a minute
   * (its replica died) is taken over. @throws {request.idempotency_mismatch} for another request with the same key,
   * {request.in_progress} while the first one is being served.
   */
  claim(key: string, requestDigest: string): Promise<{ status: number; body: unknown } | undefined>;
  complete(key: string, answer: { status: number; body: unknown }): Promise<void>;
  /** Forgets a claim whose request failed, so that it can be made again. */
  release(key: string): Promise<void>;
}

/** Something that happened, as the bus's catalogue has it. */
export type DomainEvent = {
  [Event in BusEventName]: { readonly id: string; readonly event: Event; readonly time: string; readonly data: BusEventData<Event> };
}[BusEventName];
export interface OutboxRepository {
  /** Unpublished events in order, or none while another transaction relays: two at once would publish out of order. */
  claim(limit: number): Promise<readonly { readonly sequence: string; readonly message: BusMessage }[]>;
  markPublished(sequences: readonly string[]): Promise<void>;
}
export interface WorkRepository {
  /**
   * Stacks, a tenant's part of a cluster each, that have due instances: the clusters take turns. Those of clusters that can't be reached
   * wait until they can.
   */
  listStacksDue(limit: number): Promise<readonly { readonly tenant: Tenant; readonly cluster: string }[]>;
  /** Takes one stack whose next refresh is due, and puts that off by about a period. A new stack's first one is somewhere in the first period. */
  claimRefresh(periodSeconds: number): Promise<{ readonly tenant: Tenant; readonly cluster: string } | undefined>;
  /** Keeps the newest sample of each instance. Nothing of the instance itself is written. */
  recordUsage(samples: readonly (Usage & { readonly instance: InstanceId })[]): Promise<void>;
  /**
   * What differs from before when a tenant, template or instance, or its status, has been written: by kind, tenant (none for tenants) and
   * name. All of them at a time, as that is one cheap query.
   */
  listVersions(): Promise<ReadonlyMap<string, string>>;
  /** Instances of a cluster that are to be stopped, with nothing due, and which are not known to be. */
  listStopping(cluster: string): Promise<readonly { readonly tenantId: TenantId; readonly id: InstanceId }[]>;
  /** Whose instance it is; undefined when it is gone. */
  findTenantOf(instanceId: InstanceId): Promise<TenantId | undefined>;
  /** Those of the instances that exist, of any tenant and in any state. */
  existingAmong(ids: readonly InstanceId[]): Promise<readonly InstanceId[]>;
}
/** What the service's own keys rest on. */
export interface KeyringRepository {
  /** Others wait until the transaction ends: of replicas that start together, one makes what is missing. */
  find(name: string): Promise<string | undefined>;
  put(name: string, value: string): Promise<void>;
}
export interface TokenRepository {
  /** By SHA-256 of the token, hex. */
  find(
    digest: string,
  ): Promise<{ readonly subject: string; readonly tenantId: TenantId | undefined; readonly platform: boolean } | undefined>;
  insert(token: {
    readonly digest: string;
    readonly subject: string;
    readonly tenantId: TenantId | undefined;
    readonly platform: boolean;
  }): Promise<void>;
  /** Takes back every other token that a platform administrator of that name has. */
  replaceOthers(token: { readonly digest: string; readonly subject: string }): Promise<void>;
}
