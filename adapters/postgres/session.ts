import { escapeLiteral } from "pg";
import type { EntityManager } from "typeorm";
import { ClawError, type TenantId } from "../../sdk/contract/index.ts";
import type { AuditSigner } from "../../service/application/ports/audit/audit-signer.ts";
import type { DomainEvent } from "../../service/application/ports/events/outbox.ts";
import type { AuditEntry, ChainId, Position } from "../../service/domain/audit/chain.ts";
import { appendAudit } from "./append-audit.ts";
import { toClawError } from "./errors.ts";

/** Runs statements with the rights of its binding. */
export interface Scope {
  run<T>(work: (manager: EntityManager) => Promise<T>): Promise<T>;
}

/** What repositories are made of. */
export interface Unit {
  readonly platform: Scope;
  tenant(tenantId: TenantId): Scope;
  /** Has an event published with what is written. */
  publish(tenantId: TenantId, event: DomainEvent): void;
  /** Has something put on record with what is written. */
  record(chain: ChainId, entry: AuditEntry): void;
  /** Has a chain start behind one of its records, and those up to it removed, with what is put on record. */
  startBehind(chain: ChainId, upTo: Position): void;
}

const PLATFORM = "";
type Binding = TenantId | typeof PLATFORM;

function bind(binding: Binding): string {
  const role = binding === PLATFORM ? "claw_platform" : "claw_app";
  return `set local role ${role}; set local claw.tenant_id = ${escapeLiteral(binding)}`;
}

function fulfilled<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === "rejected") {
    throw settled.reason;
  }
  return settled.value;
}

/**
 * One database transaction, from its first statement on. Statements run one after the other, each under the role and tenant that it was made for: whoever
 * holds repositories of two tenants can use them in any order, or at once, and neither ever sees the other's rows.
 */
export class Session implements Unit {
  readonly #manager: EntityManager;
  readonly #signer: AuditSigner | undefined;
  readonly #records = new Map<ChainId, AuditEntry[]>();
  readonly #starts = new Map<ChainId, Position>();
  readonly #events: { readonly tenantId: TenantId; readonly event: DomainEvent }[] = [];
  #bound: Binding | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #begun = false;
  #ended = false;
  #failure: unknown;

  constructor(manager: EntityManager, signer: AuditSigner | undefined) {
    this.#manager = manager;
    this.#signer = signer;
  }

  get platform(): Scope {
    return { run: (work) => this.#enqueue(PLATFORM, work) };
  }

  tenant(tenantId: TenantId): Scope {
    return { run: (work) => this.#enqueue(tenantId, work) };
  }

  publish(tenantId: TenantId, event: DomainEvent): void {
    this.#events.push({ tenantId, event });
  }

  record(chain: ChainId, entry: AuditEntry): void {
    const pending = this.#records.get(chain) ?? [];
    pending.push(entry);
    this.#records.set(chain, pending);
  }

  /** How much is put on record with what is written. */
  get recorded(): number {
    return [...this.#records.values()].reduce((sum, entries) => sum + entries.length, 0);
  }

  startBehind(chain: ChainId, upTo: Position): void {
    this.#starts.set(chain, upTo);
  }

  /**
   * Waits for statements that nobody awaited, then writes the events and the audit log's records. Throws the failure of a statement, even when the work has
   * caught it: PostgreSQL has given the transaction up then, and a commit would undo it without a word.
   * The events come last, under a lock per tenant that is held to the commit: so a tenant's events have their sequence in commit
   * order. Chains of records are locked behind them, and nothing is after those.
   */
  async flush(): Promise<void> {
    await this.#last;
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    if (this.#events.length === 0 && this.#records.size === 0) {
      return;
    }
    await this.platform.run(async (manager) => {
      // On their way together, in this order: a commit waits for one answer less.
      const [published, recorded] = await Promise.allSettled([this.#writeEvents(manager), this.#writeRecords(manager)]);
      fulfilled(published);
      fulfilled(recorded);
    });
  }

  async #writeRecords(manager: EntityManager): Promise<void> {
    if (this.#records.size > 0) {
      if (!this.#signer) {
        throw new Error("something is to be put on record, and nothing signs the audit log");
      }
      await appendAudit(manager, { entries: this.#records, starts: this.#starts }, this.#signer);
    }
  }

  async #writeEvents(manager: EntityManager): Promise<void> {
    if (this.#events.length > 0) {
      const tenants = [...new Set(this.#events.map(({ tenantId }) => tenantId))].sort();
      const events = this.#events.map(({ event }) => event);
      // The locks are had before the first row is, and so before its sequence is drawn. Data go as the JSON that they are: NUL is in no text.
      await manager.query(
        `with locked as materialized (
           select pg_advisory_xact_lock(hashtextextended('claw outbox ' || tenant, 0)) from unnest($1::text[]) as tenant)
         insert into outbox (tenant_id, id, aggregate, event, time, data)
         select tenant_id, id, split_part(name, '.', 1), split_part(name, '.', 2), time, data
         from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::json[])
           with ordinality as e (tenant_id, id, name, time, data, place)
         where (select count(*) from locked) > 0 order by place`,
        [
          tenants,
          this.#events.map(({ tenantId }) => tenantId),
          events.map(({ id }) => id),
          events.map(({ event }) => event),
          events.map(({ time }) => time),
          events.map(({ data }) => JSON.stringify(data)),
        ],
      );
    }
  }

  /** Takes no more statements, waits for those that run, and ends the transaction. */
  async end(how: "commit" | "rollback"): Promise<void> {
    this.#ended = true;
    await this.#last;
    if (this.#begun) {
      await this.#manager.query(how);
    }
  }

  /**
   * Work right behind a statement, on their way together: every request begins several transactions, and changes roles in them. A login has no rights of its own, and
   * where a role could not be set, the transaction refuses what follows.
   */
  async #behind<T>(first: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const [begun, done] = await Promise.allSettled([this.#manager.query(first), work(this.#manager)]);
    fulfilled(begun);
    return fulfilled(done);
  }

  #enqueue<T>(binding: Binding, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    if (this.#ended) {
      return Promise.reject(new Error("a repository was used after its transaction"));
    }
    const result = this.#last.then(() => this.#run(binding, work));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #run<T>(binding: Binding, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      if (!this.#begun) {
        this.#begun = true;
        this.#bound = binding;
        return await this.#behind(`begin; ${bind(binding)}`, work);
      }
      if (this.#bound !== binding) {
        this.#bound = binding;
        return await this.#behind(bind(binding), work);
      }
      return await work(this.#manager);
    } catch (error) {
      const meant = toClawError(error);
      // A refusal without a cause was decided by reading, and leaves the transaction whole.
      if (!(meant instanceof ClawError) || meant.cause !== undefined) {
        this.#failure ??= meant;
      }
      throw meant;
    }
  }
}
