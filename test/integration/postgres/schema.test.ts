import { Client } from "pg";
import { describe, it, type TestContext } from "vitest";
import { migrateDatabase, migrations } from "../../../adapters/postgres/open-database.ts";
import { createEmptyDatabase, createTestDatabase } from "../../support/postgres.ts";

async function aDatabase(test: TestContext) {
  const database = await createTestDatabase();
  test.onTestFinished(() => database.drop());
  return database;
}

describe("schema", () => {
  it("is what the entities say", async (test) => {
    const { dataSource } = await aDatabase(test);
    const drift = await dataSource.driver.createSchemaBuilder().log();
    test.expect(drift.upQueries.map(({ query }) => query)).toEqual([]);
  });

  it("is compared with the entities down to defaults, indexes and keys", async (test) => {
    const { dataSource, pool } = await aDatabase(test);
    await pool.query(`alter table instances alter running set default true`);
    await pool.query(`drop index instances_tenant_id_template_idx`);
    await pool.query(`alter table plans drop constraint plans_tenant_id_fkey`);
    const drift = await dataSource.driver.createSchemaBuilder().log();
    test.expect(drift.upQueries).toHaveLength(3);
  });

  it("is migrated once by replicas that start together", async (test) => {
    const { url, drop } = await createEmptyDatabase();
    test.onTestFinished(drop);
    await Promise.all([1, 2, 3, 4].map(() => migrateDatabase(url)));
    const client = new Client(url);
    await client.connect();
    const migrations = await client.query<{ name: string }>(`select name from claw_migrations order by id`);
    await client.end();
    test
      .expect(migrations.rows.map((row) => row.name))
      .toEqual([
        "CreateTenancy1700000000001",
        "CreateStacks1700000000002",
        "CreateClusters1700000000003",
        "WatchPods1700000000004",
        "WatchDrift1700000000005",
        "ScheduleRefreshes1700000000006",
        "MeasureUsage1700000000007",
        "KeepClusters1700000000008",
        "SeeVersions1700000000009",
        "KeepKeys1700000000013",
        "SeeWhatStops1700000000015",
        "PagePreviews1700000000017",
        "KeepLeftovers1700000000018",
        "SeparateLogins1700000000019",
        "EnterRoles1700000000020",
        "ForgetInstances1700000000021",
        "KnowClaws1700000000022",
        "MakeClaims1700000000024",
        "CountRequests1700000000026",
        "GiveRoles1700000000027",
        "KeepAudit1700000000028",
        "SetPolicies1700000000029",
        "SignIn1700000000030",
        "WrapKeys1700000000032",
        "KeepPlaces1700000000033",
        "RecordConsoles1700000000034",
        "OpenSessions1700000000035",
        "VisitClaws1700000000036",
        "FindDifferences1700000000037",
        "KeepFormerValues1700000000038",
        "KeepWarnings1700000000042",
        "DefineTypes1700000000044",
        "SeveralFiles1700000000045",
        "TellChanges1700000000046",
        "SetValues1700000000047",
        "KeepSecrets1700000000048",
        "RollOut1700000000050",
        "RollOutInstances1700000000051",
        "DeliverConfigs1700000000052",
        "PartWithClusters1700000000053",
        "ListChatSessions1700000000054",
        "ExpireRecordings1700000000056",
        "MeasurePreviews1700000000057",
        "RenewAgentTokens1700000000059",
        "ReachReplicas1700000000060",
        "FollowOperations1700000000061",
        "SeeMoreVersions1700000000062",
      ]);
  });

  it("goes back to nothing and up again", async (test) => {
    const database = await createTestDatabase();
    test.onTestFinished(() => database.drop());
    const { pool } = database;
    const queryRunner = database.dataSource.createQueryRunner();
    test.onTestFinished(() => queryRunner.release());
    for (const Migration of migrations.toReversed()) {
      await new Migration().down(queryRunner);
    }
    const left = await pool.query(`select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'S')`);
    test.expect(left.rows.map((row: { relname: string }) => row.relname).filter((name) => !name.startsWith("claw_migrations"))).toEqual([]);
    await pool.query(`delete from claw_migrations`);
    await migrateDatabase(database.url);
    test.expect((await pool.query(`select from tenants`)).rowCount).toBe(0);
  });

  it("has an index for every foreign key", async (test) => {
    const { pool } = await aDatabase(test);
    const unindexed = await pool.query(`
      select conrelid::regclass::text as table_name, conname from pg_constraint c
      where contype = 'f' and connamespace = 'public'::regnamespace and not exists (
        select from pg_index i where i.indrelid = c.conrelid and i.indpred is null and i.indkey[0] = any(c.conkey)
          and (cardinality(c.conkey) = 1 or i.indkey[1] = any(c.conkey) or i.indkey[0] <> (
            select attnum from pg_attribute where attrelid = c.conrelid and attname = 'tenant_id')))`);
    test.expect(unindexed.rows).toEqual([]);
  });

  it("names constraints and indexes after their table and columns", async (test) => {
    const { pool } = await aDatabase(test);
    const odd = await pool.query<{ name: string }>(`
      select conname as name from pg_constraint
      where connamespace = 'public'::regnamespace and conrelid <> 0 and conrelid <> 'claw_migrations'::regclass
        and not starts_with(conname, conrelid::regclass::text || '_')
      union select conname from pg_constraint
      where connamespace = 'public'::regnamespace and conrelid <> 0 and conrelid <> 'claw_migrations'::regclass
        and conname !~ '_(key|fkey|pkey|check|not_null)$'
      union select i.indexrelid::regclass::text from pg_index i join pg_class t on t.oid = i.indrelid
      where t.relnamespace = 'public'::regnamespace and not starts_with(i.indexrelid::regclass::text, t.relname || '_')
        and t.relname <> 'claw_migrations'`);
    test.expect(odd.rows).toEqual([]);
  });
});

describe("migrateDatabase", () => {
  it("says which database is missing", async (test) => {
    const { url, drop } = await createEmptyDatabase();
    await drop();
    await test.expect(migrateDatabase(url)).rejects.toMatchObject({
      code: "service.unavailable",
      message: test.expect.stringMatching(/the database does not exist: create it/),
    });
  });

  it("never shows the password", async (test) => {
    const { url, drop } = await createEmptyDatabase();
    test.onTestFinished(drop);
    const wrong = new URL(url);
    wrong.username = "nobody";
    wrong.password = "hunter2-hunter2";
    wrong.pathname = "/absent";
    const refusal = await migrateDatabase(wrong.href).then(
      () => undefined,
      (error: Error) => error,
    );
    test.expect(refusal?.message).toBeDefined();
    test.expect(refusal?.message).not.toContain("hunter2");
  });
});
