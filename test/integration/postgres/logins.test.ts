import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it, type TestContext } from "vitest";
import { type Logins, makeLogins } from "../../../adapters/postgres/logins.ts";
import { migrateDatabase, openDatabase } from "../../../adapters/postgres/open-database.ts";
import type { TenantId } from "../../../sdk/contract/index.ts";
import { removeOld } from "../../../service/application/audit/remove-old.ts";
import { entryOf } from "../../../service/domain/audit/chain.ts";
import { storeTenant } from "../../support/builders/tenancy.ts";
import { createEmptyDatabase, createMigratedDatabase, createTestDatabase, type TestDatabase, testSigner } from "../../support/postgres.ts";

const secret = randomBytes(8).toString("hex");
const derive = (purpose: string) => `${secret}-${purpose.replace(" ", "-")}`;

let database: TestDatabase;
let logins: Logins;
let tenants: TenantId[];
beforeAll(async () => {
  database = await createTestDatabase();
  logins = await makeLogins(database.url, derive);
  tenants = [(await storeTenant(database.transactions)).tenant.id, (await storeTenant(database.transactions)).tenant.id];
  // As the CLI makes one.
  await database.pool.query(`create table claw_cli.pulumi_state_x (key text); alter table claw_cli.pulumi_state_x owner to claw_cli`);
});
afterAll(() => database.drop());

async function connect(test: TestContext, url: string): Promise<Client> {
  const client = new Client(url);
  await client.connect();
  test.onTestFinished(() => client.end());
  return client;
}
/** How the server answers: the SQLSTATE of its refusal, or "done". */
const answer = (client: Client, statement: string) =>
  client.query(statement).then(
    () => "done",
    (error: { code?: string }) => error.code,
  );
const rolesOf = { service: ["claw_app", "claw_platform"], worker: ["claw_app", "claw_cli"] } as const;

describe.each(["service", "worker"] as const)("the %s's login", (part) => {
  it("reads and changes nothing before it has entered a role", async (test) => {
    const client = await connect(test, logins[part]);
    const { rows } = await database.pool.query<{ name: string }>(
      `select oid::regclass::text as name from pg_class
       where relkind in ('r', 'S') and relnamespace in ('public'::regnamespace, 'claw_cli'::regnamespace)`,
    );
    test.expect(rows.length).toBeGreaterThan(15);
    for (const { name } of rows) {
      test.expect([name, await answer(client, `select * from ${name}`)]).toEqual([name, "42501"]);
    }
    test.expect(await answer(client, "delete from api_tokens")).toBe("42501");
    test.expect(await answer(client, "select claw_cli.drop_state('pulumi_state_x')")).toBe("42501");
  });

  it("enters its two roles and no other, and owns nothing", async (test) => {
    const client = await connect(test, logins[part]);
    const { rows } = await database.pool.query<{ name: string }>(`select rolname as name from pg_roles`);
    const entered = [];
    for (const { name } of rows) {
      if ((await answer(client, `set role "${name}"`)) === "done") {
        entered.push(name);
      }
    }
    const self = new URL(logins[part]).username;
    test.expect(entered.sort()).toEqual([self, ...rolesOf[part]].sort());
    const owned = await database.pool.query(`select from pg_shdepend where refobjid = '${self}'::regrole and deptype = 'o'`);
    test.expect(owned.rowCount).toBe(0);
  });

  it("can't make itself stronger, nor take the wall down, in whatever role", async (test) => {
    const client = await connect(test, logins[part]);
    const self = new URL(logins[part]).username;
    const owner = (await database.pool.query<{ name: string }>("select current_user as name")).rows[0]?.name;
    const statements = [
      `set session authorization "${owner}"`,
      `alter role ${self} superuser`,
      `alter role ${self} bypassrls`,
      `alter role ${self} createrole`,
      `create role stronger`,
      `grant pg_read_all_data to ${self}`,
      `grant ${part === "service" ? "claw_cli" : "claw_platform"} to ${self}`,
      `alter table instances disable row level security`,
      `alter table instances no force row level security`,
      `drop policy instances_tenant on instances`,
      `create policy open on instances using (true)`,
      `alter table instances owner to ${self}`,
      `drop table instances`,
      `truncate instances`,
      `create table public.mine ()`,
      `create temporary table mine ()`,
      `create schema mine`,
      `create extension plpgsql`,
      `copy (select 1) to program 'true'`,
      `select pg_read_file('/etc/passwd')`,
      `alter database ${new URL(database.url).pathname.slice(1)} set row_security = off`,
    ];
    for (const role of ["none", ...rolesOf[part]]) {
      for (const statement of statements) {
        await client.query(`begin; set local role ${role}`);
        const refused = await answer(client, statement);
        await client.query("rollback");
        // An extension or a table that is there already is refused for that where it is not for the right.
        test.expect([role, statement, refused]).toEqual([role, statement, test.expect.stringMatching(/^(42501|42710)$/)]);
      }
    }
  });

  it("sees one tenant's rows in the tenants' role, and none without naming a tenant", async (test) => {
    const client = await connect(test, logins[part]);
    await client.query("set role claw_app");
    test.expect((await client.query("select from projects")).rowCount).toBe(0);
    await client.query(`set claw.tenant_id = '${tenants[0]}'`);
    const { rows } = await client.query("select distinct tenant_id from projects");
    test.expect(rows).toEqual([{ tenant_id: tenants[0] }]);
    test.expect(await answer(client, "select digest from api_tokens")).toBe("42501");
    test.expect(await answer(client, "set row_security = off; select from projects")).toBe("42501");
  });
});

describe("makeLogins", () => {
  it("gives replicas that start at once the same logins, and each database its own", async (test) => {
    const other = await createMigratedDatabase();
    test.onTestFinished(other.drop);
    const [one, two, another] = await Promise.all([
      makeLogins(database.url, derive),
      makeLogins(database.url, derive),
      makeLogins(other.url, () => "another-secret"),
    ]);
    test.expect(one).toEqual(logins);
    test.expect(two).toEqual(logins);
    test.expect(new URL(another.service).username).not.toBe(new URL(logins.service).username);
    await connect(test, logins.service);
  });

  it("replaces a password that is not the derived one", async (test) => {
    const { url, drop } = await createMigratedDatabase();
    test.onTestFinished(drop);
    await makeLogins(url, () => "former");
    const { service } = await makeLogins(url, () => "present");
    await connect(test, service);
  });

  it("sends the server no password, whose log it could get into", async (test) => {
    const name = new URL(logins.worker).username;
    const { rows } = await database.pool.query(`select rolpassword as kept from pg_authid where rolname = $1`, [name]);
    test.expect(rows).toEqual([{ kept: test.expect.stringMatching(/^SCRAM-SHA-256\$4096:/) }]);
  });

  it("refuses a login that can do more, and says what", async (test) => {
    const { url, drop } = await createMigratedDatabase();
    test.onTestFinished(drop);
    const { service } = await makeLogins(url, derive);
    const name = new URL(service).username;
    const admin = await connect(test, url);
    const refusal = () =>
      makeLogins(url, derive).then(
        () => undefined,
        (error: Error) => error.message,
      );
    for (const [give, take, said] of [
      [`grant pg_read_all_data to ${name}`, `revoke pg_read_all_data from ${name}`, "it may enter 'pg_read_all_data' too"],
      [`alter role ${name} bypassrls`, `alter role ${name} nobypassrls`, `'${name}' has rights of an administrator`],
      [`create table taken (); alter table taken owner to ${name}`, `drop table taken`, "it owns objects"],
    ] as const) {
      await admin.query(give);
      test.expect(await refusal()).toContain(said);
      await admin.query(take);
    }
    test.expect(await refusal()).toBeUndefined();
  });

  it("needs no superuser, but one who may make roles: else it says what to grant", async (test) => {
    const { url, drop } = await createEmptyDatabase();
    const owner = `owner_${url.slice(-12)}`;
    test.onTestFinished(async () => {
      await drop();
      await database.pool.query(`drop role ${owner}`);
    });
    // They are of the whole server, and there before whoever comes second.
    await createMigratedDatabase().then((migrated) => migrated.drop());
    const admin = await connect(test, url);
    await admin.query(`create role ${owner} login password 'secret'; alter database ${new URL(url).pathname.slice(1)} owner to ${owner}`);
    await admin.query(`grant claw_app, claw_platform, claw_cli to ${owner}`);
    const ownersUrl = new URL(url);
    ownersUrl.username = owner;
    ownersUrl.password = "secret";
    await migrateDatabase(ownersUrl.href);
    await test.expect(makeLogins(ownersUrl.href, derive)).rejects.toMatchObject({
      code: "service.unavailable",
      message: test.expect.stringMatching(/`alter role` it with `createrole`.* `grant claw_app, claw_platform, claw_cli`/),
    });
    await admin.query(`alter role ${owner} createrole; grant claw_app, claw_platform, claw_cli to ${owner} with admin option`);
    const opened = await openDatabase({ url: (await makeLogins(ownersUrl.href, derive)).service, connections: 2, signer: testSigner });
    const { tenant, run } = await storeTenant(opened.transactions);
    test.expect((await run((tx) => tx.instances.usage())).instances).toBe(0);
    // What old records are removed with is the owner's, whom the wall holds too.
    await run(async (tx) => tx.audit.append(entryOf({ time: "2020-01-01T00:00:00.000Z", by: { subject: "a" }, action: "test.write" })));
    const removing = { transactions: opened.transactions, auditSigner: testSigner, clock: () => new Date() };
    test.expect(await removeOld(tenant.id, 30, removing)).toEqual({ removed: 1, more: false });
    await opened.transactions.platform((tx) => tx.tenants.delete(tenant.id));
    await opened.close();
  });
});
