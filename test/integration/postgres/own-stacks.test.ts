import { randomUUID } from "node:crypto";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { openOwnStacks } from "../../../adapters/postgres/own-stacks.ts";
import { itKeepsStacks } from "../../support/engine/stack-store-contract.ts";
import { createEmptyDatabase, createMigratedDatabase, type ServedDatabase } from "../../support/postgres.ts";

let database: ServedDatabase;
let url: string;
const login = `plain_${randomUUID().slice(0, 8)}`;
let stacks: Awaited<ReturnType<typeof openOwnStacks>>;

async function query<T extends object>(databaseUrl: string, text: string): Promise<T[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  database = await createEmptyDatabase();
  await query(database.url, `create role ${login} login password 'p'`);
  const plain = new URL(database.url);
  Object.assign(plain, { username: login, password: "p" });
  url = plain.href;
});
afterAll(async () => {
  await stacks?.close();
  await query(database.url, `drop owned by ${login}; drop role ${login}`);
  await database.drop();
});

describe("stacks in tables of their own", () => {
  it("are refused to a login that may make no schema, and made once for several that come at a time", async ({ expect }) => {
    await expect(openOwnStacks(url, 1)).rejects.toMatchObject({ code: "42501" });
    await query(database.url, `create schema claw_engine authorization ${login}`);
    const opened = await Promise.all([openOwnStacks(url, 1), openOwnStacks(url, 1), openOwnStacks(url, 4)]);
    stacks = opened[2];
    await Promise.all(opened.slice(0, 2).map((other) => other.close()));
  });

  itKeepsStacks(() => stacks.store);

  it("have the columns that the service's tables have, without tenants", async ({ expect }) => {
    const migrated = await createMigratedDatabase();
    const columns = (databaseUrl: string, schema: string) =>
      query(
        databaseUrl,
        `select table_name, column_name, data_type, is_nullable from information_schema.columns
         where table_schema = '${schema}' and table_name like 'engine_%' and column_name <> 'tenant_id' order by 1, 2`,
      );
    expect(await columns(url, "claw_engine")).toEqual(await columns(migrated.url, "public"));
    await migrated.drop();
  });
});
