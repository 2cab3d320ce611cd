import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { verify } from "../../../../adapters/engine/deployment/snapshot-integrity.ts";
import { PostgresStackStore } from "../../../../adapters/postgres/stack-store.ts";
import { until } from "../../../support/agent/harness.ts";
import type { CrashReply, CrashRequest, Wanted } from "../../../support/engine/crash-worker.ts";
import { createEngineDatabase, type EngineDatabase } from "../../../support/engine/database.ts";
import { DirectoryWorld } from "../../../support/engine/test-world.ts";

/** Every so many messages one is died at, and every wish is made after it; 1 tries them all. The worst moments have a test of their own. */
const stride = Number(process.env["CLAW_CRASH_STRIDE"] ?? 30);
/** Which of them: a failure names it, and another one tries others. */
const seed = Number(process.env["CLAW_CRASH_SEED"] ?? 0);
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
    const answered = new AbortController();
    const died = once(this.#process, "exit", answered).then(([, signal]) => {
      if (signal !== "SIGKILL") {
        throw new Error("the worker ended by itself");
      }
      return undefined;
    });
    const replied = once(this.#process, "message", answered).then(([reply]) => reply as CrashReply);
    this.#process.send(request);
    // What comes second is not waited for any more.
    return Promise.race([replied, died]).finally(() => {
      answered.abort();
      return Promise.allSettled([replied, died]);
    });
  }
  /** PostgreSQL may still be at what a killed process sent last: until it has noticed, the stack is not at rest. */
  async isForgotten(): Promise<void> {
    const sessions = async () =>
      (await database.pool.query("select from pg_stat_activity where application_name = $1", [`crash/${this.#process.pid}`])).rowCount;
    await until(async () => (await sessions()) === 0, "the sessions of the killed worker have ended");
  }
  async end(): Promise<void> {
    if (!this.#process.connected) {
      return;
    }
    this.#process.disconnect();
    await once(this.#process, "exit");
  }
}

const base: Wanted = { value: 1, replaceKey: 1, dbrKey: 1 };
/** A stack of a tenant of its own, and what there is of its resources. */
type At = Pick<CrashRequest, "tenant" | "stack" | "world">;
/** How one is asked for, beside what the program says. */
type How = Pick<CrashRequest, "settleOnly" | "roundTrip">;
/** Of an instance they are its creation, changes, stop, start and version (update), its folders (replacement), and its end, its move or its tenant's end (destroy). */
const operations: { what: string; from?: Wanted; to?: Wanted; how?: How }[] = [
  { what: "create", to: base },
  { what: "update", from: base, to: { ...base, value: 2 } },
  { what: "replacement", from: base, to: { ...base, replaceKey: 2 } },
  { what: "delete-before-replace", from: base, to: { ...base, dbrKey: 2 } },
  { what: "destroy", from: base },
  { what: "round-trip", from: base, to: base, how: { roundTrip: true } },
];
/** What is asked for after the crash. @param to what was asked for before */
const nextWishes: { wish: string; of: (from: Wanted | undefined, to: Wanted | undefined) => Wanted | undefined; how?: How }[] = [
  { wish: "the same", of: (_from, to) => to },
  {
    wish: "what was before",
    of: (from, to) => from && { ...from, replaceKey: to && to.replaceKey !== from.replaceKey ? 9 : from.replaceKey },
  },
  { wish: "an update", of: (_from, to) => ({ ...(to ?? base), value: 3 }) },
  { wish: "a replacement", of: (_from, to) => ({ ...(to ?? base), replaceKey: 3 }) },
  { wish: "a delete-before-replace", of: (_from, to) => ({ ...(to ?? base), dbrKey: 3 }) },
  { wish: "nothing", of: () => undefined },
  { wish: "an export and its import", of: (_from, to) => to, how: { roundTrip: true } },
  { wish: "an export", of: () => undefined, how: { settleOnly: true } },
  // As each operation of a stack is on some of its instances only.
  { wish: "a change of another", of: () => ({ ...base, other: 1 }) },
];

describe("a worker that is killed", () => {
  const ref = (stack: string) => ({ project: "crash", stack });
  const storeOf = ({ tenant }: At) => new PostgresStackStore(database.pool, tenant);
  let made = 0;
  const anew = (): At => ({ tenant: `ten_crash${++made}`, stack: "crash", world: join(folder, String(made)) });
  /** One that is never killed: it has every second wish, as a worker of the service goes on to other stacks. */
  let survivor: Worker;
  let spare: Worker;
  beforeAll(() => {
    survivor = new Worker();
    spare = new Worker();
  });
  afterAll(() => Promise.all([survivor.end(), spare.end()]));
  const victim = () => {
    const worker = spare;
    spare = new Worker();
    return worker;
  };

  for (const { what, from, to, how: first } of operations) {
    it(`at a message of a ${what} leaves to the next one nothing unknown, whatever is wished then`, { timeout: 3_600_000 }, async ({
      expect,
    }) => {
      const before = anew();
      expect((await survivor.run({ ...before, ...(from && { wanted: from }) }))?.error).toBeUndefined();
      for (let dieAt = 1 + (seed % stride); ; dieAt += stride) {
        const worker = victim();
        const crashed = await copyOf(before);
        const outlived = await worker.run({ ...crashed, ...(to && { wanted: to }), ...first, dieAt });
        if (outlived) {
          expect(outlived.error).toBeUndefined();
          await worker.end();
          break;
        }
        await isAtRest(worker, crashed);
        for (const { wish, of, how } of nextWishes) {
          const at = await copyOf(crashed);
          const wanted = of(from, to);
          const recovered = await survivor.run({ ...at, ...(wanted && { wanted }), ...how });
          const when = { seed, dieAt, wish };
          expect({ ...when, error: recovered?.error }).toEqual({ ...when, error: undefined });
          if (how?.settleOnly || wanted?.other) {
            // Nothing was asked for of them but to know what there is.
            const { there, known, doubts } = await found(at);
            expect({ ...when, known, doubts }).toEqual({ ...when, known: there, doubts: 0 });
          } else {
            expect({ ...when, ...(await found(at)) }).toEqual({ ...when, ...declared(wanted) });
            const again = await survivor.run({ ...at, ...(wanted && { wanted }) });
            expect({ ...when, changes: again?.changes }).toEqual({ ...when, changes: wanted ? { same: 4 } : {} });
          }
          await forget(at);
        }
        await forget(crashed);
      }
    });
  }

  it.for([
    { after: "create", from: undefined, to: base, wished: undefined },
    { after: "create", from: undefined, to: base, wished: { ...base, replaceKey: 3 } },
    { after: "update", from: base, to: { ...base, value: 2 }, wished: base },
    { after: "update", from: base, to: { ...base, value: 2 }, wished: "an export" as const },
    { after: "create", from: base, to: { ...base, replaceKey: 2 }, wished: { ...base, replaceKey: 9 } },
    { after: "create", from: base, to: { ...base, replaceKey: 2 }, wished: "an export" as const },
    { after: "delete", from: base, to: { ...base, dbrKey: 2 }, wished: base },
    { after: "delete", from: base, to: undefined, wished: base },
    { after: "delete", from: base, to: undefined, wished: "an export" as const },
  ])(
    "between a $after that is done and the news of it leaves what is wished then: from $from to $to, and $wished",
    async ({ after, from, to, wished }, { expect }) => {
      const at = anew();
      if (from) {
        expect((await survivor.run({ ...at, wanted: from }))?.error).toBeUndefined();
      }
      const worker = victim();
      expect(await worker.run({ ...at, ...(to && { wanted: to }), dieAfter: after })).toBeUndefined();
      await isAtRest(worker, at);
      const wanted = wished === "an export" ? undefined : wished;
      const recovered = await survivor.run({ ...at, ...(wanted && { wanted }), settleOnly: wished === "an export" });
      expect(recovered?.error).toBeUndefined();
      const { there, known, doubts } = await found(at);
      expect({ known, doubts }).toEqual({ known: there, doubts: 0 });
      // What is to be deleted goes: then too, everything comes after what it depends on.
      verify((await storeOf(at).loadResources(ref(at.stack))).resources.filter(({ state }) => !state.delete));
      if (wished !== "an export") {
        expect(there).toEqual(declared(wanted).there);
      }
    },
  );

  /** Waits until nobody is at a killed worker's stack any more, which the next holder takes over as when its time has passed. */
  async function isAtRest(worker: Worker, at: At): Promise<void> {
    await worker.isForgotten();
    verify((await storeOf(at).loadResources(ref(at.stack))).resources);
    await database.pool.query("update engine_stacks set lease_expires_at = clock_timestamp() where tenant_id = $1", [at.tenant]);
  }

  /** The same stack and the same resources of another tenant: what a crash left is tried with one wish after the other. */
  async function copyOf({ tenant, stack, world }: At): Promise<At> {
    const copy = anew();
    cpSync(world, copy.world, { recursive: true });
    const { rows } = await database.pool.query(
      `insert into engine_stacks overriding system value
         select (jsonb_populate_record(s, jsonb_build_object('id', nextval(pg_get_serial_sequence('engine_stacks', 'id')), 'tenant_id', $2::text))).*
           from engine_stacks s where tenant_id = $1
       returning id`,
      [tenant, copy.tenant],
    );
    for (const table of ["engine_resources", "engine_edges", "engine_pending_operations", "engine_history"]) {
      await database.pool.query(
        `insert into ${table} overriding system value
           select (jsonb_populate_record(t, jsonb_build_object('stack_id', $3::bigint, 'tenant_id', $2::text))).* from ${table} t where tenant_id = $1`,
        [tenant, copy.tenant, rows[0]?.id],
      );
    }
    return { ...copy, stack };
  }

  async function forget({ tenant, world }: At): Promise<void> {
    await database.pool.query("delete from engine_stacks where tenant_id = $1", [tenant]);
    rmSync(world, { recursive: true, force: true });
  }

  /** What there is, what the checkpoint says that there is, and what it is not sure of. */
  async function found(at: At) {
    const world = new DirectoryWorld(at.world);
    const { resources } = await storeOf(at).loadResources(ref(at.stack));
    verify(resources);
    const all = resources.flatMap(({ state }) => (state.type === "testing:index:Thing" ? [state] : []));
    // What was deleted for its replacement stays in the state until that is made.
    const things = all.filter(({ pendingReplacement }) => !pendingReplacement);
    return {
      there: Object.fromEntries(world.ids().map((id) => [id, world.get(id)?.inputs["value"]])),
      known: Object.fromEntries(things.map(({ id, inputs }) => [id, inputs?.["value"]])),
      doubts: (await storeOf(at).loadPending(ref(at.stack))).length,
      awaited: all.length - things.length,
    };
  }

  function declared(wanted: Wanted | undefined) {
    const a = wanted && `a-${wanted.replaceKey}-${wanted.dbrKey}`;
    const things = wanted ? { [`${a}`]: wanted.value, [`b-${a}`]: wanted.value } : {};
    return { there: things, known: things, doubts: 0, awaited: 0 };
  }
});
