import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import type { ResourceState } from "../../../adapters/engine/contract/checkpoint.ts";
import type { StackExport } from "../../../sdk/contract/index.ts";
import { procStat, readOptional, sendSignal } from "../../../service/agent/processes.ts";
import { aFixtureInstance } from "../../support/agent/fixture-instance.ts";
import { aHost, processesIn, until } from "../../support/agent/harness.ts";
import { anOperation, openWorkers, opsOf } from "../../support/automation/worker-pool.ts";
import { openEmbedded } from "../../support/engine/bench-engine.ts";
import { createEngineDatabase, type EngineDatabase } from "../../support/engine/database.ts";
import { hasCli, NO_CLI } from "../../support/engine/pulumi-cli.ts";

let database: EngineDatabase;
beforeAll(async () => {
  database = await createEngineDatabase();
});
afterAll(() => database.drop());

describe.each([
  { engine: "embedded", isThere: true },
  { engine: "cli", isThere: hasCli },
])("one instance's change on the engine '$engine'", ({ engine, isThere }) => {
  let workers: ReturnType<typeof openWorkers>;
  beforeAll(() => {
    workers = openWorkers(database, "/nonexistent", { CLAW_ENGINE: engine });
  });
  afterAll(() => workers.pool.close());
  beforeEach(({ skip }) => skip(!isThere, NO_CLI));

  it("makes the same checkpoint by itself as the whole program does", { timeout: 600_000 }, async ({ expect }) => {
    const host = aHost();
    const tenantId = `ten_same_${engine}`;
    const instance = (name: string, version: string) => {
      const { runtime } = aFixtureInstance(host, name);
      return aFixtureInstance(host, name, { running: false, runtime: { ...runtime, env: { VERSION: version } } });
    };
    const whole = (version: string) =>
      workers.pool.up(anOperation(tenantId, host, [instance("a", version), instance("b", "1"), instance("c", "1")], undefined));
    const checkpoint = async () => contentOf(await workers.exportOf({ tenantId, stack: "acme" }, true));
    await whole("1");
    const alone = await workers.pool.up(anOperation(tenantId, host, [instance("a", "2")]));
    expect(opsOf(alone)).toEqual({ "a-process": "update" });
    const targeted = await checkpoint();
    await whole("1");
    expect(opsOf(await whole("2"))).toEqual({ "a-process": "update" });
    const full = await checkpoint();
    expect(targeted).toEqual(full);
    expect(JSON.stringify(full)).toContain('"VERSION":"2"');
  });
});

describe.each([
  { engine: "embedded", isThere: true },
  { engine: "cli", isThere: hasCli },
])("an instance whose creation was killed on the engine '$engine'", ({ engine, isThere }) => {
  it("goes whole when the next operation no longer names it", { timeout: 300_000 }, async ({ expect, skip, onTestFinished }) => {
    skip(!isThere, NO_CLI);
    const host = aHost();
    const { pool } = openWorkers(database, "/nonexistent", { CLAW_ENGINE: engine });
    onTestFinished(() => pool.close());
    const tenantId = `ten_killed_${engine}`;
    const killed = pool.up(anOperation(tenantId, host, [aFixtureInstance(host, "gone")])).catch((error: unknown) => error);
    const runDir = join(host, "run", "ins_gone");
    await until(() => existsSync(join(runDir, "process.json")), "the agent has its specification", 120_000);
    // The worker, and with the real CLI that and its plugins.
    for (const pid of descendantsOf(process.pid).filter((candidate) => !processesIn(runDir).includes(candidate))) {
      if (/stack-worker|pulumi|provider-plugin/.test(commandOf(pid))) {
        sendSignal(pid, "SIGKILL");
      }
    }
    expect(await killed).toMatchObject({ code: "engine.failed" });
    const { failures } = await pool.up(anOperation(tenantId, host, [], ["gone"]));
    expect(failures).toEqual([]);
    expect(existsSync(runDir)).toBe(false);
    expect(existsSync(join(host, "tenants", "acme", "ins_gone", "data"))).toBe(false);
    await until(() => processesIn(runDir).length === 0, "its processes have ended");
  });
});

function commandOf(pid: number): string {
  return readOptional(`/proc/${pid}/cmdline`)?.replaceAll("\0", " ") ?? "";
}

function descendantsOf(pid: number): number[] {
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && procStat(Number(name))?.[1] === String(pid));
  return children.map(Number).flatMap((child) => [...descendantsOf(child), child]);
}

/** Without times, and in orders that do not depend on what ended first. */
function contentOf({ deployment }: StackExport): unknown[] {
  const resources = ((deployment.resources ?? []) as unknown as ResourceState[]).map(({ created, modified, ...state }) => ({
    ...state,
    dependencies: (state.dependencies ?? []).toSorted(),
    propertyDependencies: Object.fromEntries(Object.entries(state.propertyDependencies ?? {}).map(([key, urns]) => [key, urns.toSorted()])),
  }));
  return resources.sort((a, b) => (a.urn < b.urn ? -1 : 1));
}

describe("one instance's change in a stack of thousands", () => {
  const tables = ["engine_resources", "engine_edges", "engine_history", "engine_pending_operations"];
  const touched = async () => {
    const { rows } = await database.pool.query(
      `select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as read,
              sum(n_tup_ins + n_tup_upd + n_tup_del)::int as written
       from pg_stat_user_tables where relname = any($1)`,
      [tables],
    );
    return rows[0] as { read: number; written: number };
  };

  /** But for the test's own. */
  const sessionsHaveEnded = async () => {
    const { rows } = await database.pool.query(
      `select count(*)::int as sessions from pg_stat_activity where datname = current_database() and backend_type = 'client backend'`,
    );
    return rows[0].sessions === database.pool.totalCount;
  };

  it("neither reads nor writes the rest of it", async ({ expect }) => {
    // What a session did is counted for sure when it has ended.
    const inItsOwnSession = async (work: (engine: ReturnType<typeof openEmbedded>) => Promise<void>) => {
      const pool = new Pool({ connectionString: database.url, max: 2 });
      const engine = openEmbedded(pool);
      await work(engine);
      await engine.close();
      await pool.end();
      await until(sessionsHaveEnded, "the sessions have ended");
      return touched();
    };
    const before = await inItsOwnSession((engine) => engine.seed("thousands", 2000));
    const after = await inItsOwnSession(async (engine) => {
      for (const version of [1, 2, 3]) {
        await engine.change("thousands", 1234, version);
      }
    });
    const { rows } = await database.pool.query(`select count(*)::int as resources from engine_resources`);
    expect(rows[0].resources).toBeGreaterThan(12_000);
    expect((after.written - before.written) / 3).toBeLessThan(60);
    expect((after.read - before.read) / 3).toBeLessThan(600);
    expect(after.written - before.written).toBeGreaterThan(15);
  });
});
