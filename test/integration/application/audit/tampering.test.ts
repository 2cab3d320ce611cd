import { describe, it } from "vitest";
import { openDatabase } from "../../../../adapters/postgres/open-database.ts";
import { type AuditRecord, PLATFORM_CHAIN } from "../../../../sdk/contract/index.ts";
import { entryOf, hashOf } from "../../../../service/domain/audit/chain.ts";
import { anApplication } from "../../../support/application.ts";
import { aTenant } from "../../../support/builders/manifests.ts";
import { uniqueName } from "../../../support/builders/tenancy.ts";
import { testSigner } from "../../../support/postgres.ts";

const app = await anApplication();
const admin = app.admin();
const { pool, transactions } = app.database;

/** A tenant with six records. */
async function aChain() {
  const name = uniqueName("acme");
  await admin.tenants.create(aTenant(name));
  const { id } = await transactions.platform((tx) => tx.tenants.get(name));
  const claw = app.admin(name);
  const write = (project: string) =>
    claw.projects.create({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: project } });
  for (const project of ["a", "b", "c", "d", "e"]) {
    await write(project);
  }
  return { id, claw, write };
}

/** As a superuser, whom no policy holds. */
const sql = (text: string, ...values: unknown[]) => pool.query(text, values);

/** Writes a chain's records anew from one on, each with the hash that it then has. */
async function rehash(id: string, from: number, change: (record: AuditRecord) => AuditRecord): Promise<AuditRecord | undefined> {
  const { rows } = await pool.query<{ record: AuditRecord }>(`select record from audit_records where tenant_id = $1 order by sequence`, [
    id,
  ]);
  let previous = rows[from - 2]?.record.hash ?? "0".repeat(64);
  let last: AuditRecord | undefined;
  for (const { record } of rows.slice(from - 1)) {
    const { hash: _, ...rest } = change(record);
    previous = hashOf(previous, rest);
    last = { ...rest, hash: previous };
    await sql(`update audit_records set record = $3 where tenant_id = $1 and sequence = $2`, id, record.sequence, JSON.stringify(last));
  }
  return last;
}

describe("a chain that nobody touched", () => {
  it("is valid, from any record that was known", async ({ expect }) => {
    const { claw } = await aChain();
    const found = await claw.audit.verify();
    expect(found).toMatchObject({ valid: true, checked: 6, head: { sequence: 6, start: { sequence: 0 } } });
    const [third] = (await claw.audit.list({ after: 2, limit: 1 })).items;
    expect(await claw.audit.verify({ sequence: 3, hash: third?.hash ?? "" })).toMatchObject({ valid: true });
    expect(await admin.audit.verifyPlatform()).toMatchObject({ valid: true });
  });
});

describe("verification finds", () => {
  it("an edit, whichever field it is", async ({ expect }) => {
    const { id, claw } = await aChain();
    await sql(
      `update audit_records set record = jsonb_set(record::jsonb, '{actor}', '"mallory"') where tenant_id = $1 and sequence = 3`,
      id,
    );
    expect(await claw.audit.verify()).toMatchObject({
      valid: false,
      fault: { sequence: 3, message: expect.stringContaining("not what was written") },
    });
  });

  it("a deletion in the middle", async ({ expect }) => {
    const { id, claw } = await aChain();
    await sql(`delete from audit_records where tenant_id = $1 and sequence = 4`, id);
    expect(await claw.audit.verify()).toMatchObject({
      valid: false,
      fault: { sequence: 4, message: expect.stringContaining("record 4 is missing") },
    });
  });

  it("a deletion whose gap was closed", async ({ expect }) => {
    const { id, claw } = await aChain();
    await sql(`delete from audit_records where tenant_id = $1 and sequence = 4`, id);
    await sql(`update audit_records set sequence = sequence - 1 where tenant_id = $1 and sequence > 4`, id);
    expect(await claw.audit.verify()).toMatchObject({ valid: false, fault: { sequence: 4 } });
  });

  it("two records that changed places", async ({ expect }) => {
    const { id, claw } = await aChain();
    await sql(
      `update audit_records r set record = o.record from audit_records o
       where r.tenant_id = $1 and o.tenant_id = $1 and r.sequence in (2, 3) and o.sequence = 5 - r.sequence`,
      id,
    );
    expect(await claw.audit.verify()).toMatchObject({ valid: false, fault: { sequence: 2 } });
  });

  it("an end that was cut off", async ({ expect }) => {
    const { id, claw } = await aChain();
    await sql(`delete from audit_records where tenant_id = $1 and sequence > 4`, id);
    expect(await claw.audit.verify()).toMatchObject({ valid: false, fault: { sequence: 5, message: expect.stringContaining("cut off") } });
  });

  it("an end that was cut off with the head changed to fit", async ({ expect }) => {
    const { id, claw } = await aChain();
    await sql(`delete from audit_records where tenant_id = $1 and sequence > 4`, id);
    await sql(
      `update audit_chains c set head = c.head::jsonb || jsonb_build_object('sequence', 4, 'hash', r.record ->> 'hash')
       from audit_records r where c.tenant_id = $1 and r.tenant_id = $1 and r.sequence = 4`,
      id,
    );
    expect(await claw.audit.verify()).toMatchObject({ valid: false, fault: { message: expect.stringContaining("not as it was signed") } });
  });

  it("a beginning that was cut off as if retention had done it", async ({ expect }) => {
    const { id, claw } = await aChain();
    await sql(`delete from audit_records where tenant_id = $1 and sequence < 3`, id);
    expect(await claw.audit.verify()).toMatchObject({ valid: false, fault: { sequence: 1 } });
  });

  it("records that were all hashed anew, without the key", async ({ expect }) => {
    const { id, claw } = await aChain();
    await rehash(id, 3, (record) => (record.sequence === 3 ? { ...record, actor: "mallory" } : record));
    expect(await claw.audit.verify()).toMatchObject({
      valid: false,
      fault: { sequence: 6, message: expect.stringContaining("written anew") },
    });
  });

  it("a record that was added", async ({ expect }) => {
    const { id, claw } = await aChain();
    await sql(`insert into audit_records select tenant_id, 7, record from audit_records where tenant_id = $1 and sequence = 6`, id);
    expect(await claw.audit.verify()).toMatchObject({ valid: false, fault: { sequence: 7 } });
  });

  it("a whole chain that is gone, and one that was begun anew in its place", async ({ expect }) => {
    const { id, claw, write } = await aChain();
    await sql(`delete from audit_records where tenant_id = $1`, id);
    await sql(`delete from audit_chains where tenant_id = $1`, id);
    expect(await claw.audit.verify()).toMatchObject({ valid: false, fault: { message: expect.stringContaining("gone") } });
    await write("f");
    expect(await claw.audit.verify()).toMatchObject({ valid: false, fault: { message: expect.stringContaining("begun anew") } });
  });

  it("another chain's head in its place", async ({ expect }) => {
    const [one, two] = [await aChain(), await aChain()];
    await sql(`update audit_chains c set head = o.head from audit_chains o where c.tenant_id = $1 and o.tenant_id = $2`, one.id, two.id);
    expect(await one.claw.audit.verify()).toMatchObject({ valid: false, fault: { message: expect.stringContaining("another chain") } });
  });

  it("a chain that was put back, signature and all, to where it was, for whoever kept its end", async ({ expect }) => {
    const { id, claw, write } = await aChain();
    const { rows } = await pool.query(`select head from audit_chains where tenant_id = $1`, [id]);
    await write("f");
    const { head } = await claw.audit.verify();
    await sql(`delete from audit_records where tenant_id = $1 and sequence > 6`, id);
    await sql(`update audit_chains set head = $2 where tenant_id = $1`, id, JSON.stringify(rows[0].head));
    expect(await claw.audit.verify({ sequence: head?.sequence ?? 0, hash: head?.hash ?? "" })).toMatchObject({
      valid: false,
      fault: { message: expect.stringContaining("put back to an earlier state") },
    });
    await write("g");
    expect(await claw.audit.verify({ sequence: head?.sequence ?? 0, hash: head?.hash ?? "" })).toMatchObject({
      valid: false,
      fault: { sequence: 7, message: expect.stringContaining("another than the one that was known") },
    });
  });

  it("what the platform's chain lost, in that and in those that it has begun", async ({ expect }) => {
    const { id, claw } = await aChain();
    const { head } = await claw.audit.verify();
    await sql(`delete from audit_records where tenant_id = '${PLATFORM_CHAIN}' and sequence = $1`, head?.opened);
    expect(await claw.audit.verify()).toMatchObject({ valid: false, fault: { message: expect.stringContaining("is gone") } });
    expect(await admin.audit.verifyPlatform()).toMatchObject({ valid: false, fault: { sequence: head?.opened } });
    // For the tests beside this one.
    await sql(`delete from audit_records where tenant_id = '${PLATFORM_CHAIN}'`);
    await sql(`delete from audit_chains`);
    await sql(`delete from audit_records where tenant_id <> $1`, id);
  });
});

describe("a chain", () => {
  it("goes on where somebody has broken it: nobody's work stops", async ({ expect }) => {
    const { id, claw, write } = await aChain();
    await sql(`update audit_chains set head = jsonb_set(head::jsonb, '{sequence}', '2') where tenant_id = $1`, id);
    await write("f");
    const { items } = await claw.audit.list({ limit: 2 });
    expect(items).toMatchObject([
      { sequence: 8, resource: { name: "f" } },
      { sequence: 7, action: "audit.broken" },
    ]);
    expect(await claw.audit.verify()).toMatchObject({ valid: false, fault: { sequence: 7 } });
  });

  it("is never signed again by the service where its end was cut off to fit", async ({ expect }) => {
    const { id, claw, write } = await aChain();
    await sql(`delete from audit_records where tenant_id = $1 and sequence > 4`, id);
    await sql(
      `update audit_chains c set head = c.head::jsonb || jsonb_build_object('sequence', 4, 'hash', r.record ->> 'hash')
       from audit_records r where c.tenant_id = $1 and r.tenant_id = $1 and r.sequence = 4`,
      id,
    );
    await write("f");
    expect(await claw.audit.verify()).toMatchObject({ valid: false, fault: { sequence: 5 } });
  });

  it("of many writers in several pools is one, without gaps or forks", async ({ expect }) => {
    const { id, claw } = await aChain();
    const pools = await Promise.all([1, 2].map(() => openDatabase({ url: app.database.url, connections: 8, signer: testSigner })));
    try {
      const writes = Array.from({ length: 120 }, (_, index) =>
        pools[index % 2]?.transactions.platform(async (tx) => {
          const entry = entryOf({ time: new Date().toISOString(), by: { subject: `writer-${index}` }, action: "test.write" });
          // In whichever order they are named.
          if (index % 3 === 0) {
            tx.audit.append(entry);
          }
          (await tx.enter(id)).audit.append(entry);
          if (index % 3 === 1) {
            tx.audit.append(entry);
          }
        }),
      );
      await Promise.all(writes);
    } finally {
      await Promise.all(pools.map(({ close }) => close()));
    }
    expect(await claw.audit.verify()).toMatchObject({ valid: true, checked: 126 });
    expect(await admin.audit.verifyPlatform()).toMatchObject({ valid: true });
  });

  it("is begun once by many who write first", async ({ expect }) => {
    const name = uniqueName("new");
    await admin.tenants.create(aTenant(name));
    const { id } = await transactions.platform((tx) => tx.tenants.get(name));
    await sql(`delete from audit_records where tenant_id = $1`, id);
    await sql(`delete from audit_chains where tenant_id = $1`, id);
    const before = (await transactions.platform((tx) => tx.auditChains.openings(id))).length;
    const entry = entryOf({ time: new Date().toISOString(), by: { subject: "somebody" }, action: "test.write" });
    await Promise.all(Array.from({ length: 8 }, () => transactions.tenant(id, async (tx) => tx.audit.append(entry))));
    expect((await transactions.platform((tx) => tx.auditChains.openings(id))).length).toBe(before + 1);
    expect((await transactions.platform((tx) => tx.auditChains.of(id).head()))?.sequence).toBe(8);
  });

  it("has neither change nor record of a transaction that was killed", async ({ expect }) => {
    const { id, claw } = await aChain();
    const work = transactions.tenant(id, async (tx) => {
      await tx.idempotency.claim("killed", "digest");
      tx.audit.append(entryOf({ time: new Date().toISOString(), by: { subject: "somebody" }, action: "test.killed" }));
      await pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
      );
    });
    await expect(work).rejects.toThrow();
    expect((await claw.audit.list({ action: "test.killed" })).items).toEqual([]);
    expect((await pool.query(`select from idempotency_keys where key = 'killed'`)).rowCount).toBe(0);
    expect(await claw.audit.verify()).toMatchObject({ valid: true, checked: 6 });
  });
});
