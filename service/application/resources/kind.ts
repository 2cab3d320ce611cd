import type {
  ActionOf,
  FactsOf,
  Id,
  ManifestKind,
  ManifestOf,
  PlanId,
  ProjectId,
  Resource,
  ResourceOf,
  TenantId,
} from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import type { Place } from "../../domain/access/grants.ts";
import type { ChangedResource, Consequence, PlannedChange } from "../../domain/change.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { StoredResource } from "../../domain/resource.ts";
import type { Tenant } from "../../domain/tenancy/tenant.ts";
import type { Page, Selection } from "../ports/resources/page.ts";
import type { PlatformTransaction, Reads, TenantTransaction, Transactions } from "../ports/transactions.ts";
import type { IfMatch, RequestContext } from "./route-handlers.ts";

/** What makes a write repeatable: a plan's writes get the ids and times that its preview had. */
export interface Stamp {
  readonly now: string;
  readonly actor: Actor;
  /** Ids of creations by `kind/tenant/name`; new ones are added. */
  readonly ids: Record<string, string>;
  /** The plan whose changes these are, when that is (`now` is the time of its preview), and what they were seen to lead to. */
  readonly plan?: { readonly id: PlanId; readonly appliedAt: string; readonly later: readonly PlannedChange[] } | undefined;
  /** For a single change: what the caller takes the resource to be. */
  readonly ifMatch?: IfMatch | undefined;
}

/** What a change came to. */
export interface Made<S extends StoredResource = StoredResource> {
  readonly op: "create" | "update" | "delete" | "same";
  readonly after: S | undefined;
  /** Why the resource is where it is, when that was decided by this change. */
  readonly reason?: string | undefined;
  /** Clusters where what a tenant's instances share changes with it. */
  readonly boundaries?: readonly string[];
}

/** One change that was made, with the stored resource before and after. */
export interface Written<S extends StoredResource = StoredResource> extends ChangedResource, Made<S> {
  readonly change: PlannedChange;
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly before: S | undefined;
}

/** A change, with what it takes to write it. @typeParam At what the kind's rows are read and written through */
export interface Writer<At, Home extends Tenant | undefined> {
  readonly tx: PlatformTransaction;
  readonly at: At;
  /** The tenant that the resource is kept with. */
  readonly home: Home;
  readonly change: PlannedChange;
  readonly stamp: Stamp;
}
export type TenantWriter = Writer<TenantTransaction, Tenant>;

/** How a kind's rows are come by: inside their tenant, or as the platform. */
export interface Reach<At, Home extends Tenant | undefined> {
  open(tx: PlatformTransaction, tenant: string): Promise<{ readonly at: At; readonly home: Home }>;
  enter(tx: PlatformTransaction, tenantId: TenantId): Promise<At>;
  /** For a request that only reads. @param units transactions, where it takes one, or reads @param work gets the name of the request's tenant; the empty one on platform routes */
  read<T>(ctx: RequestContext, units: Reads, work: (at: At, tenant: string) => Promise<T>): Promise<T>;
  /** Where it takes a permission to read or write one, but for its project. @param tenantId the tenant that is read or written in */
  place(stored: StoredResource, tenantId: TenantId | undefined): Place;
}

/** The rows of a kind. */
export interface Rows<S extends StoredResource> {
  /** @param projects only what is in these */
  list(query: Selection, projects?: readonly ProjectId[]): Promise<Page<S>>;
  get(ref: string): Promise<S>;
  find(name: string): Promise<S | undefined>;
  insert(resource: S): Promise<void>;
  update(resource: S, expected: number): Promise<void>;
}

/** What a resource has of its own whatever its kind: of a new one, or of the one before with the manifest's labels and annotations. */
export type Base<K extends ManifestKind> = Omit<StoredResource, "id" | "spec"> & { readonly id: Id<FactsOf<K>["idPrefix"]> };

/** A change that is one kind's alone, whether it can be asked for or not. */
export type OwnChangeOf<K extends ManifestKind> = ActionOf<K> | Extract<Consequence, { readonly kind: K }>;

/** A change as its kind sees it. */
export interface KindChange<K extends ManifestKind> {
  readonly name: string;
  readonly tenant: string;
  readonly action: PlannedChange["action"];
  readonly draft: boolean;
  /** Of `publish`: it reaches nobody yet. */
  readonly held: boolean;
  /** Of `delete`: what it has is left where it is. */
  readonly forget: boolean;
  /** Of `apply`. */
  readonly manifest: ManifestOf<K> | undefined;
}

/** The instances that changes of a kind touch. */
export interface Touches {
  /** Names of tenants that have some, beside the changes' own. */
  readonly tenants: readonly string[];
  /** Those of one tenant, some at a time: they may be many, and large. */
  instances(scope: TenantTransaction, tenant: string): AsyncIterable<readonly Instance[]>;
}

/** How a kind is written, read and shown: what `defineKind` makes a `ResourceKind` of. */
export interface KindSpec<K extends ManifestKind, S extends StoredResource, At, Home extends Tenant | undefined> {
  rows(at: At): Rows<S>;
  /** The project that one is in, of a kind that is in projects. */
  project?(stored: S): ProjectId | undefined;
  /** The one that a change is about; by its name unless given. */
  find?(at: At, name: string, home: Home): Promise<S | undefined>;
  /** The resource as a manifest wants it. Whatever forbids it throws. */
  build(
    writer: Writer<At, Home>,
    manifest: ManifestOf<K>,
    before: S | undefined,
    base: Base<K>,
  ): Promise<{ readonly next: S; readonly reason?: string | undefined }>;
  /** A new generation of it, when its specification changed; counts one up unless given. */
  renew?(next: S): S;
  /** What else is written with it, once it is: answers what that changes of what the write came to. */
  settle?(writer: Writer<At, Home>, made: Made<S> & { readonly before: S | undefined; readonly after: S }): Promise<Partial<Made<S>>>;
  remove(writer: Writer<At, Home>, before: S): Promise<Made<S>>;
  /** Does one of the kind's own actions. */
  act?(writer: Writer<At, Home>, action: OwnChangeOf<K>, before: S): Promise<Made<S>>;
  /** As clients see them, secrets masked. @param tenant the tenant's name */
  present(at: At, stored: readonly S[], tenant: string): Promise<readonly ResourceOf<K>[]>;
  /** What is written before a change of it because that follows from it; nothing unless given. */
  consequences?(tx: PlatformTransaction, change: KindChange<K>): AsyncIterable<PlannedChange>;
  /** Which instances changes of it touch, asked before they are made; none unless given. */
  touches?(tx: PlatformTransaction, changes: readonly KindChange<K>[]): Promise<Touches>;
  /** The changes that applying a new one leads to, which are made later: a preview shows them, and they have to be allowed. */
  leadsTo?(writer: Omit<Writer<At, Home>, "change">, manifest: ManifestOf<K>): Promise<readonly PlannedChange[]>;
  /** What is done at once when a change of it is committed, beside waking the reconciler. */
  committed?(written: Written<S>): Promise<void>;
  readonly custom?: CustomSpec;
}

/** What is particular to a kind where it is a custom resource. */
export interface CustomSpec {
  /** The specification that it stands for, when it was written to this cluster. */
  specOf?(spec: object, cluster: string): object;
  /** Whether an annotation names its project. */
  readonly hasProject?: true;
  /** Whether others are written to a namespace of its name, which is made with it. */
  readonly isNamespace?: true;
}

/** A kind of resource, as everything that is the same for all kinds uses it. */
export interface AnyKind {
  readonly kind: ManifestKind;
  /** Makes one change in a transaction. @throws {ClawError} when it can't be made */
  write(tx: PlatformTransaction, change: PlannedChange, stamp: Stamp): Promise<Written>;
  /** What follows from a change of this kind and is written before it: some at a time, for it may be much. */
  consequences(tx: PlatformTransaction, change: PlannedChange): AsyncIterable<PlannedChange>;
  /** What a write of this kind left there, as clients see it; undefined when that is nothing. */
  presentWritten(tx: PlatformTransaction, written: Written): Promise<Resource | undefined>;
  /** The tenant's own of that name, as clients see it. */
  look(tx: PlatformTransaction, tenant: Tenant, name: string): Promise<Resource | undefined>;
  /** @param changes of whichever kinds: others' are left alone */
  touches(tx: PlatformTransaction, changes: readonly PlannedChange[]): Promise<Touches>;
  /** Whether applying one leads to anything. */
  readonly leads: boolean;
  /** What a change of this kind leads to, once it is made. */
  leadsTo(tx: PlatformTransaction, change: PlannedChange, stamp: Stamp): Promise<readonly PlannedChange[]>;
  /** @param written a write of whichever kind: others' are left alone */
  committed(written: Written): Promise<void>;
  readonly custom: CustomSpec;
}

/** A kind of resource, for those who know which. */
export interface ResourceKind<K extends ManifestKind, S extends StoredResource> extends AnyKind {
  readonly kind: K;
  /** A write of this kind, with its resources' type. @throws {TypeError} for another's */
  own(written: Written): Written<S>;
  presentWritten(tx: PlatformTransaction, written: Written): Promise<ResourceOf<K> | undefined>;
  /** The page that a request asks for. */
  list(ctx: RequestContext, transactions: Transactions, query: Selection): Promise<{ items: ResourceOf<K>[]; nextCursor?: string }>;
  /** One that may be seen, and that the route's permission is had for. @throws {ClawError} `<area>.not_found`, `auth.forbidden` */
  get(ctx: RequestContext, transactions: Transactions, ref: string): Promise<S>;
  /** Reads one and shows it. @throws {ClawError} `<area>.not_found` */
  show(ctx: RequestContext, transactions: Transactions, ref: string): Promise<ResourceOf<K>>;
}
