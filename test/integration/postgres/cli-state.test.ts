import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { describe, it, type TestContext } from "vitest";
import { postgresBackend } from "../../../adapters/automation/cli-command.ts";
import { cliStateTable } from "../../../adapters/postgres/cli-state.ts";
import { makeLogins } from "../../../adapters/postgres/logins.ts";
import { migrateDatabase, migrations } from "../../../adapters/postgres/open-database.ts";
import { storeTenant } from "../../support/builders/tenancy.ts";
import { hasCli, NO_CLI } from "../../support/engine/pulumi-cli.ts";
import { createTestDatabase } from "../../support/postgres.ts";

/** A database as it was when the CLI connected as its owner, and kept its tables beside ours. */
async function aDatabaseOfBefore(test: TestContext) {
  const database = await createTestDatabase();
  test.onTestFinished(() => database.drop());
  const queryRunner = database.dataSource.createQueryRunner();
  for (const Migration of migrations.slice(migrations.findIndex(({ name }) => name.startsWith("SeparateLogins"))).toReversed()) {
    await new Migration().down(queryRunner);
    await queryRunner.query(`delete from claw_migrations where name = $1`, [Migration.name]);
  }
  await queryRunner.release();
  return database;
}

/** With the statements of the CLI's own backend. */
async function writeState(client: Pick<Client, "query">, table: string, stacks: readonly string[]): Promise<void> {
  await client.query(
    `create table ${table} (key text primary key, data json not null, updated_at timestamptz not null default now());
     create index ${table}_key_prefix_idx on ${table} (key text_pattern_ops)`,
  );
  for (const stack of stacks) {
    await client.query(`insert into ${table} (key, data) values ($1, $2)`, [stack, { data: "e30=" }]);
  }
}

describe("the state that the Pulumi CLI kept of a tenant before it had a role of its own", () => {
  it("is the CLI's own afterwards, whole, and goes with its tenant", async (test) => {
    const { transactions, pool, url } = await aDatabaseOfBefore(test);
    const [one, two] = [await storeTenant(transactions), await storeTenant(transactions)];
    await writeState(pool, cliStateTable(one.tenant.id), ["one", "one.east"]);
    await writeState(pool, cliStateTable(two.tenant.id), ["two"]);
    await pool.query(`create table pulumi_notes (text text)`);

    await migrateDatabase(url);
    const { rows: tables } = await pool.query(
      `select relnamespace::regnamespace::text as schema, relname as name, relowner::regrole::text as owner from pg_class
       where relname like 'pulumi%' and relkind = 'r' and relowner = 'claw_cli'::regrole`,
    );
    const moved = [one, two].map(({ tenant }) => ({ schema: "claw_cli", name: cliStateTable(tenant.id), owner: "claw_cli" }));
    test.expect(tables).toHaveLength(2);
    test.expect(tables).toEqual(test.expect.arrayContaining(moved));
    test.expect((await pool.query(`select from public.pulumi_notes`)).rowCount).toBe(0);

    const worker = new Client((await makeLogins(url, (purpose) => purpose.replace(" ", "-"))).worker);
    await worker.connect();
    test.onTestFinished(() => worker.end());
    await worker.query(`set role claw_cli; set search_path = claw_cli`);
    const table = cliStateTable(one.tenant.id);
    test.expect((await worker.query(`select key, data from ${table} order by key`)).rows).toEqual([
      { key: "one", data: { data: "e30=" } },
      { key: "one.east", data: { data: "e30=" } },
    ]);
    // What the CLI does each time that it opens its table, which only an owner may.
    await worker.query(`create index if not exists ${table}_key_prefix_idx on ${table} (key text_pattern_ops)`);

    await transactions.platform((tx) => tx.tenants.delete(one.tenant.id));
    test.expect((await pool.query(`select to_regclass($1) as left`, [`claw_cli.${table}`])).rows).toEqual([{ left: null }]);
    test.expect((await pool.query(`select from claw_cli.${cliStateTable(two.tenant.id)}`)).rowCount).toBe(1);
  });

  it("is read and written on by the real CLI", { timeout: 120_000 }, async (test) => {
    test.skip(!hasCli, NO_CLI);
    const { url } = await aDatabaseOfBefore(test);
    const table = cliStateTable("ten_kept");
    const dir = mkdtempSync(join(tmpdir(), "claw-cli-state-"));
    test.onTestFinished(() => rmSync(dir, { recursive: true }));
    writeFileSync(join(dir, "Pulumi.yaml"), "name: clusterclaw\nruntime: nodejs\n");
    const pulumi = (backend: string, ...args: string[]) =>
      execFileSync("pulumi", ["stack", ...args], {
        cwd: dir,
        encoding: "utf8",
        stdio: "pipe",
        env: { ...process.env, PULUMI_HOME: join(dir, "home"), PULUMI_CONFIG_PASSPHRASE: "", PULUMI_BACKEND_URL: backend },
      });
    const before = new URL(url);
    before.search = new URLSearchParams({ sslmode: "disable", table }).toString();
    pulumi(before.href, "init", "acme");

    await migrateDatabase(url);
    const after = postgresBackend((await makeLogins(url, (purpose) => purpose.replace(" ", "-"))).worker, table);
    pulumi(after, "init", "acme.east");
    const names = (JSON.parse(pulumi(after, "ls", "--json")) as { name: string }[]).map(({ name }) => name);
    test.expect(names.map((name) => name.split("/").at(-1)).sort()).toEqual(["acme", "acme.east"]);
  });
});
