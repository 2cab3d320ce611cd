import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { Claw } from "../../sdk/client/index.ts";
import { aToken } from "../support/access.ts";
import { anEcho, anInstance, aTemplate, aTenant } from "../support/builders/manifests.ts";
import { createEmptyDatabase } from "../support/postgres.ts";
import { ownCpuSeconds, residentBytes, type ServiceProcess, startServiceProcess } from "../support/service-process.ts";
import { setup } from "../support/services.ts";
import { atMost, type Figure, percentile, shown } from "./figure.ts";

const TENANTS = 20;
const STORED = 1000;
const PER_SECOND = 200;
const SECONDS = 15;
/** Of the mixed load: one write to nine reads. */
const WRITE_EVERY = 10;
const COUNTED_REQUESTS = 3000;
const STREAMS = 1000;
const STREAM_SECONDS = 30;
const STREAMS_AT_ONCE = 20;
const SETTLE_TIMEOUT_MS = 300_000;
const TEMPLATE = "base";

/** What the control plane's door costs: 1,000 stored instances of 20 tenants whose people have roles and policies, and every limit is on. */
export async function bench(): Promise<Figure[]> {
  const stopServers = await setup();
  const database = await createEmptyDatabase();
  const rows = new Client(database.url);
  await rows.connect();
  try {
    const service = await startServiceProcess({
      CLAW_DATABASE_URL: database.url,
      CLAW_TYPES: join(import.meta.dirname, "../support/claws/ticking"),
    });
    try {
      const tenants = await populate(service, rows);
      return [
        ...(await requests("reads", tenants, () => false)),
        ...(await requests("reads and writes", tenants, (n) => n % WRITE_EVERY === 0)),
        ...(await settle(rows)),
        ...(await requests("writes", tenants, () => true)),
        ...(await settle(rows)),
        ...(await besideBare(service, tenants)),
        ...(await streams(service, tenants)),
      ];
    } finally {
      await service.stop();
    }
  } finally {
    await rows.end();
    await database.drop();
    await stopServers();
  }
}

interface BenchTenant {
  /** Somebody who has the role of an operator there, by a token. */
  readonly claw: Claw;
  readonly admin: Claw;
  readonly names: readonly string[];
}

async function populate(service: ServiceProcess, rows: Client): Promise<readonly BenchTenant[]> {
  const tenants = await Promise.all(
    Array.from({ length: TENANTS }, async (_, index): Promise<BenchTenant> => {
      const tenant = `team-${index}`;
      const policies = [
        { name: "allowed-types", value: "Echo,Ticking" },
        { name: "max-replicas", value: "1" },
      ];
      await service.claw().tenants.create(aTenant(tenant, { policies, quota: { instances: STORED } }));
      const admin = service.claw(tenant);
      await admin.configs.create(aTemplate(TEMPLATE));
      await admin.configs.publish(TEMPLATE, {});
      const token = await aToken(admin, { name: "robot", role: "tenant-admin" });
      const claw = new Claw({ url: service.url, token, tenant });
      const names = Array.from({ length: STORED / TENANTS }, (_, n) => `echo-${n}`);
      const { planId } = await claw.previews.create({ manifests: names.map((name) => anInstanceOf(name, 0)) });
      await claw.previews.apply(planId ?? "");
      return { claw, admin, names };
    }),
  );
  await settle(rows);
  await rows.query("analyze");
  return tenants;
}

function anInstanceOf(name: string, revision: number) {
  const overrides = [{ key: "reply.prefix", value: `${revision}: ` }];
  return anEcho(name, { running: false, config: { template: TEMPLATE, overrides } });
}

/** Waits until every instance is applied, asked of the database: that costs the service nothing. */
async function settle(rows: Client): Promise<Figure[]> {
  const startedMs = performance.now();
  for (const deadline = Date.now() + SETTLE_TIMEOUT_MS; Date.now() < deadline; await delay(50)) {
    const { rows: left } = await rows.query("select 1 from instances where generation > observed_generation limit 1");
    if (left.length === 0) {
      return [shown("… until all that was written is applied", (performance.now() - startedMs) / 1000, "s")];
    }
  }
  throw new Error("the instances have not settled");
}

/** Requests at a rate, whatever became of those before: nobody waits for others to be answered. */
async function requests(what: string, tenants: readonly BenchTenant[], isWrite: (n: number) => boolean): Promise<Figure[]> {
  const tookMs = { read: [] as number[], write: [] as number[] };
  const open = new Set<Promise<void>>();
  const startedMs = performance.now();
  let failed = 0;
  for (let n = 0; n < PER_SECOND * SECONDS; n++) {
    const dueMs = startedMs + (n * 1000) / PER_SECOND;
    await delay(Math.max(0, dueMs - performance.now()));
    const request = ask(tenants, n, isWrite(n)).then(
      // From when it was due, so that a generator that is late hides nothing.
      () => void tookMs[isWrite(n) ? "write" : "read"].push(performance.now() - dueMs),
      () => void failed++,
    );
    open.add(request);
    void request.then(() => open.delete(request));
  }
  await Promise.all(open);
  const figures = [atMost(`${what} at ${PER_SECOND} a second: failed`, failed, "", 0)];
  for (const [kind, limit] of [
    ["read", 25],
    ["write", 60],
  ] as const) {
    // The first second warms up.
    const counted = tookMs[kind].slice(Math.floor(tookMs[kind].length / SECONDS));
    if (counted.length > 0) {
      figures.push(
        shown(`${what} at ${PER_SECOND} a second: ${kind} (median)`, percentile(counted, 0.5), "ms"),
        atMost(`${what} at ${PER_SECOND} a second: ${kind} (p95)`, percentile(counted, 0.95), "ms", limit),
      );
    }
  }
  return figures;
}

async function ask(tenants: readonly BenchTenant[], n: number, isWrite: boolean): Promise<void> {
  const { claw, names } = tenants[n % TENANTS] as BenchTenant;
  const name = names[Math.floor(n / TENANTS) % names.length] as string;
  if (isWrite) {
    await claw.instances.replace(name, anInstanceOf(name, n + 1));
  } else if (n % 10 === 1) {
    await claw.instances.list({ limit: 20 });
  } else {
    await claw.instances.get(name);
  }
}

/** CPU of a guarded read beside that of a handler that answers the same document to everybody. */
async function besideBare(service: ServiceProcess, tenants: readonly BenchTenant[]): Promise<Figure[]> {
  const { claw, names } = tenants[0] as BenchTenant;
  const dir = await mkdtemp(join(tmpdir(), "claw-bench-"));
  const answer = join(dir, "answer.json");
  await writeFile(answer, JSON.stringify(await claw.instances.get(names[0] as string)));
  const bare = spawn(process.execPath, [join(import.meta.dirname, "bare-service.ts")], {
    env: { ...process.env, BARE_ANSWER: answer },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [url] = await once(bare.stdout, "data");
    const bareMs = await cpuMsPerRead(bare.pid ?? 0, [new Claw({ url: String(url).trim(), token: "none", tenant: "team-0" })], names);
    const guardedMs = await cpuMsPerRead(
      service.pid,
      tenants.map((tenant) => tenant.claw),
      names,
    );
    return [
      shown("CPU of a bare handler's answer", bareMs, "ms"),
      shown("CPU of the same answer by the control plane", guardedMs, "ms"),
      atMost("… times the bare", guardedMs / bareMs, "", 4),
    ];
  } finally {
    bare.kill();
    await rm(dir, { recursive: true });
  }
}

async function cpuMsPerRead(pid: number, claws: readonly Claw[], names: readonly string[]): Promise<number> {
  const read = async (count: number) => {
    let next = 0;
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let n = next++; n < count; n = next++) {
          await (claws[n % claws.length] as Claw).instances.get(names[n % names.length] as string);
        }
      }),
    );
  };
  await read(COUNTED_REQUESTS / 3);
  // A worker that ends meanwhile would be counted with what it did before.
  const cpu = () => ownCpuSeconds(pid);
  const before = await cpu();
  await read(COUNTED_REQUESTS);
  return (((await cpu()) - before) * 1000) / COUNTED_REQUESTS;
}

/** Chats of real claws that say the time once a second: how old it is when it comes. */
async function streams(service: ServiceProcess, tenants: readonly BenchTenant[]): Promise<Figure[]> {
  await Promise.all(tenants.map(({ admin }) => admin.instances.create(anInstance("ticking", { type: "Ticking" }))));
  const instances = await Promise.all(tenants.map(async ({ claw }) => (await claw.instances.get("ticking")).wait({ until: "Ready" })));
  const late: number[] = [];
  let expected = 0;
  const chats = Array.from({ length: STREAMS }, (_, n) => instances[n % instances.length] as (typeof instances)[number]);
  const talks: Promise<void>[] = [];
  for (let first = 0; first < STREAMS; first += STREAMS_AT_ONCE) {
    const opened = await Promise.all(chats.slice(first, first + STREAMS_AT_ONCE).map((instance) => instance.chat()));
    for (const chat of opened) {
      expected += STREAM_SECONDS;
      talks.push(
        (async () => {
          for await (const event of chat.send(String(STREAM_SECONDS))) {
            if (event.type === "delta") {
              late.push(performance.timeOrigin + performance.now() - Number(event.text));
            }
          }
          chat.close();
        })(),
      );
    }
  }
  await delay((STREAM_SECONDS * 1000) / 2);
  const bytes = await residentBytes(service.pid, () => false);
  await Promise.all(talks);
  return [
    atMost(`${STREAMS} streams of a message a second: lost`, expected - late.length, "", 0),
    shown(`${STREAMS} streams of a message a second: relay (median)`, percentile(late, 0.5), "ms"),
    atMost(`${STREAMS} streams of a message a second: relay (p95)`, percentile(late, 0.95), "ms", 50),
    atMost(`${STREAMS} streams of a message a second: resident memory`, bytes / 2 ** 20, "MB", 400),
  ];
}
