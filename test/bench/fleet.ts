import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { Claw } from "../../sdk/client/index.ts";
import type { ConfigTemplateInput } from "../../sdk/contract/index.ts";
import { anEcho, aTemplate, aTenant } from "../support/builders/manifests.ts";
import { createEmptyDatabase } from "../support/postgres.ts";
import { cpuSeconds, type ServiceProcess, startServiceProcess } from "../support/service-process.ts";
import { setup } from "../support/services.ts";
import { agentMemory } from "./agent-memory.ts";
import { atMost, type Figure, percentile, shown } from "./figure.ts";

/** Instances of a fleet, one service each: `CLAW_BENCH_SIZES=50,100 npm run bench -- fleet` is for a look in between. */
const SIZES = (process.env["CLAW_BENCH_SIZES"] ?? "100,200,400,800,1000").split(",").map(Number);
const TENANT = "fleet";
const TEMPLATE = "fleet";
const WRITERS = 8;
const READ_EVERY_MS = 100;
const SETTLE_TIMEOUT_MS = 600_000;

/** What a change of a whole fleet costs, and how that grows with the fleet: its creation, and a publish of the template that all use. */
export async function bench(): Promise<Figure[]> {
  const stopServers = await setup();
  try {
    const costs = new Map<string, Cost[]>();
    const figures: Figure[] = [];
    for (const size of SIZES) {
      for (const [name, cost] of Object.entries(await costsOf(size))) {
        costs.set(name, [...(costs.get(name) ?? []), cost]);
        figures.push(...figuresOf(name, size, cost));
      }
    }
    for (const [name, of] of costs) {
      figures.push(atMost(`${name}: growth of CPU, exponent`, exponent(of.map(({ cpuMs }) => cpuMs)), "", 1.1));
      figures.push(shown(`${name}: growth of wall time, exponent`, exponent(of.map(({ wallMs }) => wallMs)), ""));
    }
    return [...figures, ...(await agentMemory())];
  } finally {
    await stopServers();
  }
}

interface Cost {
  readonly wallMs: number;
  /** Of the service and its workers; agents, claws and PostgreSQL are not counted. */
  readonly cpuMs: number;
  readonly largestAnswerBytes: number;
  readonly readMs: readonly number[];
}

/** Limits per instance, CPU in milliseconds; the wall time of one size in seconds. */
const LIMITS: Readonly<Record<string, { readonly cpuMs?: number; readonly wall?: readonly [size: number, seconds: number] }>> = {
  create: { wall: [1000, 60] },
  preview: { cpuMs: 8, wall: [100, 5] },
  apply: { cpuMs: 15 },
};

function figuresOf(name: string, size: number, { wallMs, cpuMs, largestAnswerBytes, readMs }: Cost): Figure[] {
  const limits = LIMITS[name];
  const of = `${name} of ${size}`;
  const perInstance = `${of}: CPU per instance`;
  return [
    limits?.wall?.[0] === size ? atMost(`${of}: wall`, wallMs / 1000, "s", limits.wall[1]) : shown(`${of}: wall`, wallMs / 1000, "s"),
    limits?.cpuMs === undefined ? shown(perInstance, cpuMs / size, "ms") : atMost(perInstance, cpuMs / size, "ms", limits.cpuMs),
    atMost(`${of}: largest answer`, largestAnswerBytes / 1000, "kB", 1000),
    atMost(`${of}: reads meanwhile (p95)`, percentile(readMs, 0.95), "ms", 50),
  ];
}

async function costsOf(size: number): Promise<Readonly<Record<string, Cost>>> {
  const database = await createEmptyDatabase();
  const service = await startServiceProcess({ CLAW_RATE_LIMITS: "off", CLAW_DATABASE_URL: database.url });
  const rows = new Client(database.url);
  await rows.connect();
  try {
    const answers = new Answers();
    const claw = new Claw({ url: service.url, token: service.token, tenant: TENANT, timeoutMs: SETTLE_TIMEOUT_MS, fetch: answers.fetch });
    await service.claw().tenants.create(aTenant(TENANT));
    await claw.configs.create(template("one: "));
    await claw.configs.publish(TEMPLATE, {});
    // Asked of the database, so that waiting costs the service nothing.
    const settled = async () => {
      for (const deadline = Date.now() + SETTLE_TIMEOUT_MS; Date.now() < deadline; await delay(50)) {
        const { rows: left } = await rows.query("select 1 from instances where generation > observed_generation limit 1");
        if (left.length === 0) {
          return;
        }
      }
      throw new Error(`the fleet of ${size} has not settled`);
    };
    const measured = (work: () => Promise<void>) => measure(service, answers, work);

    const accepted = await measured(async () => {
      let next = 0;
      const names = Array.from({ length: size }, (_, index) => `echo-${index}`);
      await Promise.all(
        Array.from({ length: WRITERS }, async () => {
          for (let name = names[next++]; name !== undefined; name = names[next++]) {
            await claw.instances.create(anEcho(name, { running: false, config: { template: TEMPLATE } }));
          }
        }),
      );
    });
    const created = sumOf(accepted, await measured(settled));

    await claw.configs.replace(TEMPLATE, template("two: "));
    let planId: string | undefined;
    const preview = await measured(async () => {
      const preview = await claw.previews.create({ changes: [{ action: "publish", name: TEMPLATE }] });
      planId = preview.planId;
      for await (const _change of claw.previews.changes(preview.id, { cursor: preview.nextCursor })) {
        // All of it is read, as a person would who wants to see it.
      }
    });
    const apply = await measured(async () => {
      await claw.previews.apply(planId ?? "");
      await settled();
    });
    return { accept: accepted, create: created, preview, apply };
  } finally {
    await rows.end();
    await service.stop();
    await database.drop();
  }
}

function template(prefix: string): ConfigTemplateInput {
  return aTemplate(TEMPLATE, { variables: [{ name: "reply.prefix", type: "string", default: prefix }] });
}

/** What the service answered, largest first. */
class Answers {
  largestBytes = 0;

  readonly fetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const body = await response.arrayBuffer();
    this.largestBytes = Math.max(this.largestBytes, body.byteLength);
    return new Response(body.byteLength === 0 ? null : body, response);
  };
}

async function measure(service: ServiceProcess, answers: Answers, work: () => Promise<void>): Promise<Cost> {
  const cpu = () => cpuSeconds(service.pid, (command) => command.includes("stack-worker"));
  answers.largestBytes = 0;
  const reading = new AbortController();
  const reads = readsUntil(reading.signal, service.claw(TENANT));
  const cpuBefore = await cpu();
  const startedMs = performance.now();
  try {
    await work();
  } finally {
    reading.abort();
  }
  const wallMs = performance.now() - startedMs;
  return { wallMs, cpuMs: ((await cpu()) - cpuBefore) * 1000, largestAnswerBytes: answers.largestBytes, readMs: await reads };
}

/** Somebody looks at the fleet meanwhile. */
async function readsUntil(signal: AbortSignal, claw: Claw): Promise<readonly number[]> {
  const tookMs: number[] = [];
  while (!signal.aborted || tookMs.length === 0) {
    const startedMs = performance.now();
    await claw.instances.list({ limit: 20 });
    tookMs.push(performance.now() - startedMs);
    await delay(READ_EVERY_MS);
  }
  return tookMs;
}

function sumOf(first: Cost, second: Cost): Cost {
  return {
    wallMs: first.wallMs + second.wallMs,
    cpuMs: first.cpuMs + second.cpuMs,
    largestAnswerBytes: Math.max(first.largestAnswerBytes, second.largestAnswerBytes),
    readMs: [...first.readMs, ...second.readMs],
  };
}

/** The slope of the regression line through the logarithms: 1 when a fleet of twice the size costs twice as much. */
function exponent(values: readonly number[]): number {
  const xs = SIZES.map(Math.log);
  const ys = values.map(Math.log);
  const mean = (of: readonly number[]) => of.reduce((sum, value) => sum + value, 0) / of.length;
  const [meanX, meanY] = [mean(xs), mean(ys)];
  const covariance = xs.reduce((sum, x, index) => sum + (x - meanX) * ((ys[index] ?? 0) - meanY), 0);
  return covariance / xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0);
}
