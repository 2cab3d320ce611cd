import { DatabaseError, type Pool } from "pg";
import type { EntityManager } from "typeorm";
import type { TenantId } from "../../sdk/contract/index.ts";
import { type Binding, readBound } from "./bound-query.ts";
import { toClawError } from "./errors.ts";
import type { Scope, Unit } from "./session.ts";

/**
 * Reads, each statement by itself: a transaction at PostgreSQL's default isolation gives its statements no common view anyhow, and to begin and to end one
 * costs more than most of what is read in it.
 */
export class Reading implements Unit {
  readonly #pool: Pool;
  readonly platform: Scope = { run: (work) => this.#run({ role: "claw_platform", tenant: "" }, work) };

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  tenant(tenantId: TenantId): Scope {
    return { run: (work) => this.#run({ role: "claw_app", tenant: tenantId }, work) };
  }

  publish(): never {
    throw new Error("what reads publishes nothing");
  }

  record(): never {
    throw new Error("what reads puts nothing on record");
  }

  startBehind(): never {
    throw new Error("what reads removes nothing");
  }

  async #run<T>(binding: Binding, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const query = (text: string, values?: unknown[]) => this.#query(binding, text, values);
    try {
      // Whatever is read is asked by hand; the rest of a manager is for what writes.
      return await work({ query } as EntityManager);
    } catch (error) {
      throw toClawError(error);
    }
  }

  async #query(binding: Binding, text: string, values: unknown[] | undefined): Promise<unknown[]> {
    const client = await this.#pool.connect();
    // A connection that breaks fails what is asked over it, and says so once more: unheard, that would end the process.
    client.on("error", unheard);
    let isOver = false;
    try {
      return (await readBound(client, binding, text, values)).rows;
    } catch (error) {
      // What only refuses a statement leaves the connection as it was.
      isOver = !(error instanceof DatabaseError && error.severity === "ERROR");
      throw error;
    } finally {
      client.off("error", unheard);
      client.release(isOver);
    }
  }
}

function unheard(): void {}
