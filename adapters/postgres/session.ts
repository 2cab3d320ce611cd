import { escapeLiteral } from "pg";
import type { EntityManager } from "typeorm";
import { ClawError, type TenantId } from "../../sdk/contract/index.ts";
import type { DomainEvent } from "../../service/application/ports/events/outbox.ts";
import { OutboxEventEntity } from "./entities/outbox-event.ts";
import { toClawError } from "./errors.ts";

/** Runs statements of one transaction with the rights of its binding. */
export interface Scope {
  run<T>(work: (manager: EntityManager) => Promise<T>): Promise<T>;
}

const PLATFORM = "";
type Binding = TenantId | typeof PLATFORM;

/**
 * One database transaction, from its first statement on. Statements run one after the other, each under the role and tenant that it was made for: whoever
 * holds repositories of two tenants can use them in any order, or at once, and neither ever sees the other's rows.
 */
export class Session {
  readonly #manager: EntityManager;
  readonly #events: { readonly tenantId: TenantId; readonly event: DomainEvent }[] = [];
  #bound: Binding | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #begun = false;
  #ended = false;
  #failure: unknown;

  constructor(manager: EntityManager) {
    this.#manager = manager;
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

  /**
   * Waits for statements that nobody awaited, then writes the events. Throws the failure of a statement, even when the work has
   * caught it: PostgreSQL has given the transaction up then, and a commit would undo it without a word.
   * The events come last, under a lock per tenant that is held to the commit: so a tenant's events have their sequence in commit
   * order, and nothing is locked after these locks.
   */
  async flush(): Promise<void> {
    await this.#last;
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    if (this.#events.length === 0) {
      return;
    }
    await this.platform.run(async (manager) => {
      const tenants = [...new Set(this.#events.map(({ tenantId }) => tenantId))].sort();
      await manager.query(`select pg_advisory_xact_lock(hashtextextended('claw outbox ' || tenant, 0)) from unnest($1::text[]) as tenant`, [
        tenants,
      ]);
      await manager
        .createQueryBuilder()
        .insert()
        .into(OutboxEventEntity)
        .values(
          this.#events.map(({ tenantId, event: { id, event: name, time, data } }) => {
            const [aggregate = "", event = ""] = name.split(".");
            return { tenant_id: tenantId, id, aggregate, event, time: new Date(time), data };
          }),
        )
        .updateEntity(false)
        .execute();
    });
  }

  /** Takes no more statements, waits for those that run, and ends the transaction. */
  async end(how: "commit" | "rollback"): Promise<void> {
    this.#ended = true;
    await this.#last;
    if (this.#begun) {
      await this.#manager.query(how);
    }
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
      if (this.#bound !== binding) {
        const role = binding === PLATFORM ? "claw_platform" : "claw_app";
        const bind = `set local role ${role}; set local claw.tenant_id = ${escapeLiteral(binding)}`;
        // In one message: every request begins several transactions, and a round trip costs what a small query costs.
        const statements = this.#begun ? bind : `begin; ${bind}`;
        this.#begun = true;
        await this.#manager.query(statements);
        this.#bound = binding;
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
