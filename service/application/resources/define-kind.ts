import {
  ClawError,
  type FactsOf,
  factsOf,
  kindOfAction,
  type ManifestKind,
  type ManifestOf,
  newId,
  type ResourceOf,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import { allows, type Place, projectsThatAllow } from "../../domain/access/grants.ts";
import { changedResource, changeKey, forgets, isConsequence, type PlannedChange } from "../../domain/change.ts";
import { digestOf } from "../../domain/digest.ts";
import type { StoredResource } from "../../domain/resource.ts";
import type { Tenant } from "../../domain/tenancy/tenant.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import { assertExpected } from "./expectations.ts";
import type { Base, KindChange, KindSpec, Made, OwnChangeOf, Reach, ResourceKind, Stamp, Touches, Writer, Written } from "./kind.ts";
import { absent, assertAllows, hidden, permissionOf } from "./permitted.ts";
import type { RequestContext } from "./route-handlers.ts";
import { tenantIn } from "./tenant-in.ts";

/** Resources inside a tenant. */
export const ofTenant: Reach<TenantTransaction, Tenant> = {
  async open(tx, name) {
    const home = await tx.tenants.get(name);
    return { home, at: await tx.enter(home.id) };
  },
  enter: (tx, tenantId) => tx.enter(tenantId),
  read: (ctx, units, work) => {
    const { id, name } = tenantIn(ctx);
    return units.tenant(id, (tx) => work(tx, name));
  },
  // What another tenant shares is seen through one's own.
  place: (_stored, tenantId) => ({ tenantId }),
};

/** Resources of the platform. */
export const ofPlatform: Reach<PlatformTransaction, Tenant | undefined> = {
  open: async (tx, name) => ({ at: tx, home: await tx.tenants.find(name) }),
  enter: async (tx) => tx,
  read: (_ctx, units, work) => units.platform((tx) => work(tx, "")),
  place: () => ({}),
};

/** Tenants: kept by the platform, and each the place of what may be done with it. */
export const ofItself: Reach<PlatformTransaction, Tenant | undefined> = {
  ...ofPlatform,
  place: ({ id }) => ({ tenantId: id as TenantId }),
};

/** Makes a kind of what is its own: everything that all kinds do alike is here. */
export function defineKind<K extends ManifestKind, S extends StoredResource & Pick<Base<K>, "id">, At, Home extends Tenant | undefined>(
  { kind, access }: FactsOf<K>,
  reach: Reach<At, Home>,
  spec: KindSpec<K, S, At, Home>,
): ResourceKind<K, S> {
  const find = (at: At, name: string, home: Home) => (spec.find ? spec.find(at, name, home) : spec.rows(at).find(name));
  const presentOne = async (at: At, stored: S, tenant: string): Promise<ResourceOf<K>> => {
    const [shown] = await spec.present(at, [stored], tenant);
    if (!shown) {
      throw new Error(`a ${kind} is not shown`);
    }
    return shown;
  };

  const placeOf = (stored: S, tenantId: TenantId | undefined): Place => ({
    ...reach.place(stored, tenantId),
    ...(spec.project && { project: spec.project(stored) }),
  });
  /** What may not be seen is as if it were not there. */
  const seen = (ctx: RequestContext, stored: S): S => {
    const place = placeOf(stored, ctx.tenant?.id);
    if (!allows(ctx.actor.grants, access.read, place)) {
      throw absent(kind, stored.name);
    }
    assertAllows(ctx.actor, ctx.permission ?? access.read, place);
    return stored;
  };
  const read = async (ctx: RequestContext, at: At, ref: string): Promise<S> => {
    const isLimited = projectsThatAllow(ctx.actor.grants, access.read) !== undefined;
    const stored = await spec
      .rows(at)
      .get(ref)
      .catch((error: unknown) => {
        // Which name was meant, of all that there are, is not for everybody.
        throw isLimited && error instanceof ClawError && error.status === 404 ? absent(kind, ref) : error;
      });
    return seen(ctx, stored);
  };
  const assertMayChange = ({ actor }: Stamp, change: PlannedChange, stored: S, tenantId: TenantId | undefined): void => {
    if (isConsequence(change)) {
      return;
    }
    const place = placeOf(stored, tenantId);
    if (!allows(actor.grants, access.read, place)) {
      throw change.action === "apply" ? hidden(kind, stored.name) : absent(kind, stored.name);
    }
    assertAllows(actor, permissionOf(change), place);
  };

  const apply = async (writer: Writer<At, Home>, manifest: ManifestOf<K>, before: S | undefined): Promise<Made<S>> => {
    const { next, ...about } = await spec.build(writer, manifest, before, baseOf(kind, writer, manifest, before));
    const made = before ? revised(before, next, writer.stamp.now, spec.renew ?? countedUp) : { op: "create" as const, after: next };
    if (!before) {
      await spec.rows(writer.at).insert(next);
    } else if (made.op === "update") {
      await spec.rows(writer.at).update(made.after, before.resourceVersion);
    }
    return { ...made, ...about, ...(await spec.settle?.(writer, { ...made, before })) };
  };

  const make = (writer: Writer<At, Home>, before: S | undefined): Promise<Made<S>> => {
    const { change } = writer;
    if (change.action === "apply" && isOfKind(kind, change.manifest)) {
      return apply(writer, change.manifest, before);
    }
    if (before && change.action === "delete") {
      return spec.remove(writer, before);
    }
    if (before && spec.act && isActionOf(kind, change)) {
      return spec.act(writer, change, before);
    }
    throw new TypeError(`a ${kind} can't be written by '${change.action}'`);
  };

  const owns = (written: Written): written is Written<S> => written.kind === kind;
  const own = (written: Written): Written<S> => {
    if (!owns(written)) {
      throw new TypeError(`a write of ${written.kind} '${written.name}' is taken for one of a ${kind}`);
    }
    return written;
  };

  return {
    kind,
    own,
    async write(tx, change, stamp) {
      const { name } = changedResource(change);
      const { at, home } = await reach.open(tx, change.tenant);
      const before = await find(at, name, home);
      if (before) {
        assertMayChange(stamp, change, before, home?.id);
      }
      assertExpected(change, before, stamp);
      const made = await make({ tx, at, home, change, stamp }, before);
      if (made.after) {
        assertMayChange(stamp, change, made.after, home?.id);
      }
      // A tenant that was just created is its own home.
      const { id: tenantId, name: tenant } = home ?? (await tx.tenants.get(change.tenant));
      return { kind, name, change, tenantId, tenant, before, ...made };
    },
    list: (ctx, { reads }, query) =>
      reach.read(ctx, reads, async (at, tenant) => {
        const projects = spec.project && projectsThatAllow(ctx.actor.grants, access.read);
        const page = await spec.rows(at).list(query, projects);
        return { ...page, items: [...(await spec.present(at, page.items, tenant))] };
      }),
    get: (ctx, { reads }, ref) => reach.read(ctx, reads, (at) => read(ctx, at, ref)),
    show: (ctx, { reads }, ref) => reach.read(ctx, reads, async (at, tenant) => presentOne(at, await read(ctx, at, ref), tenant)),
    async presentWritten(tx, written) {
      const { after, tenantId, tenant } = own(written);
      return after && presentOne(await reach.enter(tx, tenantId), after, tenant);
    },
    async look(tx, tenant, name) {
      const { at, home } = await reach.open(tx, tenant.name);
      const stored = await find(at, name, home);
      return stored && presentOne(at, stored, tenant.name);
    },
    async *consequences(tx, change) {
      if (spec.consequences) {
        yield* spec.consequences(tx, asKindChange(kind, change));
      }
    },
    async touches(tx, changes) {
      const own = changes.filter((change) => changedResource(change).kind === kind).map((change) => asKindChange(kind, change));
      return own.length > 0 && spec.touches ? spec.touches(tx, own) : UNTOUCHED;
    },
    leads: spec.leadsTo !== undefined,
    async leadsTo(tx, change, stamp) {
      if (!spec.leadsTo || change.action !== "apply" || !isOfKind(kind, change.manifest)) {
        return [];
      }
      const { at, home } = await reach.open(tx, change.tenant);
      const before = await find(at, change.manifest.metadata.name, home);
      return before ? [] : (await spec.leadsTo({ tx, at, home, stamp }, change.manifest)).map((next) => ({ ...next, later: true }));
    },
    async committed(written) {
      if (owns(written)) {
        await spec.committed?.(written);
      }
    },
    custom: spec.custom ?? {},
  };
}

function isOfKind<K extends ManifestKind>(kind: K, manifest: { readonly kind: ManifestKind }): manifest is ManifestOf<K> {
  return manifest.kind === kind;
}

function isActionOf<K extends ManifestKind>(kind: K, change: PlannedChange): change is PlannedChange & OwnChangeOf<K> {
  if (isConsequence(change)) {
    return change.kind === kind;
  }
  return change.action !== "apply" && change.action !== "delete" && kindOfAction(change.action) === kind;
}

function asKindChange<K extends ManifestKind>(kind: K, change: PlannedChange): KindChange<K> {
  const manifest = change.action === "apply" && isOfKind(kind, change.manifest) ? change.manifest : undefined;
  const forget = forgets(change);
  return {
    name: changedResource(change).name,
    tenant: change.tenant,
    action: change.action,
    draft: change.draft ?? false,
    held: change.action === "publish" && change.hold === true,
    forget,
    manifest,
  };
}

const UNTOUCHED: Touches = { tenants: [], async *instances() {} };

function baseOf<K extends ManifestKind>(
  kind: K,
  { change, stamp }: Pick<Writer<unknown, Tenant | undefined>, "change" | "stamp">,
  { metadata }: ManifestOf<K>,
  before: (StoredResource & Pick<Base<K>, "id">) | undefined,
): Base<K> {
  // Labels and annotations that the manifest does not speak of are kept.
  const labels = metadata.labels ?? before?.labels ?? {};
  const annotations = metadata.annotations ?? before?.annotations ?? {};
  if (before) {
    const { id, name, generation, resourceVersion, createdAt, updatedAt } = before;
    return { id, name, labels, annotations, generation, resourceVersion, createdAt, updatedAt };
  }
  const times = { createdAt: stamp.now, updatedAt: stamp.now };
  return {
    id: idOf(kind, changeKey(change), stamp),
    name: metadata.name,
    labels,
    annotations,
    generation: 1,
    resourceVersion: 1,
    ...times,
  };
}

/** The id of a new resource: the one that its preview had, when it had one. @param key as `changeKey` has it */
export function idOf<K extends ManifestKind>(kind: K, key: string, stamp: Stamp): Base<K>["id"] {
  // A plan keeps the ids of its creations as plain strings.
  const id = (stamp.ids[key] ?? newId(factsOf(kind).idPrefix)) as Base<K>["id"];
  stamp.ids[key] = id;
  return id;
}

/** The next state of a resource, or `same` when nothing differs. */
function revised<S extends StoredResource>(
  before: S,
  next: S,
  now: string,
  renew: (next: S) => S,
): { readonly op: "update" | "same"; readonly after: S } {
  const isSpecChanged = digestOf(before.spec) !== digestOf(next.spec);
  if (!isSpecChanged && digestOf([before.labels, before.annotations]) === digestOf([next.labels, next.annotations])) {
    return { op: "same", after: before };
  }
  return { op: "update", after: { ...(isSpecChanged ? renew(next) : next), resourceVersion: before.resourceVersion + 1, updatedAt: now } };
}

function countedUp<S extends StoredResource>(next: S): S {
  return { ...next, generation: next.generation + 1 };
}

/** What removing one comes to when its row goes at once. */
export const REMOVED = { op: "delete", after: undefined } as const;
