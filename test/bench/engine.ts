import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { runBare } from "../support/engine/bare-monitor.ts";
import { type Engine, openCli, openEmbedded } from "../support/engine/bench-engine.ts";
import { type Cost, measure, operationNames, operations, range } from "../support/engine/bench-operations.ts";
import { program, resourcesPerInstance } from "../support/engine/bench-program.ts";
import type { Task } from "../support/engine/bench-worker.ts";
import { createEngineDatabase } from "../support/engine/database.ts";
import { setup } from "../support/services.ts";
import { atLeast, atMost, type Figure, percentile, shown } from "./figure.ts";

const FULL_SIZES = [10, 100, 1000];
const CHANGE_SIZES = [10, 100, 1000, 10_000];
const AT_ONCE = 8;
const ROUNDS = 5;
const benchWorker = new URL("../support/engine/bench-worker.ts", import.meta.url);
const warmWorker = new URL("../support/engine/warm-worker.ts", import.meta.url);

/** What an operation costs: of a whole stack beside the bare registration, of one instance beside the stack's size, and beside the CLI. */
export async function bench(): Promise<Figure[]> {
  const stopServers = await setup();
  const database = await createEngineDatabase();
  const engine = openEmbedded(database.pool);
  try {
    const figures: Figure[] = [];
    await engine.seed("warm", 10);
    await engine.preview("warm", range(10));
    const costs: Costs = new Map();
    for (const size of FULL_SIZES) {
      figures.push(...(await wholeStack(engine, size, costs)));
    }
    figures.push(...(await atOnce(engine, database.url)));
    figures.push(...(await memory(database.url)));
    for (const size of CHANGE_SIZES) {
      await engine.seed(`change-${size}`, size);
      const cost = await median(2 * ROUNDS, (round) => engine.change(`change-${size}`, 5, round));
      costs.set(`change ${size}`, cost);
      figures.push(shown(`one instance's change of ${size}: wall`, cost.wallMs, "ms"));
      figures.push(atMost(`one instance's change of ${size}: CPU`, cost.cpuMs, "ms", 150));
    }
    figures.push(...(await besideCli(engine, costs)));
    return figures;
  } finally {
    await engine.close();
    await database.drop();
    await stopServers();
  }
}

/** By what was measured: `preview 100`. */
type Costs = Map<string, Cost>;

async function wholeStack(engine: Engine, size: number, costs: Costs): Promise<Figure[]> {
  const stack = `full-${size}`;
  const all = range(size);
  const of = resourcesOf(size);
  // The smaller sizes have warmed everything up by then.
  const rounds = size >= 1000 ? 0 : ROUNDS;
  await engine.seed(stack, size);
  const floor = await median(rounds, () => runBare(program(all)));
  const figures = both(`bare registration ${of}`, floor);
  for (const [name, operation] of Object.entries(operations)) {
    const cost = await median(rounds, (round) => operation(engine, stack, all, round));
    costs.set(`${name} ${size}`, cost);
    figures.push(...both(`${name} ${of}`, cost));
  }
  const ratio = (costs.get(`preview ${size}`)?.cpuMs ?? 0) / floor.cpuMs;
  const title = `preview ${of}, times the CPU of the bare`;
  figures.push(size === 100 ? atMost(title, ratio, "×", 1.5) : shown(title, ratio, "×"));
  return figures;
}

/** As many processes, each with a stack of its own: what the service does with several tenants. */
async function atOnce(engine: Engine, databaseUrl: string): Promise<Figure[]> {
  const workers = range(AT_ONCE).map(() => fork(benchWorker, [databaseUrl], { execArgv: workerFlags }));
  try {
    await Promise.all(workers.map(nextMessage));
    const figures: Figure[] = [];
    for (const size of FULL_SIZES) {
      const stackOf = (index: number) => `full-${size}-${index}`;
      for (const index of workers.keys()) {
        await engine.seed(stackOf(index), size);
      }
      for (const operation of operationNames) {
        const startedMs = performance.now();
        const costs = await Promise.all(workers.map((worker, index) => ask(worker, { operation, stack: stackOf(index), size })));
        const cpuMs = costs.reduce((sum, cost) => sum + cost.cpuMs, 0);
        figures.push(
          ...both(`${AT_ONCE} at once: ${operation} ${resourcesOf(size)} each`, { wallMs: performance.now() - startedMs, cpuMs }),
        );
      }
    }
    return figures;
  } finally {
    for (const worker of workers) {
      worker.kill();
    }
  }
}

async function ask(worker: ChildProcess, task: Task): Promise<Cost> {
  worker.send(task);
  return (await nextMessage(worker)) as Cost;
}

/** @throws when the process ends instead */
async function nextMessage(worker: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const end = () => ended.abort(new Error("a worker of the bench ended"));
  worker.once("exit", end);
  try {
    const [message] = await once(worker, "message", { signal: ended.signal });
    return message;
  } finally {
    worker.off("exit", end);
  }
}

function both(name: string, cost: Cost): Figure[] {
  return [shown(name, cost.wallMs, "ms"), shown(`${name}: CPU`, cost.cpuMs, "ms")];
}

/** As the service starts its workers. */
const workerFlags = ["--expose-gc", "--max-semi-space-size=8"];

/** Of a process that does nothing else, in a stack of a thousand instances: as the service's workers are. */
async function memory(databaseUrl: string): Promise<Figure[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [...workerFlags, warmWorker.pathname, databaseUrl, "full-1000"]);
  const [changes = 0, full = 0] = stdout.trim().split(" ").map(Number);
  return [
    atMost("a warm worker after 50 one-instance changes: resident memory", changes / 2 ** 20, "MB", 250),
    shown("a warm worker after a preview of 601 resources: resident memory", full / 2 ** 20, "MB"),
  ];
}

/** Wall time alone: the CLI's processes are not ours to count. */
async function besideCli(engine: Engine, costs: Costs): Promise<Figure[]> {
  const cli = await openCli(engine).catch(() => undefined);
  if (!cli) {
    return [];
  }
  const times = (name: string, theirs: Cost, of: string) => theirs.wallMs / (costs.get(`${name} ${of}`)?.wallMs ?? 0);
  try {
    const figures: Figure[] = [];
    for (const [size, limit] of [
      [10, 20],
      [1000, 50],
    ] as const) {
      await cli.seed(`change-${size}`, size);
      const cost = await median(2, (round) => cli.change(`change-${size}`, 5, 50 + round));
      figures.push(shown(`the CLI: one instance's change of ${size}`, cost.wallMs, "ms"));
      figures.push(atLeast(`one instance's change of ${size}, times faster than the CLI`, times("change", cost, String(size)), "×", limit));
    }
    // Of a thousand instances it takes half a minute to preview, and one and a half for an update that changes nothing.
    for (const size of [10, 100]) {
      const stack = `full-${size}`;
      const of = resourcesOf(size);
      await cli.seed(stack, size);
      for (const [name, operation] of Object.entries(operations)) {
        const cost = await measure(() => operation(cli, stack, range(size), 60));
        figures.push(shown(`the CLI: ${name} ${of}`, cost.wallMs, "ms"));
        if (name === "preview" && size === 100) {
          figures.push(atLeast(`preview ${of}, times faster than the CLI`, times(name, cost, "100"), "×", 2));
        }
      }
    }
    return figures;
  } finally {
    await cli.close();
  }
}

/** The first of several rounds warms up. */
async function median(rounds: number, work: (round: number) => Promise<unknown>): Promise<Cost> {
  const costs: Cost[] = [];
  for (let round = 0; round <= rounds; round++) {
    costs.push(await measure(() => work(round)));
  }
  const warm = rounds === 0 ? costs : costs.slice(1);
  return {
    wallMs: percentile(
      warm.map((cost) => cost.wallMs),
      0.5,
    ),
    cpuMs: percentile(
      warm.map((cost) => cost.cpuMs),
      0.5,
    ),
  };
}

function resourcesOf(instances: number): string {
  return `of ${instances * resourcesPerInstance + 1} resources`;
}
