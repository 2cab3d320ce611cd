import { type AuditOrigin, ClawError, type TenantId } from "../../../sdk/contract/index.ts";
import {
  type Actor,
  adminEntries,
  administrator,
  adminKey,
  type Credential,
  isReserved,
  serviceAccountSubject,
  subjectKey,
  userKeys,
} from "../../domain/access/actor.ts";
import { type BoundRole, grantsOf } from "../../domain/access/grants.ts";
import { senderOf } from "../../domain/access/sender-of.ts";
import { isLive, isSessionKey, keyEndOf, type SessionRow } from "../../domain/access/session.ts";
import { digestToken, isSigned, isWellFormed, PLACES_MAX } from "../../domain/access/tokens.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import type { VisitHolder } from "../../domain/instances/visit.ts";
import type { Tenant } from "../../domain/tenancy/tenant.ts";
import type { Identity, IdentityProviders } from "../ports/access/identity-providers.ts";
import type { Bearer, Standing, TokenBearer } from "../ports/access/repositories.ts";
import type { PlatformTransaction, Transactions } from "../ports/transactions.ts";

/** That a token was used is written down this often. */
const USED_EVERY_MS = 60_000;

/** Who asks, and in which tenant, where that is known by now. */
export interface Admitted {
  readonly actor: Actor;
  readonly tenant: Pick<Tenant, "id" | "name"> | undefined;
}

/** Finds out who asks and what they may do, for every request anew: what is revoked or taken back is refused from then on. */
export interface Access {
  /**
   * Who holds a token; undefined when nobody does. @param named the tenant that is asked about; the token's own otherwise. One that is not there,
   * or where its holder has nothing to do, is not answered @param from where it is used: a service account's from a new place is put on record
   */
  authenticate(token: string, named: string | undefined, from?: AuditOrigin): Promise<Admitted | undefined>;
  /** Whether whoever was let in by that credential would be now; a session's tokens may have been renewed meanwhile. @param token what they showed */
  again(credential: Credential | undefined, token: string, named: string | undefined): Promise<Admitted | undefined>;
  /** Whoever a visit is by leave of, as long as that would be let in now. */
  byLeave(holder: VisitHolder, named: string): Promise<Admitted | undefined>;
  /** The actor in the tenant that is named, or in its own; without a tenant for actors of the platform that name none. @throws {ClawError} `tenant.not_found` */
  enter(actor: Actor, named: string | undefined): Promise<Admitted>;
}

interface AccessDependencies {
  readonly transactions: Transactions;
  readonly clock: () => Date;
  /** Whose signed tokens are taken beside our own. */
  readonly providers?: IdentityProviders | undefined;
}

export function createAccess({ transactions, clock, providers }: AccessDependencies): Access {
  /** Who holds one of our own tokens, by its digest. */
  const holderOf = async (reading: PlatformTransaction, digest: string, from?: AuditOrigin): Promise<Actor | Anybody | undefined> => {
    const now = clock();
    const bearer = await reading.access.bearer(digest, now.toISOString());
    if (bearer && "id" in bearer) {
      await noteUse(bearer, from, now, transactions);
    }
    return bearer && actorOf(bearer, digest);
  };
  /** Who was signed in by a provider, as long as that is one of ours. */
  const visitorOf = (holder: Pick<Identity, "issuer" | "name" | "groups">) =>
    providers?.trusts(holder.issuer) ? userOf(holder) : undefined;
  /** Whose a session is, as long as what it was opened with holds. */
  const guestOf = async (reading: PlatformTransaction, session: SessionRow | undefined, from?: AuditOrigin) => {
    const now = clock();
    // Whoever renews its tokens no more has lost it, or somebody else has them.
    if (!session || !isLive(session, now) || now.toISOString() >= keyEndOf(session)) {
      return undefined;
    }
    const { holder, id } = session;
    const somebody = "name" in holder ? visitorOf(holder) : await holderOf(reading, holder.tokenDigest, from);
    if (somebody && isOld(session.lastUsedAt, now)) {
      await transactions.platform((tx) => tx.sessions.used(id, now.toISOString()));
    }
    return (
      somebody && {
        ...somebody,
        credential: { kind: "session" as const, id, digest: "tokenDigest" in holder ? holder.tokenDigest : undefined },
      }
    );
  };
  const authenticate: Access["authenticate"] = async (token, named, from) => {
    if (!isWellFormed(token)) {
      return undefined;
    }
    const identity = isSigned(token) ? await providers?.verify(token) : undefined;
    return transactions.reads.platform(async (reading) => {
      const somebody = identity ? nobodyReserved(identity) : await bearerOf(reading, token, from);
      return somebody && admit(reading, somebody, named);
    });
  };
  const bearerOf = async (reading: PlatformTransaction, token: string, from: AuditOrigin | undefined) => {
    const digest = digestToken(token);
    if (!isSessionKey(token)) {
      return holderOf(reading, digest, from);
    }
    return guestOf(reading, await reading.sessions.byKey(digest), from);
  };
  return {
    authenticate,
    again: async (credential, token, named) =>
      credential?.kind !== "session"
        ? authenticate(token, named)
        : transactions.reads.platform(async (reading) => {
            const somebody = await guestOf(reading, await reading.sessions.find(credential.id));
            return somebody && admit(reading, somebody, named);
          }),
    byLeave: (holder, named) =>
      transactions.reads.platform(async (reading) => {
        const somebody =
          "session" in holder
            ? await guestOf(reading, await reading.sessions.find(holder.session))
            : "tokenDigest" in holder
              ? await holderOf(reading, holder.tokenDigest)
              : visitorOf(holder);
        return somebody && admit(reading, somebody, named);
      }),
    enter: (actor, named) =>
      transactions.reads.platform(async (tx) => {
        const admitted = await admit(tx, actor, named);
        const wanted = named ?? actor.tenantId;
        if (wanted !== undefined && !admitted.tenant) {
          // Another's is as if it did not exist.
          throw new ClawError("tenant.not_found", `there is no tenant '${wanted}'`);
        }
        return admitted;
      }),
  };
}

/** Writes down that a token was used, from time to time; and where, at once when it is a new place, which is put on record. */
async function noteUse(bearer: TokenBearer, from: AuditOrigin | undefined, now: Date, transactions: Transactions): Promise<void> {
  const place = from?.address === undefined ? undefined : senderOf(from.address);
  const isDue = isOld(bearer.lastUsedAt, now);
  // One that is used from everywhere makes a record a minute at most.
  const isNew = place !== undefined && !bearer.places.includes(place) && bearer.places.length < PLACES_MAX;
  if (!isDue && !isNew) {
    return;
  }
  await transactions.platform(async (tx) => {
    const { id, name, tenant, tenantId, serviceAccount, places } = bearer;
    // Of two requests that come at once one is the first.
    if (await tx.access.used(id, now.toISOString(), place)) {
      const by = { subject: serviceAccountSubject(tenant, serviceAccount), ...(from && { from }) };
      const details = { serviceAccount, places: places.length === 0 ? "the first one" : `${places.length} others are known` };
      const resource = { kind: "Token", name, uid: id, tenant };
      (await tx.enter(tenantId)).audit.append(entryOf({ time: now.toISOString(), by, action: "token.new-place", resource, details }));
    }
  });
}

type Anybody = Omit<Actor, "grants" | "platform">;

/** That something was used is written down now and then only. */
function isOld(lastUsedAt: string | undefined, now: Date): boolean {
  return now.getTime() - Date.parse(lastUsedAt ?? "1970-01-01") > USED_EVERY_MS;
}

function nobodyReserved(identity: Identity): Anybody | undefined {
  const { issuer, until } = identity;
  return isReserved(identity.name) ? undefined : { ...userOf(identity), credential: { kind: "identity", issuer, until } };
}

function actorOf(bearer: Bearer, digest: string): Actor | Anybody {
  if ("administrator" in bearer) {
    return { ...administrator(bearer.administrator), credential: { kind: "token", digest, until: undefined } };
  }
  const { tenant, tenantId, serviceAccount, scopes, expiresAt } = bearer;
  const key = subjectKey({ kind: "ServiceAccount", name: serviceAccount }, tenant);
  const credential = { kind: "token" as const, digest, until: expiresAt };
  return { subject: serviceAccountSubject(tenant, serviceAccount), groups: [], keys: [key], tenantId, scopes, credential };
}

function userOf({ name, groups }: Pick<Identity, "name" | "groups">): Anybody {
  return { subject: name, groups, keys: userKeys({ name, groups }), tenantId: undefined };
}

async function admit(tx: PlatformTransaction, actor: Actor | Anybody, named: string | undefined): Promise<Admitted> {
  const wanted = named ?? actor.tenantId ?? (await onlyTenant(tx, actor));
  const standing = await tx.access.standing(actor.keys, wanted);
  const granted = withGrants(actor, standing);
  const { tenant } = standing;
  const mayEnter = tenant && (granted.platform || tenant.id === granted.tenantId || hasAny(granted, tenant.id));
  return { actor: granted, tenant: mayEnter ? tenant : undefined };
}

/** Who is named in one tenant alone need not say which. */
async function onlyTenant(tx: PlatformTransaction, { keys }: Actor | Anybody): Promise<string | undefined> {
  if (keys.length === 0) {
    return undefined;
  }
  const [first, ...others] = await tx.access.tenantsOf(keys, adminEntries(keys));
  return others.length === 0 ? first : undefined;
}

/** What somebody may do in a tenant, and on the platform. */
export function withGrants(actor: Actor | Anybody, { tenant, roles }: Standing): Actor {
  // Who may do everything is named by no binding.
  if (actor.keys.length === 0 && "grants" in actor) {
    return actor;
  }
  const isAdmin = tenant?.spec.admins.some((entry) => actor.keys.includes(adminKey(entry, tenant.name)));
  const grants = grantsOf(isAdmin ? [...roles, TENANT_ADMIN] : roles, tenant?.id, actor.scopes);
  return { ...actor, grants, platform: grants.platform.size > 0 };
}

const TENANT_ADMIN: BoundRole = { at: "tenant", role: "tenant-admin", permissions: undefined };

function hasAny({ grants }: Actor, tenantId: TenantId): boolean {
  return grants.tenantId === tenantId && (grants.tenant.size > 0 || [...grants.projects.values()].some((given) => given.size > 0));
}
