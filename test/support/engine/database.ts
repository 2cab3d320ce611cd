import type { Pool } from "pg";
import { DataSource } from "typeorm";
import { CreateStacks1700000000002 } from "../../../adapters/postgres/migrations/0002-create-stacks.ts";
import { openPool } from "../../../adapters/postgres/open-pool.ts";
import { createEmptyDatabase } from "../postgres.ts";

export interface EngineDatabase {
  readonly url: string;
  readonly pool: Pool;
  drop(): Promise<void>;
}

/** A database of its own with the engine's tables only. */
export async function createEngineDatabase(): Promise<EngineDatabase> {
  const database = await createEmptyDatabase();
  const source = new DataSource({ type: "postgres", url: database.url, migrations: [CreateStacks1700000000002] });
  await source.initialize();
  await source.runMigrations();
  await source.destroy();
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
