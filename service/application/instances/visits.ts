import { randomBytes } from "node:crypto";
import { ClawError, type ClawInstance, type InstanceId, newId, type Permission } from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { digestToken } from "../../domain/access/tokens.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import {
  goesOn,
  isUseDue,
  leaveOf,
  originLabel,
  TICKET_MS,
  VISITS_MAX,
  type Visit,
  type VisitHolder,
} from "../../domain/instances/visit.ts";
import type { InstanceAddress } from "../ports/runtimes/runtime.ts";
import type { Transactions } from "../ports/transactions.ts";
import type { RequestContext } from "../resources/route-handlers.ts";
import type { Entered } from "./entries.ts";

/** Where instances' origins are: `https://*.claws.example.com`. */
export interface InstanceOrigins {
  /** What is behind the instance's own part of the host's name. */
  readonly domain: string;
  urlOf(label: string): string;
}

/** The path at every instance's origin that is not the claw's: a ticket is behind it. */
export const ENTRANCE = "/~claw/open/";
const SECRET_BYTES = 32;

interface LinkDependencies {
  readonly transactions: Transactions;
  readonly clock: () => Date;
  readonly origins: InstanceOrigins | undefined;
}

/** Makes a link that lets one browser in at an instance's origin, and puts on record who asked for it. */
export async function makeLink(
  actor: Actor,
  { tenantId, tenant, uid, name }: Entered,
  path: string,
  { transactions, clock, origins }: LinkDependencies,
): Promise<{ url: string; expiresAt: string }> {
  if (!origins) {
    throw new ClawError(
      "instance.no_origin",
      "instances have no addresses of their own here: set CLAW_INSTANCE_ORIGINS, or use 'claw connect'",
    );
  }
  const now = clock();
  const at = now.toISOString();
  const leave = leaveOf(actor, now);
  if (!leave) {
    throw new ClawError("auth.forbidden", "a link is made for who signs in: call with a token");
  }
  const ticket = randomBytes(SECRET_BYTES).toString("base64url");
  const label = originLabel({ name, uid });
  const common = { id: newId("vis", now.getTime()), tenantId, instanceId: uid, label, subject: actor.subject };
  await transactions.platform(async (tx) => {
    await tx.visits.trim(actor.subject, VISITS_MAX - 1, at);
    await tx.visits.insert({ ...common, ...leave, createdAt: at, lastUsedAt: at }, digestToken(ticket));
    const resource = { kind: "ClawInstance", name, uid, tenant };
    (await tx.enter(tenantId)).audit.append(entryOf({ time: at, by: actor, action: "instance.open", resource }));
  });
  return {
    url: `${origins.urlOf(label)}${ENTRANCE}${ticket}${path === "/" ? "" : `?${new URLSearchParams({ to: path })}`}`,
    expiresAt: new Date(now.getTime() + TICKET_MS).toISOString(),
  };
}

interface VisitDependencies {
  readonly transactions: Transactions;
  readonly clock: () => Date;
  /** Who visits are by leave of, and what of a tenant they see. */
  readonly access: { byLeave(holder: VisitHolder, named: string): Promise<Pick<RequestContext, "actor" | "tenant"> | undefined> };
  readonly targetOf: (ctx: RequestContext, id: string, permission: Permission) => Promise<ClawInstance>;
}

/** A visit that goes on: who it is, and where. */
export interface Visitor {
  readonly visit: Visit;
  readonly actor: Actor;
  readonly address: InstanceAddress & Entered;
}

/** Browsers at instances' origins. */
export interface Visits {
  /** Spends a link's ticket. @returns what the browser brings from then on; undefined of one that is spent, late, or another host's */
  begin(label: string, ticket: string): Promise<{ readonly key: string; readonly visit: Visit } | undefined>;
  /** Who visits, as long as their right holds; undefined of nobody, whyever. */
  visitor(label: string, key: string): Promise<Visitor | undefined>;
}

export function createVisits({ transactions, clock, access, targetOf }: VisitDependencies): Visits {
  return {
    async begin(label, ticket) {
      const now = clock();
      const since = new Date(now.getTime() - TICKET_MS).toISOString();
      const key = randomBytes(SECRET_BYTES).toString("base64url");
      const digests = { ticketDigest: digestToken(ticket), keyDigest: digestToken(key) };
      const visit = await transactions.platform((tx) => tx.visits.begin({ ...digests, label, now: now.toISOString(), since }));
      return visit && { key, visit };
    },
    async visitor(label, key) {
      const now = clock();
      const visit = await transactions.reads.platform((tx) => tx.visits.byKey(digestToken(key), label));
      if (!visit || !goesOn(visit, now)) {
        return undefined;
      }
      const { id, tenantId, instanceId } = visit;
      const admitted = await access.byLeave(visit.holder, tenantId);
      if (!admitted?.tenant) {
        return undefined;
      }
      const { actor, tenant } = admitted;
      const ctx = { actor, tenant, requestId: id, ifMatch: undefined };
      const { metadata, spec, status } = await targetOf(ctx, instanceId, "instances.connect");
      if (isUseDue(visit, now)) {
        await transactions.platform((tx) => tx.visits.used(id, now.toISOString()));
      }
      const { uid, name } = metadata;
      const place = { running: spec.running, cluster: status.cluster, pod: status.pod?.name };
      return { visit, actor, address: { uid: uid as InstanceId, name, tenant: tenant.name, tenantId, ...place } };
    },
  };
}
