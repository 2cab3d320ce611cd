import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, type ExpectStatic, it } from "vitest";
import { verify } from "../../../../adapters/engine/deployment/snapshot-integrity.ts";
import { PostgresStackStore } from "../../../../adapters/postgres/stack-store.ts";
import { until } from "../../../support/agent/harness.ts";
import type { CrashReply, CrashRequest, Wanted } from "../../../support/engine/crash-worker.ts";
import { createEngineDatabase, type EngineDatabase } from "../../../support/engine/database.ts";
import { DirectoryWorld } from "../../../support/engine/test-world.ts";

/** Every so many messages one is died at; 1 tries them all. */
const stride = Number(process.env["CLAW_CRASH_STRIDE"] ?? 8);
const workerPath = join(import.meta.dirname, "../../../support/engine/crash-worker.ts");

let database: EngineDatabase;
let folder: string;
beforeAll(async () => {
  database = await createEngineDatabase();
  folder = mkdtempSync(join(tmpdir(), "claw-crash-"));
});
afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** A process that runs stack operations, as the service's workers are. */
class Worker {
  readonly #process: ChildProcess;
  constructor() {
    const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "claw-crash-cache") };
    this.#process = fork(workerPath, [database.url], { env, execArgv: [] });
  }
  /** @returns nothing when the process died of it. */
  async run(request: CrashRequest): Promise<CrashReply | undefined> {
    const died = once(this.#process, "exit").then(([, signal]) => {
      if (signal !== "SIGKILL") throw new Error("the worker ended by itself");
      return undefined;
    });
    const replied = once(this.#process, "message").then(([reply]) => reply as CrashReply);
    this.#process.send(request);
    return Promise.race([replied, died]);
  }
  /** PostgreSQL may still be at what a killed process sent last: until it has noticed, the stack is not at rest. */
  async isForgotten(): Promise<void> {
    const sessions = async () =>
      (await database.pool.query("select from pg_stat_activity where application_name = $1", [`crash/${this.#process.pid}`])).rowCount;
    await until(async () => (await sessions()) === 0, "the sessions of the killed worker have ended");
  }
  async end(): Promise<void> {
    if (!this.#process.connected) return;
    this.#process.disconnect();
    await once(this.#process, "exit");
  }
}

const base: Wanted = { value: 1, replaceKey: 1, dbrKey: 1 };
const operations: { what: string; from?: Wanted; to?: Wanted }[] = [
  { what: "create", to: base },
  { what: "update", from: base, to: { ...base, value: 2 } },
  { what: "replacement", from: base, to: { ...base, replaceKey: 2 } },
  { what: "delete-before-replace", from: base, to: { ...base, dbrKey: 2 } },
  { what: "destroy", from: base },
];

describe("a worker that is killed", () => {
  const store = () => new PostgresStackStore(database.pool, "ten_crash");

  for (const { what, from, to } of operations) {
    it(`at a message of a ${what} leaves what the next one finishes`, { timeout: 600_000 }, async ({ expect }) => {
      let next = new Worker();
      for (let dieAt = 1; ; dieAt += stride) {
        const worker = next;
        next = new Worker();
        const stack = `${what}-${dieAt}`;
        const at = { stack, world: join(folder, stack) };
        const world = new DirectoryWorld(at.world);
        if (from) expect(await worker.run({ ...at, wanted: from })).toMatchObject({ messages: expect.any(Number) });
        const outlived = await worker.run({ ...at, ...(to && { wanted: to }), dieAt });
        if (outlived) {
          expect(outlived.error).toBeUndefined();
          await worker.end();
          break;
        }
        await worker.isForgotten();
        const perhaps = await recordedOf(stack, world, expect);
        // As when its time has passed: the next holder takes it over.
        await database.pool.query("update engine_stacks set lease_expires_at = clock_timestamp() where stack = $1", [stack]);
        const recovered = await next.run({ ...at, ...(to && { wanted: to }) });
        expect({ dieAt, error: recovered?.error }).toEqual({ dieAt, error: undefined });
        await checkSettled(stack, world, perhaps, to, expect);
        const again = await next.run({ ...at, ...(to && { wanted: to }) });
        expect(again).toMatchObject({ changes: to ? { same: 4 } : {} });
      }
      await next.end();
    });
  }

  /** Nothing that exists is unknown. @returns what exists without a state: creations that are on record as begun. */
  async function recordedOf(stack: string, world: DirectoryWorld, expect: ExpectStatic): Promise<string[]> {
    const ref = { project: "crash", stack };
    const { resources } = await store().loadResources(ref);
    const begun = (await store().loadPending(ref)).filter(({ operation }) => operation.type === "creating");
    verify(resources);
    const known = new Set(resources.map(({ state }) => state.id));
    const unknown = world.ids().filter((id) => !known.has(id));
    const names = begun.map(({ operation }) => operation.resource.urn.split("::").at(-1));
    for (const id of unknown) expect(names).toContain(id.split("-")[0]);
    expect(unknown.length).toBeLessThanOrEqual(begun.length);
    return unknown;
  }

  /** The stack has what is wanted once, and beside it there is only what a crash left in doubt, still on record. */
  async function checkSettled(
    stack: string,
    world: DirectoryWorld,
    perhaps: readonly string[],
    wanted: Wanted | undefined,
    expect: ExpectStatic,
  ): Promise<void> {
    const ref = { project: "crash", stack };
    const { resources } = await store().loadResources(ref);
    verify(resources);
    const ids = resources.flatMap(({ state }) => (state.type === "testing:index:Thing" ? [state.id ?? ""] : []));
    expect(ids.map((id) => id.split("-")[0]).sort()).toEqual(wanted ? ["a", "b"] : []);
    expect(world.ids()).toEqual([...ids, ...perhaps].sort());
    for (const id of ids) expect(world.get(id)?.inputs).toMatchObject({ value: wanted?.value });
    const doubts = (await store().loadPending(ref)).map(({ operation }) => operation.resource.urn.split("::").at(-1));
    for (const id of perhaps) expect(doubts).toContain(id.split("-")[0]);
  }
});
