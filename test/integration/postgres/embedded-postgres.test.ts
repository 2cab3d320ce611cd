import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { describe, it, type TestContext } from "vitest";
import { findBinaries, NPM_PACKAGE_MAJOR } from "../../../adapters/postgres/embedded/binaries.ts";
import { createCluster } from "../../../adapters/postgres/embedded/cluster.ts";
import { findServerUser } from "../../../adapters/postgres/embedded/server-user.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../../adapters/postgres/embedded-postgres.ts";
import { makeLogins } from "../../../adapters/postgres/logins.ts";
import { migrateDatabase, openDatabase } from "../../../adapters/postgres/open-database.ts";
import { storeTenant } from "../../support/builders/tenancy.ts";

const entry = path.join(import.meta.dirname, "../../../adapters/postgres/embedded-postgres.ts");

/** A data folder whose server is stopped when the test is over. */
async function aFolder(test: TestContext) {
  const folder = await mkdtemp(path.join(tmpdir(), "claw-pg-"));
  await chmod(folder, 0o755);
  const dataDir = path.join(folder, "data");
  const start = () => startEmbeddedPostgres({ dataDir, toolsDir: path.join(folder, "tools"), log: () => undefined });
  test.onTestFinished(async () => {
    if (await stat(path.join(dataDir, "cluster", "postmaster.pid")).catch(() => undefined)) {
      await (await start()).stop();
    }
    await rm(folder, { recursive: true, force: true });
  });
  return { folder, dataDir, clusterDir: path.join(dataDir, "cluster"), start };
}

async function query<Row extends object>(server: EmbeddedPostgres, sql: string): Promise<Row[]> {
  const client = new Client(server.url);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A process that starts the server and stays, as a control plane does. */
async function aStarter(dataDir: string) {
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(entry)});
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, toolsDir: "/nonexistent", log: () => undefined });
    console.log(server.pid);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, serverPid: Number(line) };
}

describe("startEmbeddedPostgres", () => {
  it("gives everybody who starts at once the same server", async (test) => {
    const { start } = await aFolder(test);
    const servers = await Promise.all([start(), start(), start(), start()]);
    test.expect(new Set(servers.map(({ url }) => url)).size).toBe(1);
    test.expect(new Set(servers.map(({ pid }) => pid)).size).toBe(1);
  });

  it("asks for a password that only its user can read, and is durable", async (test) => {
    const { start, clusterDir } = await aFolder(test);
    const server = await start();
    const settings = await query(
      server,
      `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit, current_setting('full_page_writes') as pages,
              current_setting('listen_addresses') as listen, current_setting('data_checksums') as checksums, current_database() as database`,
    );
    test.expect(settings).toEqual([{ fsync: "on", commit: "on", pages: "on", listen: "127.0.0.1", checksums: "on", database: "claw" }]);
    test.expect((await stat(path.join(clusterDir, "claw.password"))).mode & 0o777).toBe(0o600);
    const url = new URL(server.url);
    url.password = "wrong";
    await test.expect(new Client(url.href).connect()).rejects.toMatchObject({ code: "28P01" });
  });

  it("never runs as root", async (test) => {
    const { start, clusterDir } = await aFolder(test);
    await start();
    test.expect((await stat(path.join(clusterDir, "postmaster.pid"))).uid).not.toBe(0);
  });

  it("keeps the data over a stop", async (test) => {
    const { start } = await aFolder(test);
    const first = await start();
    await query(first, "create table kept as select 42 as answer");
    await first.stop();
    await test.expect(new Client(first.url).connect()).rejects.toThrow();
    const second = await start();
    test.expect(second.pid).not.toBe(first.pid);
    test.expect(await query(second, "table kept")).toEqual([{ answer: 42 }]);
  });

  it("outlives a kill of its starter, and is adopted by the next one", async (test) => {
    const { start, dataDir } = await aFolder(test);
    const { child, serverPid } = await aStarter(dataDir);
    child.kill("SIGKILL");
    await once(child, "exit");
    const adopted = await start();
    test.expect(adopted.pid).toBe(serverPid);
    test.expect(await query(adopted, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  it("recovers what was committed after a kill of the server itself", async (test) => {
    const { start } = await aFolder(test);
    const first = await start();
    await query(first, "create table kept as select 42 as answer");
    process.kill(first.pid, "SIGKILL");
    const second = await start();
    test.expect(await query(second, "table kept")).toEqual([{ answer: 42 }]);
  });

  it("starts though a pid file of before a reboot names somebody else's process", async (test) => {
    const { start, clusterDir } = await aFolder(test);
    const first = await start();
    const pidFile = path.join(clusterDir, "postmaster.pid");
    const leftOver = (await readFile(pidFile, "utf8")).replace(/^\d+/, String(process.pid));
    const owner = await stat(pidFile);
    await first.stop();
    await writeFile(pidFile, leftOver, { mode: 0o600 });
    await chown(pidFile, owner.uid, owner.gid);
    const second = await start();
    test.expect(await query(second, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  it("says which version made the folder when that version is not there", async (test) => {
    const { start, clusterDir } = await aFolder(test);
    await (await start()).stop();
    await writeFile(path.join(clusterDir, "PG_VERSION"), "9\n");
    await test.expect(start()).rejects.toThrow("the data folder was made by PostgreSQL 9");
  });

  it("runs npm's binaries where the machine has none of the version that is needed", async (test) => {
    const { start, folder, dataDir, clusterDir } = await aFolder(test);
    const user = await findServerUser();
    const options = { toolsDir: path.join(folder, "tools"), user, major: NPM_PACKAGE_MAJOR, log: () => undefined };
    const found = await Promise.all([findBinaries(options), findBinaries(options)]).catch((error: Error) => error);
    if (found instanceof Error) {
      return test.skip(`no registry: ${found.message}`);
    }
    test.expect(found[0]).toEqual(found[1]);
    await mkdir(dataDir, { recursive: true });
    await createCluster(clusterDir, found[0], user);
    const server = await start();
    test
      .expect(await query(server, `select current_setting('server_version') as version`))
      .toMatchObject([{ version: test.expect.stringMatching(/^18\./) }]);

    // Since version 16 `createrole` lets nobody enter the roles that they make.
    await query(server, "create role owner login createrole password 'secret'");
    await query(server, "create database owned owner owner");
    const owned = Object.assign(new URL(server.url), { username: "owner", password: "secret", pathname: "/owned" }).href;
    await migrateDatabase(owned);
    const asOwner = await openDatabase({ url: owned, connections: 1 });
    test.onTestFinished(asOwner.close);
    test.expect(await asOwner.transactions.platform((tx) => tx.keyring.find("none"))).toBeUndefined();
    const asService = await openDatabase({
      url: (await makeLogins(owned, (purpose) => purpose.replace(" ", "-"))).service,
      connections: 1,
    });
    test.onTestFinished(asService.close);
    const { run } = await storeTenant(asService.transactions);
    test.expect((await run((tx) => tx.instances.usage())).instances).toBe(0);
  });

  it("shows the end of the server's log when it does not start", async (test) => {
    const { start, clusterDir } = await aFolder(test);
    await (await start()).stop();
    await writeFile(path.join(clusterDir, "postgresql.conf"), "no_such_setting = on\n", { flag: "a" });
    await test.expect(start()).rejects.toThrow("no_such_setting");
  });
});
