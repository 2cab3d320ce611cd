import type { Pool, PoolClient } from "pg";
import type { StackStore } from "../engine/contract/store.ts";
import { openPool } from "./open-pool.ts";
import { PostgresStackStore } from "./stack-store.ts";
import { OWN_SCHEMA } from "./stack-store-sql.ts";

/** Whoever is first makes the tables, the others wait: no two transactions may make them at a time. */
const MAKING = 7_226_154_019;

/**
 * Stacks in tables of their own, for a program that is no control plane: no tenants, no roles, any login that may make a schema once.
 * @throws what the driver does, for the caller to say it in the words of its settings
 */
export async function openOwnStacks(url: string, connections: number): Promise<{ readonly store: StackStore; close(): Promise<void> }> {
  const pool = openPool(url, connections);
  try {
    await makeTables(pool);
  } catch (error) {
    await pool.end();
    throw error;
  }
  return { store: new PostgresStackStore(pool, undefined), close: () => pool.end() };
}

async function makeTables(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query(`select pg_advisory_xact_lock(${MAKING})`);
    await makeMissing(client);
    await client.query("commit");
    client.release();
  } catch (error) {
    // The connection goes with its transaction.
    client.release(true);
    throw error;
  }
}

async function makeMissing(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ schema: string | null; tables: string | null }>(
    `select to_regnamespace('${OWN_SCHEMA}') as schema, to_regclass('${OWN_SCHEMA}.engine_history') as tables`,
  );
  if (rows[0]?.schema === null) {
    await client.query(`create schema ${OWN_SCHEMA}`);
  }
  if (rows[0]?.tables === null) {
    await client.query(`set local search_path to ${OWN_SCHEMA}`);
    await client.query(TABLES);
  }
}

/** Those of the service's migrations, without tenants: a test compares them. */
const TABLES = `
  create sequence engine_fencing_tokens;
  create table engine_stacks (
    id bigint generated always as identity primary key,
    project text not null,
    stack text not null,
    serial bigint not null default 0,
    history_version bigint not null default 0,
    secrets_provider json,
    config json not null default '{}',
    tags json not null default '{}',
    last_update_at timestamptz,
    lease_holder text,
    lease_token bigint not null default 0,
    lease_expires_at timestamptz,
    cancel_requested boolean not null default false,
    created_at timestamptz not null default now(),
    unique (project, stack)
  );
  create table engine_resources (
    stack_id bigint not null references engine_stacks (id) on delete cascade,
    key text not null,
    urn text not null,
    ord double precision not null,
    state json not null,
    primary key (stack_id, key)
  );
  create index on engine_resources (stack_id, urn);
  create table engine_edges (
    stack_id bigint not null references engine_stacks (id) on delete cascade,
    key text not null,
    to_urn text not null,
    primary key (stack_id, key, to_urn)
  );
  create index on engine_edges (stack_id, to_urn);
  create table engine_pending_operations (
    stack_id bigint not null references engine_stacks (id) on delete cascade,
    operation_id text not null,
    ord bigint generated always as identity,
    operation json not null,
    primary key (stack_id, operation_id)
  );
  create table engine_history (
    stack_id bigint not null references engine_stacks (id) on delete cascade,
    version bigint not null,
    entry json not null,
    primary key (stack_id, version)
  );`;
