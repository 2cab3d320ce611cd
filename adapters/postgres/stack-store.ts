import type { Pool, PoolClient } from "pg";
import { escapeLiteral } from "pg";
import type { PendingOperation, SecretsProvider } from "../engine/contract/checkpoint.ts";
import { CommitBatches } from "../engine/contract/commit-batches.ts";
import {
  type HistoryEntry,
  type JournalEntry,
  LeaseLostError,
  StackExistsError,
  type StackLease,
  StackLockedError,
  StackMissingError,
  type StackRef,
  type StackStore,
  type StackSummary,
  type StoredResource,
  type StoredStack,
} from "../engine/contract/store.ts";
import type { FoldedEntries } from "./stack-store-fold.ts";
import { foldEntries } from "./stack-store-fold.ts";
import { COMMIT_SQL, fence, LOAD_CLOSURE_SQL, OWN_SCHEMA, setColumn, stackIdOf, writeDeployment } from "./stack-store-sql.ts";

const HISTORY_ENTRIES_KEPT = 500;

interface StackRow {
  serial: string;
  secrets_provider: SecretsProvider | null;
  config: StoredStack["config"];
  tags: StoredStack["tags"];
}
interface ResourceRow {
  key: string;
  ord: number;
  state: StoredResource["state"];
}

/** Stacks in PostgreSQL. Every call is one transaction, bound to a tenant by row-level security, or to the tables that are no tenant's. */
export class PostgresStackStore implements StackStore {
  readonly #pool: Pool;
  readonly #bind: string;
  readonly #batches = new CommitBatches((lease, entries) => this.#commitNow(lease, foldEntries(entries)));

  constructor(pool: Pool, tenantId: string | undefined) {
    this.#pool = pool;
    this.#bind =
      tenantId === undefined
        ? `set local search_path to ${OWN_SCHEMA}`
        : `set local role claw_app; select set_config('claw.tenant_id', ${escapeLiteral(tenantId)}, true)`;
  }

  async createStack(ref: StackRef, secretsProvider?: SecretsProvider): Promise<StoredStack> {
    return this.#transaction(async (client) => {
      const created = await client.query<StackRow>(
        `insert into engine_stacks (project, stack, secrets_provider) values ($1, $2, $3)
         on conflict do nothing returning serial, secrets_provider, config, tags`,
        [ref.project, ref.stack, secretsProvider === undefined ? null : JSON.stringify(secretsProvider)],
      );
      const row = created.rows[0];
      if (!row) {
        throw new StackExistsError(ref);
      }
      return toStack(ref, row);
    });
  }

  async findStack(ref: StackRef): Promise<StoredStack | undefined> {
    return this.#transaction(async (client) => {
      const found = await client.query<StackRow>(
        `select serial, secrets_provider, config, tags from engine_stacks where project = $1 and stack = $2`,
        [ref.project, ref.stack],
      );
      return found.rows[0] && toStack(ref, found.rows[0]);
    });
  }

  async listStacks(project?: string): Promise<StackSummary[]> {
    return this.#transaction(async (client) => {
      const listed = await client.query<{
        project: string;
        stack: string;
        last_update_at: Date | null;
        resource_count: string;
        locked: boolean;
      }>(
        `select project, stack, last_update_at,
                (select count(*) from engine_resources r where r.stack_id = s.id) as resource_count,
                lease_holder is not null and lease_expires_at > clock_timestamp() as locked
         from engine_stacks s where $1::text is null or project = $1 order by project, stack`,
        [project ?? null],
      );
      return listed.rows.map((row) => ({
        ref: { project: row.project, stack: row.stack },
        resourceCount: Number(row.resource_count),
        lastUpdate: row.last_update_at?.toISOString(),
        updateInProgress: row.locked,
      }));
    });
  }

  async removeStack(lease: StackLease): Promise<void> {
    await this.#transaction(async (client) => {
      await client.query(`delete from engine_stacks where id = $1`, [(await fence(client, lease)).stackId]);
    });
  }

  async renameStack(
    lease: StackLease,
    to: StackRef,
    checkpoint: { resources: readonly StoredResource[]; pending: readonly PendingOperation[] },
  ): Promise<StackLease> {
    await this.#transaction(async (client) => {
      const { stackId } = await fence(client, lease);
      const taken = await client.query(`select from engine_stacks where project = $1 and stack = $2`, [to.project, to.stack]);
      if (taken.rowCount) {
        throw new StackExistsError(to);
      }
      await client.query(`update engine_stacks set project = $2, stack = $3 where id = $1`, [stackId, to.project, to.stack]);
      await writeDeployment(client, stackId, checkpoint.resources, checkpoint.pending);
    });
    return { ...lease, ref: to };
  }

  async setSecretsProvider(target: StackLease | StackRef, provider: SecretsProvider): Promise<void> {
    await this.#transaction(async (client) => {
      if ("fencingToken" in target) {
        await fence(client, target);
      }
      await setColumn(client, "ref" in target ? target.ref : target, "secrets_provider", provider);
    });
  }

  async setConfig(ref: StackRef, config: StoredStack["config"]): Promise<void> {
    await this.#transaction((client) => setColumn(client, ref, "config", config));
  }

  async setTags(ref: StackRef, tags: StoredStack["tags"]): Promise<void> {
    await this.#transaction((client) => setColumn(client, ref, "tags", tags));
  }

  async loadResources(ref: StackRef, urns?: readonly string[]): Promise<{ serial: number; resources: StoredResource[] }> {
    return this.#transaction(async (client) => {
      const stack = await client.query<{ id: string; serial: string }>(
        `select id, serial from engine_stacks where project = $1 and stack = $2`,
        [ref.project, ref.stack],
      );
      const row = stack.rows[0];
      if (!row) {
        throw new StackMissingError(ref);
      }
      const loaded = urns
        ? await client.query<ResourceRow>({ name: "claw-load-closure", text: LOAD_CLOSURE_SQL, values: [row.id, urns] })
        : await client.query<ResourceRow>(`select key, ord, state from engine_resources where stack_id = $1 order by ord`, [row.id]);
      return { serial: Number(row.serial), resources: loaded.rows.map(toResource) };
    }, "begin isolation level repeatable read read only");
  }

  async loadPending(ref: StackRef): Promise<{ operationId: string; operation: PendingOperation }[]> {
    return this.#transaction(async (client) => {
      const pending = await client.query<{ operation_id: string; operation: PendingOperation }>(
        `select operation_id, operation from engine_pending_operations where stack_id = $1 order by ord`,
        [await stackIdOf(client, ref)],
      );
      return pending.rows.map((row) => ({ operationId: row.operation_id, operation: row.operation }));
    });
  }

  async findDependents(ref: StackRef, urns: readonly string[]): Promise<StoredResource[]> {
    return this.#transaction(async (client) => {
      const found = await client.query<ResourceRow>({
        name: "claw-find-dependents",
        text: `select key, ord, state from engine_resources
               where stack_id = $1
                 and key in (select key from engine_edges where stack_id = $1 and to_urn = any($2::text[]))
               order by ord`,
        values: [await stackIdOf(client, ref), urns],
      });
      return found.rows.map(toResource);
    });
  }

  commit(lease: StackLease, entries: readonly JournalEntry[]): Promise<number> {
    return this.#batches.commit(lease, entries);
  }

  async #commitNow(lease: StackLease, folded: FoldedEntries): Promise<number> {
    return this.#transaction(async (client) => {
      const written = await client.query<{ serial: string }>({
        name: "claw-commit",
        text: COMMIT_SQL,
        values: [
          lease.ref.project,
          lease.ref.stack,
          lease.fencingToken,
          folded.removedKeys,
          folded.puts.keys,
          folded.puts.urns,
          folded.puts.orders,
          folded.puts.states,
          folded.edges.keys,
          folded.edges.urns,
          folded.endedOperations,
          folded.begun.ids,
          folded.begun.operations,
        ],
      });
      const row = written.rows[0];
      if (!row) {
        throw new LeaseLostError(lease.ref);
      }
      return Number(row.serial);
    });
  }

  async replaceDeployment(lease: StackLease, resources: readonly StoredResource[], pending: readonly PendingOperation[]): Promise<number> {
    return this.#transaction(async (client) => {
      const { stackId, serial } = await fence(client, lease);
      await writeDeployment(client, stackId, resources, pending);
      return serial;
    });
  }

  async acquireLease(ref: StackRef, holder: string, ttlSeconds: number): Promise<StackLease> {
    return this.#transaction(async (client) => {
      const taken = await client.query<{ lease_token: string; former_holder: string | null }>(
        `with free as (
           select id, lease_holder from engine_stacks
           where project = $1 and stack = $2 and (lease_holder is null or lease_expires_at < clock_timestamp()) for update
         )
         update engine_stacks s set lease_holder = $3, lease_token = nextval('engine_fencing_tokens'),
                lease_expires_at = clock_timestamp() + make_interval(secs => $4), cancel_requested = false
         from free where s.id = free.id returning s.lease_token, free.lease_holder as former_holder`,
        [ref.project, ref.stack, holder, ttlSeconds],
      );
      const row = taken.rows[0];
      if (row) {
        return { ref, holder, fencingToken: Number(row.lease_token), ...(row.former_holder && { formerHolder: row.former_holder }) };
      }
      const held = await client.query<{ lease_holder: string | null }>(
        `select lease_holder from engine_stacks where project = $1 and stack = $2`,
        [ref.project, ref.stack],
      );
      if (!held.rows[0]) {
        throw new StackMissingError(ref);
      }
      throw new StackLockedError(ref, held.rows[0].lease_holder ?? "another worker");
    });
  }

  async renewLease(lease: StackLease, ttlSeconds: number): Promise<{ cancelRequested: boolean }> {
    return this.#transaction(async (client) => {
      const renewed = await client.query<{ cancel_requested: boolean }>(
        `update engine_stacks set lease_expires_at = clock_timestamp() + make_interval(secs => $4)
         where project = $1 and stack = $2 and lease_token = $3 and lease_holder is not null returning cancel_requested`,
        [lease.ref.project, lease.ref.stack, lease.fencingToken, ttlSeconds],
      );
      if (!renewed.rows[0]) {
        throw new LeaseLostError(lease.ref);
      }
      return { cancelRequested: renewed.rows[0].cancel_requested };
    });
  }

  async releaseLease(lease: StackLease): Promise<void> {
    await this.#transaction((client) =>
      client.query(
        `update engine_stacks set lease_holder = null, lease_expires_at = null
         where project = $1 and stack = $2 and lease_token = $3`,
        [lease.ref.project, lease.ref.stack, lease.fencingToken],
      ),
    );
  }

  async requestCancel(ref: StackRef): Promise<string | undefined> {
    return this.#transaction(async (client) => {
      await stackIdOf(client, ref);
      const asked = await client.query<{ lease_holder: string }>(
        `update engine_stacks set cancel_requested = true
         where project = $1 and stack = $2 and lease_holder is not null and lease_expires_at > clock_timestamp()
         returning lease_holder`,
        [ref.project, ref.stack],
      );
      return asked.rows[0]?.lease_holder;
    });
  }

  async breakLease(ref: StackRef): Promise<string | undefined> {
    return this.#transaction(async (client) => {
      const former = await client.query<{ id: string; lease_holder: string | null }>(
        `select id, lease_holder from engine_stacks where project = $1 and stack = $2 for update`,
        [ref.project, ref.stack],
      );
      const row = former.rows[0];
      if (!row) {
        throw new StackMissingError(ref);
      }
      if (row.lease_holder === null) {
        return undefined;
      }
      await client.query(
        `update engine_stacks set lease_holder = null, lease_expires_at = null, cancel_requested = false,
                lease_token = nextval('engine_fencing_tokens') where id = $1`,
        [row.id],
      );
      return row.lease_holder;
    });
  }

  async appendHistory(ref: StackRef, entry: Omit<HistoryEntry, "version">): Promise<void> {
    await this.#transaction(async (client) => {
      const numbered = await client.query<{ id: string; history_version: string }>(
        `update engine_stacks set history_version = history_version + 1, last_update_at = $3
         where project = $1 and stack = $2 returning id, history_version`,
        [ref.project, ref.stack, entry.endTime],
      );
      const row = numbered.rows[0];
      if (!row) {
        throw new StackMissingError(ref);
      }
      await client.query(`insert into engine_history (stack_id, version, entry) values ($1, $2, $3)`, [
        row.id,
        row.history_version,
        JSON.stringify(entry),
      ]);
      await client.query(`delete from engine_history where stack_id = $1 and version <= $2`, [
        row.id,
        Number(row.history_version) - HISTORY_ENTRIES_KEPT,
      ]);
    });
  }

  async listHistory(ref: StackRef, pageSize?: number, page = 1): Promise<HistoryEntry[]> {
    return this.#transaction(async (client) => {
      const listed = await client.query<{ version: string; entry: Omit<HistoryEntry, "version"> }>(
        `select version, entry from engine_history where stack_id = $1 order by version desc limit $2 offset $3`,
        [await stackIdOf(client, ref), pageSize ?? null, pageSize ? (page - 1) * pageSize : 0],
      );
      return listed.rows.map((row) => ({ version: Number(row.version), ...row.entry }));
    });
  }

  async #transaction<T>(work: (client: PoolClient) => Promise<T>, begin = "begin"): Promise<T> {
    const client = await this.#pool.connect();
    // On its way with the first statement.
    const begun = client.query(`${begin}; ${this.#bind}`);
    try {
      const [result] = await Promise.all([work(client), begun]);
      await client.query("commit");
      client.release();
      return result;
    } catch (error) {
      // A connection that can't even roll back is broken: it leaves the pool.
      await client.query("rollback").then(
        () => client.release(),
        (broken: Error) => client.release(broken),
      );
      throw error;
    }
  }
}

function toStack(ref: StackRef, row: StackRow): StoredStack {
  return {
    ref,
    serial: Number(row.serial),
    secretsProvider: row.secrets_provider ?? undefined,
    config: row.config,
    tags: row.tags,
  };
}

function toResource(row: ResourceRow): StoredResource {
  return { key: row.key, order: row.ord, state: row.state };
}
