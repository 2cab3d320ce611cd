import type { PoolClient } from "pg";
import type { PendingOperation } from "../engine/contract/checkpoint.ts";
import { LeaseLostError, type StackLease, StackMissingError, type StackRef, type StoredResource } from "../engine/contract/store.ts";
import { foldResources } from "./stack-store-fold.ts";

const ROWS_PER_STATEMENT = 2000;
/** Where the tables of stacks are that are no tenant's. */
export const OWN_SCHEMA = "claw_engine";

/** One statement: its first part is the fence, and every other part writes nothing when the fence finds no row. */
export const COMMIT_SQL = `
  with fence as (
    update engine_stacks set serial = serial + 1
    where project = $1 and stack = $2 and lease_token = $3 and lease_holder is not null
    returning id, serial
  ), removed as (
    delete from engine_resources r using fence where r.stack_id = fence.id and r.key = any($4::text[])
  ), cut as (
    -- One condition on the key, so that the index is used: a removed key has no new edges anyway.
    delete from engine_edges e using fence
    where e.stack_id = fence.id and e.key = any($4::text[] || $5::text[]) and not exists (
      select from unnest($9::text[], $10::text[]) as edge (key, to_urn) where edge.key = e.key and edge.to_urn = e.to_urn)
  ), put as (
    insert into engine_resources (stack_id, key, urn, ord, state)
    select fence.id, new.key, new.urn, new.ord, new.state
    from fence, unnest($5::text[], $6::text[], $7::float8[], $8::json[]) as new (key, urn, ord, state)
    on conflict (stack_id, key) do update set urn = excluded.urn, ord = excluded.ord, state = excluded.state
  ), linked as (
    insert into engine_edges (stack_id, key, to_urn)
    select fence.id, edge.key, edge.to_urn from fence, unnest($9::text[], $10::text[]) as edge (key, to_urn)
    on conflict do nothing
  ), ended as (
    delete from engine_pending_operations p using fence
    where p.stack_id = fence.id and p.operation_id = any($11::text[]) and not p.operation_id = any($12::text[])
  ), begun as (
    insert into engine_pending_operations (stack_id, operation_id, operation)
    select fence.id, new.id, new.operation from fence, unnest($12::text[], $13::json[]) as new (id, operation)
    on conflict (stack_id, operation_id) do update set operation = excluded.operation
  )
  select serial from fence`;

/**
 * States with all that they depend on. The planner takes a closure for a tenth of the stack and would read all of it: `offset 0` keeps
 * it to one index look-up per URN.
 */
export const LOAD_CLOSURE_SQL = `
  with recursive closure (urn) as (
    select unnest($2::text[])
    union
    select e.to_urn
    from closure c
    cross join lateral (select key from engine_resources where stack_id = $1 and urn = c.urn offset 0) r
    cross join lateral (select to_urn from engine_edges where stack_id = $1 and key = r.key offset 0) e
  )
  select r.key, r.ord, r.state
  from closure c
  cross join lateral (select key, ord, state from engine_resources where stack_id = $1 and urn = c.urn offset 0) r
  order by r.ord`;

/** Takes the stack's row for this transaction, if the lease still holds. @throws {LeaseLostError} */
export async function fence(client: PoolClient, lease: StackLease): Promise<{ stackId: string; serial: number }> {
  const fenced = await client.query<{ id: string; serial: string }>(
    `update engine_stacks set serial = serial + 1
     where project = $1 and stack = $2 and lease_token = $3 and lease_holder is not null returning id, serial`,
    [lease.ref.project, lease.ref.stack, lease.fencingToken],
  );
  const row = fenced.rows[0];
  if (!row) {
    throw new LeaseLostError(lease.ref);
  }
  return { stackId: row.id, serial: Number(row.serial) };
}

export async function stackIdOf(client: PoolClient, ref: StackRef): Promise<string> {
  const found = await client.query<{ id: string }>(`select id from engine_stacks where project = $1 and stack = $2`, [
    ref.project,
    ref.stack,
  ]);
  if (!found.rows[0]) {
    throw new StackMissingError(ref);
  }
  return found.rows[0].id;
}

export async function setColumn(
  client: PoolClient,
  ref: StackRef,
  column: "config" | "tags" | "secrets_provider",
  value: unknown,
): Promise<void> {
  const updated = await client.query(`update engine_stacks set ${column} = $3 where project = $1 and stack = $2`, [
    ref.project,
    ref.stack,
    JSON.stringify(value),
  ]);
  if (!updated.rowCount) {
    throw new StackMissingError(ref);
  }
}

export async function writeDeployment(
  client: PoolClient,
  stackId: string,
  resources: readonly StoredResource[],
  pending: readonly PendingOperation[],
): Promise<void> {
  for (const table of ["engine_resources", "engine_edges", "engine_pending_operations"]) {
    await client.query(`delete from ${table} where stack_id = $1`, [stackId]);
  }
  for (let start = 0; start < resources.length; start += ROWS_PER_STATEMENT) {
    const { puts, edges } = foldResources(resources.slice(start, start + ROWS_PER_STATEMENT));
    await client.query(
      `insert into engine_resources (stack_id, key, urn, ord, state)
       select $1, * from unnest($2::text[], $3::text[], $4::float8[], $5::json[])`,
      [stackId, puts.keys, puts.urns, puts.orders, puts.states],
    );
    await client.query(`insert into engine_edges (stack_id, key, to_urn) select $1, * from unnest($2::text[], $3::text[])`, [
      stackId,
      edges.keys,
      edges.urns,
    ]);
  }
  for (const [index, operation] of pending.entries()) {
    await client.query(`insert into engine_pending_operations (stack_id, operation_id, operation) values ($1, $2, $3)`, [
      stackId,
      `imported-${index}`,
      JSON.stringify(operation),
    ]);
  }
}
