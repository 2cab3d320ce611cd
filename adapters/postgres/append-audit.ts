import type { EntityManager } from "typeorm";
import { type AuditHead, type AuditRecord, auditHeadText, PLATFORM_CHAIN } from "../../sdk/contract/index.ts";
import type { AuditSigner } from "../../service/application/ports/audit/audit-signer.ts";
import { CONTROL_PLANE } from "../../service/domain/access/actor.ts";
import {
  type AuditEntry,
  BROKEN,
  type ChainId,
  emptyHead,
  entryOf,
  extended,
  GENESIS,
  OPENED,
  type Position,
  type UnsignedHead,
} from "../../service/domain/audit/chain.ts";

type Heads = Map<ChainId, UnsignedHead>;

/**
 * Puts a transaction's records at the end of their chains. A chain is locked from here to the commit, so whoever appends next sees these: chains never fork,
 * and their order is that of commits. Nothing is locked after this, and chains in the order of their names.
 */
export async function appendAudit(manager: EntityManager, pending: Pending, signer: AuditSigner): Promise<void> {
  const now = new Date().toISOString();
  const entries = new Map(pending.entries);
  const heads: Heads = new Map();
  const have = async (chains: readonly ChainId[]) => {
    for (const [chain, found] of await lock(manager, chains)) {
      const isSound = isSoundEnd(found, signer);
      heads.set(chain, isSound ? found.head : brokenEnd(found));
      if (!isSound) {
        assertNothingGoes(chain, pending);
        const told = entryOf({ time: now, by: CONTROL_PLANE, action: BROKEN, resource: { kind: "AuditLog", name: chain, uid: chain } });
        entries.set(chain, [told, ...(entries.get(chain) ?? [])]);
      }
    }
  };
  await have([...pending.entries.keys()]);
  const missing = [...pending.entries.keys()].filter((chain) => !heads.has(chain));
  if (missing.length > 0) {
    await open(manager, missing, { heads, entries, have, now });
  }
  const grown = [...entries].map(([chain, added]) => {
    const head = heads.get(chain) ?? emptyHead(chain, now, 0);
    return { chain, ...extended({ ...head, start: pending.starts.get(chain) ?? head.start }, added, now) };
  });
  await write(
    manager,
    grown.map(({ head }) => ({ ...head, signature: signer.sign(auditHeadText(head)) })),
    grown.flatMap(({ chain, records }) => records.map((record) => ({ chain, record }))),
  );
  for (const chain of pending.starts.keys()) {
    await manager.query(`select remove_audit_records($1)`, [chain]);
  }
}

/** What a transaction puts on record. */
interface Pending {
  readonly entries: ReadonlyMap<ChainId, readonly AuditEntry[]>;
  /** Chains that start behind one of their records from now on. */
  readonly starts: ReadonlyMap<ChainId, Position>;
}

/** What was broken stays to be found. */
function assertNothingGoes(chain: ChainId, { starts }: Pending): void {
  if (starts.has(chain)) {
    throw new Error(`records of the chain ${chain} were to be removed, whose end is not as it was signed`);
  }
}

/** The end of a chain as it is stored. */
interface StoredEnd {
  readonly head: UnsignedHead;
  readonly signature: string;
  /** The newest record that there is, whatever the head says. */
  readonly newest: number;
}

/** Whether the end is the one that was signed: the service never signs what comes after something that it did not. */
function isSoundEnd({ head, signature, newest }: StoredEnd, signer: AuditSigner): boolean {
  const isNew = signature === "" && head.opened === 0 && head.sequence === 0;
  return newest <= head.sequence && (isNew || signer.verify(auditHeadText(head), signature));
}

/** Work goes on behind what somebody has broken, and no record there follows the ones before: the break stays to be found. */
function brokenEnd({ head, newest }: StoredEnd): UnsignedHead {
  return { ...head, sequence: Math.max(head.sequence, newest), hash: GENESIS, opened: Math.max(head.opened, 1) };
}

/** The ends of chains, for the transaction to go on from. What is not there is left out. */
async function lock(manager: EntityManager, chains: readonly ChainId[]): Promise<Map<ChainId, StoredEnd>> {
  const rows = await manager.query<{ tenant_id: ChainId; head: AuditHead; newest: string | null }[]>(
    `select c.tenant_id, c.head, (select max(r.sequence) from audit_records r where r.tenant_id = c.tenant_id) as newest
     from audit_chains c where c.tenant_id = any($1::text[]) order by c.tenant_id for update of c`,
    [chains],
  );
  return new Map(
    rows.map(({ tenant_id, head: { signature, ...head }, newest }) => [tenant_id, { head, signature, newest: Number(newest ?? 0) }]),
  );
}

interface Opening {
  readonly heads: Heads;
  readonly entries: Map<ChainId, readonly AuditEntry[]>;
  /** Locks chains. */
  readonly have: (chains: readonly ChainId[]) => Promise<void>;
  readonly now: string;
}

/** Begins chains, on record in the platform's. It is had first, so that of two who begin the same one the other waits there, holding nothing. */
async function open(manager: EntityManager, missing: readonly ChainId[], { heads, entries, have, now }: Opening): Promise<void> {
  const begin = async (chains: readonly ChainId[]) => {
    const empty = chains.map((chain) => JSON.stringify({ ...emptyHead(chain, now, 0), signature: "" }));
    await manager.query(
      `insert into audit_chains (tenant_id, head, start) select tenant_id, head, 0 from unnest($1::text[], $2::json[]) as c (tenant_id, head)
       order by tenant_id on conflict do nothing`,
      [chains, empty],
    );
    await have(chains);
  };
  await have([PLATFORM_CHAIN]);
  if (!heads.has(PLATFORM_CHAIN)) {
    await begin([PLATFORM_CHAIN]);
  }
  await begin(missing.filter((chain) => chain !== PLATFORM_CHAIN));
  const root = heads.get(PLATFORM_CHAIN);
  // Those that nobody else has begun meanwhile: the platform's first.
  const begun = [...heads].filter(([, { opened }]) => opened === 0).sort(([a], [b]) => (a < b ? -1 : 1));
  const told = entries.get(PLATFORM_CHAIN) ?? [];
  const before = told.filter(({ action }) => action === BROKEN);
  for (const [index, [chain, head]] of begun.entries()) {
    heads.set(chain, { ...head, opened: (root?.sequence ?? 0) + before.length + index + 1 });
  }
  const openings = begun.map(([chain]) =>
    entryOf({ time: now, by: CONTROL_PLANE, action: OPENED, resource: { kind: "AuditLog", name: chain, uid: chain } }),
  );
  entries.set(PLATFORM_CHAIN, [...before, ...openings, ...told.filter(({ action }) => action !== BROKEN)]);
}

async function write(
  manager: EntityManager,
  heads: readonly AuditHead[],
  added: readonly { readonly chain: ChainId; readonly record: AuditRecord }[],
): Promise<void> {
  await manager.query(
    `with added as (
       insert into audit_records (tenant_id, sequence, record)
       select tenant_id, sequence, record from unnest($1::text[], $2::bigint[], $3::json[]) as r (tenant_id, sequence, record))
     update audit_chains c set head = h.head from unnest($4::text[], $5::json[]) as h (tenant_id, head) where c.tenant_id = h.tenant_id`,
    [
      added.map(({ chain }) => chain),
      added.map(({ record }) => record.sequence),
      added.map(({ record }) => JSON.stringify(record)),
      heads.map(({ chain }) => chain),
      heads.map((head) => JSON.stringify(head)),
    ],
  );
}
