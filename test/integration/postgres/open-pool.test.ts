import { describe, it } from "vitest";
import { openPool } from "../../../adapters/postgres/open-pool.ts";
import { createEmptyDatabase } from "../../support/postgres.ts";

describe("a worker's connections", () => {
  it("survive that the server ends the idle ones", async ({ expect, onTestFinished }) => {
    const database = await createEmptyDatabase();
    const pool = openPool(database.url, 2);
    onTestFinished(async () => {
      await pool.end();
      await database.drop();
    });
    const [idle, killer] = await Promise.all([pool.connect(), pool.connect()]);
    const { rows } = await idle.query<{ pid: number }>("select pg_backend_pid() as pid");
    idle.release();
    const lost = new Promise((resolve) => pool.once("remove", resolve));
    await killer.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
    killer.release();
    await lost;
    expect((await pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });
});
