import { createHash, randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { createAuditSigner } from "../../adapters/identity/audit-signer.ts";
import { type Database, migrateDatabase, openDatabase } from "../../adapters/postgres/open-database.ts";

/** What signs the audit log in tests without a service. */
export const testSigner = createAuditSigner({ derive: (purpose) => `of tests: ${purpose}` });

const migrationsDir = join(import.meta.dirname, "../../adapters/postgres/migrations");

export interface ServedDatabase {
  /** As its owner. */
  readonly url: string;
  /** Drops it, and the logins that a service made for it. */
  drop(): Promise<void>;
}
/** With the owner's connections: tests look behind the wall. */
export interface TestDatabase extends Database, ServedDatabase {}

/** A migrated database of the test file's own: a copy of a template that is migrated once per state of the migrations. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { url, drop } = await createMigratedDatabase();
  const database = await openDatabase({ url, connections: 10, signer: testSigner });
  return {
    ...database,
    url,
    drop: async () => {
      await database.close();
      await drop();
    },
  };
}

/** The same, without connections to it. */
export async function createMigratedDatabase(): Promise<ServedDatabase> {
  const name = `claw_test_${randomUUID().replaceAll("-", "")}`;
  await onServer(async (server) => {
    const template = await migratedTemplate(server);
    await server.query(`create database ${name} template ${template}`);
    // Nobody pulls this server's plug: a commit need not wait for the disk.
    await server.query(`alter database ${name} set synchronous_commit = off`);
  });
  return { url: databaseUrl(name), drop: () => dropDatabase(name) };
}

/** An empty database, not migrated. */
export async function createEmptyDatabase(): Promise<ServedDatabase> {
  const name = `claw_test_${randomUUID().replaceAll("-", "")}`;
  await onServer((server) => server.query(`create database ${name}`));
  return { url: databaseUrl(name), drop: () => dropDatabase(name) };
}

async function migratedTemplate(server: Client): Promise<string> {
  const template = `claw_template_${migrationsDigest()}`;
  // Test files that start together make it once.
  await server.query(`select pg_advisory_lock(hashtextextended('claw test template', 0))`);
  try {
    const found = await server.query(`select from pg_database where datname = $1`, [template]);
    if (found.rowCount === 0) {
      const unfinished = `${template}_${randomUUID().slice(0, 8)}`;
      await server.query(`create database ${unfinished}`);
      await migrateDatabase(databaseUrl(unfinished));
      await server.query(`alter database ${unfinished} rename to ${template}`);
    }
  } finally {
    await server.query(`select pg_advisory_unlock(hashtextextended('claw test template', 0))`);
  }
  return template;
}

function migrationsDigest(): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(migrationsDir).sort()) {
    hash.update(readFileSync(join(migrationsDir, file)));
  }
  return hash.digest("hex").slice(0, 16);
}

function serverUrl(): string {
  const url = process.env["CLAW_TEST_DATABASE_URL"];
  if (!url) {
    throw new Error("CLAW_TEST_DATABASE_URL is not set: the run's global setup (test/support/services.ts) sets it");
  }
  return url;
}

function databaseUrl(name: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return url.href;
}

async function dropDatabase(name: string): Promise<void> {
  await onServer(async (server) => {
    const { rows } = await server.query<{ oid: string }>(`select oid from pg_database where datname = $1`, [name]);
    await server.query(`drop database ${name} with (force)`);
    await server.query(`drop role if exists claw_service_${rows[0]?.oid}, claw_worker_${rows[0]?.oid}`);
  });
}

async function onServer<T>(work: (server: Client) => Promise<T>): Promise<T> {
  const server = new Client(serverUrl());
  await server.connect();
  try {
    return await work(server);
  } finally {
    await server.end();
  }
}
