import type { Pool } from "pg";
import { openPool } from "../../../adapters/postgres/open-pool.ts";
import { createMigratedDatabase, type ServedDatabase } from "../postgres.ts";

export interface EngineDatabase extends ServedDatabase {
  readonly pool: Pool;
}

/** A database of its own, with connections as a worker has them. */
export async function createEngineDatabase(): Promise<EngineDatabase> {
  const database = await createMigratedDatabase();
  const pool = openPool(database.url, 10);
  return {
    url: database.url,
    pool,
    drop: async () => {
      await pool.end();
      await database.drop();
    },
  };
}
