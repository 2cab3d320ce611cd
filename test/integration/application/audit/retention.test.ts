import { pino } from "pino";
import { describe, it } from "vitest";
import { type AuditRecord, auditHeadText, PLATFORM_CHAIN, type TenantId } from "../../../../sdk/contract/index.ts";
import { removeOld } from "../../../../service/application/audit/remove-old.ts";
import { removeOldRecordings } from "../../../../service/application/recordings/remove-old.ts";
import { type ChainId, entryOf, hashOf } from "../../../../service/domain/audit/chain.ts";
import { startAuditKeeper } from "../../../../service/workers/audit-keeper.ts";
import { anApplication } from "../../../support/application.ts";
import { aTenant } from "../../../support/builders/manifests.ts";
import { storeTenant, uniqueName } from "../../../support/builders/tenancy.ts";
import { collect } from "../../../support/collect.ts";
import { testSigner } from "../../../support/postgres.ts";
import { eventually } from "../../../support/service.ts";

const app = await anApplication();
const admin = app.admin();
const { pool, transactions } = app.database;
const DAY_MS = 86_400_000;
const deps = { transactions, auditSigner: testSigner, clock: () => new Date() };

/** A tenant whose records go back in time, one a day from 41 days ago, the newest `young` of them of now. */
async function aChain({ old = 50, young = 3, retentionDays }: { old?: number; young?: number; retentionDays?: number } = {}) {
  const spec = { quota: {}, policies: [], admins: [], ...(retentionDays && { auditRetentionDays: retentionDays }) };
  const { tenant } = await storeTenant(transactions, { name: uniqueName("acme"), spec });
  const { id, name } = tenant;
  await append(id, old, (index) => new Date(Date.now() - (old - index + 40) * DAY_MS));
  await append(id, young, () => new Date());
  return { id, claw: app.admin(name) };
}

function append(id: TenantId, count: number, timeOf: (index: number) => Date): Promise<void> {
  return transactions.tenant(id, async (tx) => {
    for (let index = 0; index < count; index++) {
      tx.audit.append(entryOf({ time: timeOf(index).toISOString(), by: { subject: "somebody" }, action: "test.write" }));
    }
  });
}

/** The platform's records as if they were written long ago: as its service would have signed them. */
async function agePlatform(days: number): Promise<void> {
  const log = await transactions.platform(async (tx) => {
    const chain = tx.auditChains.of(PLATFORM_CHAIN);
    const head = await chain.head();
    return head && { head, records: await chain.following(head.start.sequence, 1000) };
  });
  if (log) {
    let { hash } = log.head.start;
    for (const { hash: _, ...record } of log.records) {
      const aged = { ...record, time: new Date(Date.parse(record.time) - days * DAY_MS).toISOString() };
      hash = hashOf(hash, aged);
      await sql(`update audit_records set record = $3 where tenant_id = $1 and sequence = $2`, PLATFORM_CHAIN, record.sequence, {
        ...aged,
        hash,
      });
    }
    const head = { ...log.head, hash };
    await sql(`update audit_chains set head = $2 where tenant_id = $1`, PLATFORM_CHAIN, {
      ...head,
      signature: testSigner.sign(auditHeadText(head)),
    });
  }
}

const remove = (chain: ChainId, days = 30, clock = deps.clock) => removeOld(chain, days, { ...deps, clock });
const sql = (text: string, ...values: unknown[]) => pool.query(text, values);

describe("retention", () => {
  it("removes what is old up to a checkpoint, and the rest is proven from there", async ({ expect }) => {
    const { id, claw } = await aChain();
    const { head: before } = await claw.audit.verify();
    const [early] = (await claw.audit.list({ after: 9, limit: 1 })).items;
    const last = (await claw.audit.list({ after: 49, limit: 1 })).items[0];
    expect(await remove(id)).toEqual({ removed: 50, more: false });
    const { items } = await claw.audit.list({ limit: 100 });
    expect(items.map(({ sequence }) => sequence)).toEqual([54, 53, 52, 51]);
    expect(items[0]).toMatchObject({
      actor: "control-plane",
      action: "audit.remove",
      resource: { kind: "AuditLog", name: id },
      details: { after: "0", upTo: "50", removed: "50", keptDays: "30", hash: last?.hash },
    });
    const found = await claw.audit.verify();
    expect(found).toMatchObject({ valid: true, checked: 4, head: { sequence: 54, start: { sequence: 50, hash: last?.hash } } });
    // What was kept elsewhere before is still in it.
    expect(await claw.audit.verify({ sequence: before?.sequence ?? 0, hash: before?.hash ?? "" })).toMatchObject({ valid: true });
    // What is not any more can't be compared, which is neither a fault nor a proof.
    expect(await claw.audit.verify({ sequence: 10, hash: early?.hash ?? "" })).toMatchObject({ valid: true, unproven: { sequence: 10 } });
    expect((await claw.audit.verify({ sequence: 50, hash: last?.hash ?? "" })).unproven).toBeUndefined();
    expect(await remove(id)).toEqual({ removed: 0, more: false });
  });

  it("goes on where it was, some at a time, and never for its own records alone", async ({ expect }) => {
    const { id, claw } = await aChain({ old: 2300, young: 0 });
    expect([await remove(id), await remove(id), await remove(id), await remove(id)]).toEqual([
      { removed: 1000, more: true },
      { removed: 1000, more: true },
      { removed: 300, more: false },
      { removed: 0, more: false },
    ]);
    expect(await claw.audit.verify()).toMatchObject({ valid: true, checked: 3, head: { start: { sequence: 2300 } } });
    const later = () => new Date(Date.now() + 400 * DAY_MS);
    expect(await remove(id, 30, later)).toEqual({ removed: 0, more: false });
  });

  it("by several replicas at once happens once", async ({ expect }) => {
    const { id, claw } = await aChain();
    const removals = await Promise.all([remove(id), remove(id), append(id, 5, () => new Date()), remove(id)]);
    expect(removals.reduce((sum, removal) => sum + (removal?.removed ?? 0), 0)).toBe(50);
    expect(await claw.audit.verify()).toMatchObject({ valid: true, checked: 9, head: { start: { sequence: 50 } } });
  });

  it("is as long as a tenant says, and for ever where it says nothing", async ({ expect }) => {
    const kept = await aChain();
    const short = await aChain({ retentionDays: 60 });
    const keeper = startAuditKeeper({ ...deps, days: undefined, log: pino({ level: "silent" }) });
    const found = await eventually(
      () => short.claw.audit.verify(),
      ({ head }) => head?.start.sequence !== 0,
    );
    await keeper.stop();
    expect(found).toMatchObject({ valid: true, head: { start: { sequence: 31 } } });
    expect(await kept.claw.audit.verify()).toMatchObject({ valid: true, head: { start: { sequence: 0 } } });
    const hasty = { ...aTenant("hasty"), spec: { ...aTenant("hasty").spec, auditRetentionDays: 29 } };
    await expect(admin.tenants.create(hasty)).rejects.toMatchObject({ code: "request.invalid" });
  });

  it("is that of recordings too: what is older goes, on record", async ({ expect }) => {
    const kept = await aChain();
    const short = await aChain({ retentionDays: 60 });
    const record = (id: TenantId, name: string, days: number) =>
      transactions.tenant(id, async (tx) => {
        const startedAt = new Date(Date.now() - days * DAY_MS).toISOString();
        await tx.recordings.insert({ id: name, instance: { uid: "ins_1", name: "web" }, actor: "a", startedAt, bytes: 0 });
        await tx.recordings.append(name, 1, "sealed", 6);
      });
    await record(short.id, "rec_old", 62);
    await record(short.id, "rec_young", 60);
    await record(kept.id, "rec_kept", 4000);
    expect(await removeOldRecordings(deps)).toBe(1);
    expect(await removeOldRecordings(deps)).toBe(0);
    const ids = async ({ claw }: typeof kept) => (await claw.recordings.list()).items.map(({ id }) => id);
    expect([await ids(short), await ids(kept)]).toEqual([["rec_young"], ["rec_kept"]]);
    const { items } = await short.claw.audit.list({ action: "recording.remove" });
    expect(items).toMatchObject([{ actor: "control-plane", resource: { name: "web" }, details: { recording: "rec_old", keptDays: "60" } }]);
  });

  it("of the platform goes on to say which chains there are", async ({ expect }) => {
    const [one, other] = [await aChain(), await aChain({ old: 1 })];
    for (const _ of [1, 2]) {
      await agePlatform(100);
      expect((await remove(PLATFORM_CHAIN)).removed).toBeGreaterThan(0);
      expect(await admin.audit.verifyPlatform()).toMatchObject({ valid: true });
      expect(await one.claw.audit.verify()).toMatchObject({ valid: true });
      // Another record than those that say so: of these alone there would be no end.
      await transactions.platform(async (tx) =>
        tx.audit.append(entryOf({ time: new Date().toISOString(), by: { subject: "somebody" }, action: "test.write" })),
      );
    }
    expect((await collect(admin.audit.chains())).map(({ chain }) => chain)).toEqual(expect.arrayContaining([PLATFORM_CHAIN, one.id]));
    await sql(`delete from audit_records where tenant_id = $1`, one.id);
    await sql(`delete from audit_chains where tenant_id = $1`, one.id);
    expect(await one.claw.audit.verify()).toMatchObject({ valid: false, fault: { message: expect.stringContaining("gone") } });
    expect((await collect(admin.audit.chains())).map(({ chain }) => chain)).toContain(one.id);
    await sql(`delete from audit_records where tenant_id = '${PLATFORM_CHAIN}' and record ->> 'action' = 'audit.carry'`);
    expect(await other.claw.audit.verify()).toMatchObject({ valid: false, fault: { message: expect.stringContaining("began, is gone") } });
  });
});

describe("after a removal, verification still finds", () => {
  const aShortened = async () => {
    const chain = await aChain();
    await remove(chain.id);
    return chain;
  };

  it.for([
    ["a deletion at the beginning", `delete from audit_records where tenant_id = $1 and sequence = 51`, 51],
    ["a deletion in the middle", `delete from audit_records where tenant_id = $1 and sequence = 52`, 52],
    ["a deletion at the end", `delete from audit_records where tenant_id = $1 and sequence = 54`, 54],
    [
      "an edit of what was removed",
      `update audit_records set record = jsonb_set(record::jsonb, '{details,removed}', '"5"') where tenant_id = $1 and sequence = 54`,
      54,
    ],
    [
      "a start that was put further on",
      `with gone as (delete from audit_records where tenant_id = $1 and sequence <= 52 returning sequence, record)
       update audit_chains set start = 52, head = jsonb_set(head::jsonb, '{start}', (select jsonb_build_object('sequence', 52, 'hash', record ->> 'hash') from gone where sequence = 52))
       where tenant_id = $1`,
      undefined,
    ],
    ["all of it", `with gone as (delete from audit_records where tenant_id = $1) delete from audit_chains where tenant_id = $1`, undefined],
  ] as const)("%s", async ([, statement, sequence], { expect }) => {
    const { id, claw } = await aShortened();
    await sql(statement, id);
    const found = await claw.audit.verify();
    expect(found.valid).toBe(false);
    expect(found.fault?.sequence).toBe(sequence);
  });
});

describe("records", () => {
  it("that somebody has changed don't go with what is old", async ({ expect }) => {
    const { id, claw } = await aChain();
    await sql(
      `update audit_records set record = jsonb_set(record::jsonb, '{actor}', '"mallory"') where tenant_id = $1 and sequence = 7`,
      id,
    );
    expect(await remove(id)).toMatchObject({ removed: 0, fault: expect.stringContaining("record 7 is not what was written") });
    expect(await claw.audit.verify()).toMatchObject({ valid: false, checked: 0, fault: { sequence: 7 } });
    await sql(`update audit_chains set head = jsonb_set(head::jsonb, '{time}', '"2026-01-01T00:00:00.000Z"') where tenant_id = $1`, id);
    expect(await remove(id)).toMatchObject({ removed: 0, fault: expect.stringContaining("not as it was signed") });
  });

  it("are all there where a removal was killed on its way", async ({ expect }) => {
    const { id, claw } = await aChain();
    const killed = transactions.platform(async (tx) => {
      await tx.auditChains.lock(id);
      const records = await tx.auditChains.of(id).following(0, 20);
      const last = records.at(-1) as AuditRecord;
      const details = { upTo: String(last.sequence) };
      tx.auditChains.remove(id, last, [entryOf({ time: new Date().toISOString(), by: { subject: "x" }, action: "audit.remove", details })]);
      await pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
      );
    });
    await expect(killed).rejects.toThrow();
    expect(await claw.audit.verify()).toMatchObject({ valid: true, checked: 53, head: { start: { sequence: 0 } } });
    expect(await remove(id)).toMatchObject({ removed: 50 });
    expect(await claw.audit.verify()).toMatchObject({ valid: true, checked: 4 });
  });

  it("can't be deleted by what the service connects as, but as a removal that says so", async ({ expect }) => {
    const { id, claw } = await aChain();
    const asService = async (statement: string, ...values: unknown[]) => {
      const client = await pool.connect();
      try {
        await client.query("begin; set local role claw_platform");
        return await client.query(statement, values);
      } finally {
        await client.query("rollback");
        client.release();
      }
    };
    for (const statement of [
      `delete from audit_records where tenant_id = $1`,
      `update audit_records set record = record where tenant_id = $1`,
      `update audit_chains set start = 50 where tenant_id = $1`,
      `delete from audit_chains where tenant_id = $1`,
    ]) {
      await expect(asService(statement, id), statement).rejects.toMatchObject({ code: "42501" });
    }
    await expect(asService(`select remove_audit_records($1)`, id)).rejects.toThrow("does not start behind one of its records");
    await expect(remove(id, -1)).rejects.toThrow();
    const client = await pool.connect();
    await client.query("begin; set local role claw_app");
    await expect(client.query(`select remove_audit_records($1)`, [id])).rejects.toMatchObject({ code: "42501" });
    await client.query("rollback");
    client.release();
    expect(await claw.audit.verify()).toMatchObject({ valid: true, checked: 53 });
  });
});
