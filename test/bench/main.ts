import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import type { Claw } from "../../sdk/client/index.ts";
import { type ClawInstance, type ClawInstanceInput, ClawInstanceInputSchema } from "../../sdk/contract/index.ts";
import { bareStartMs } from "../support/bare-gateway.ts";
import { anEcho, aTenant } from "../support/builders/manifests.ts";
import { createEmptyDatabase } from "../support/postgres.ts";
import { residentBytes, type ServiceProcess, startServiceProcess } from "../support/service-process.ts";
import { setup } from "../support/services.ts";
import { atMost, type Figure, percentile, shown } from "./figure.ts";

const STARTS = 3;
const TENANT_SIZE = 100;
const STORED = 1000;
const PREVIEWS = 20;
const READS = 1000;
const READERS = 4;
const SETTLE_TIMEOUT_MS = 120_000;

/** What a person waits for: a start, a preview, a read; and what the control plane costs when nothing happens. */
export async function bench(): Promise<Figure[]> {
  const stopServers = await setup();
  const database = await createEmptyDatabase();
  try {
    const service = await startServiceProcess({ CLAW_RATE_LIMITS: "off", CLAW_DATABASE_URL: database.url, CLAW_WORKERS: "1" });
    try {
      return [
        await idleMemory(service, "idle control plane, just started"),
        ...(await starts(service)),
        ...(await previews(service)),
        ...(await reads(service, database.url)),
        await idleMemory(service, "idle control plane, after all of this"),
      ];
    } finally {
      await service.stop();
    }
  } finally {
    await database.drop();
    await stopServers();
  }
}

/** The API's process and its warm worker; agents and claws are the data plane. */
async function idleMemory(service: ServiceProcess, name: string): Promise<Figure> {
  await delay(10_000);
  const bytes = await residentBytes(service.pid, (command) => !command.includes("service/agent/main.ts"));
  return atMost(`${name}: resident memory`, bytes / 2 ** 20, "MB", 600);
}

/** From the accepted write to Ready, beside the same gateway started by hand with the same files on fresh data. */
async function starts(service: ServiceProcess): Promise<Figure[]> {
  const claw = await inTenant(service, "starts");
  const declared: number[] = [];
  const bare: number[] = [];
  // The first round installs the software and compiles it.
  for (let round = 0; round <= STARTS; round++) {
    const name = `gateway-${round}`;
    await claw.instances.create(aGateway(name));
    const acceptedMs = performance.now();
    await until(claw, name, isReady);
    const tookMs = performance.now() - acceptedMs;
    await claw.instances.stop(name);
    const { metadata } = await until(claw, name, ({ status }) => status.phase === "Stopped");
    const bareMs = await bareStartMs(service.dataDir, metadata.uid);
    await claw.instances.delete(name, { purgeData: true });
    if (round > 0) {
      declared.push(tookMs);
      bare.push(bareMs);
    }
  }
  const declaredS = percentile(declared, 0.5) / 1000;
  const bareS = percentile(bare, 0.5) / 1000;
  return [
    shown("accepted → Ready, OpenClaw (median)", declaredS, "s"),
    shown("bare openclaw gateway → ready (median)", bareS, "s"),
    atMost("accepted → Ready beyond the bare gateway", declaredS - bareS, "s", 1.5),
  ];
}

async function previews(service: ServiceProcess): Promise<Figure[]> {
  const claw = await inTenant(service, "hundred");
  const names = Array.from({ length: TENANT_SIZE }, (_, index) => `echo-${index}`);
  const { planId } = await claw.previews.create({ manifests: names.map((name) => anEcho(name, { running: false })) });
  if (planId === undefined) {
    throw new Error("the tenant's instances can't be applied");
  }
  await claw.previews.apply(planId);
  for (const name of names) {
    await until(claw, name, isSettled);
  }
  const tookMs: number[] = [];
  for (let round = 0; round < PREVIEWS + 3; round++) {
    const startMs = performance.now();
    const preview = await claw.previews.create({ manifests: [anEcho("echo-42", { running: true })] });
    if (preview.items.length === 0) {
      throw new Error("the preview shows no change");
    }
    if (round >= 3) {
      tookMs.push(performance.now() - startMs);
    }
  }
  return [
    atMost(`preview of one instance of ${TENANT_SIZE}, warm (median)`, percentile(tookMs, 0.5) / 1000, "s", 1),
    shown(`preview of one instance of ${TENANT_SIZE}, warm (p95)`, percentile(tookMs, 0.95) / 1000, "s"),
  ];
}

async function reads(service: ServiceProcess, databaseUrl: string): Promise<Figure[]> {
  const claw = service.claw("hundred");
  // Copies of an instance that is settled: nothing is left to be done for them.
  const database = new Client(databaseUrl);
  await database.connect();
  await database.query(
    `insert into instances select (jsonb_populate_record(null::instances, to_jsonb(i)
       || jsonb_build_object('id', i.id || '-' || n, 'name', 'copy-' || n))).*
     from instances i, generate_series(1, ${STORED - TENANT_SIZE}) n where i.name = 'echo-1'`,
  );
  // As autovacuum would within the minute: without statistics the lists' plans are others.
  await database.query("analyze instances");
  await database.end();
  const get = await readMs(READS, (n) => claw.instances.get(n % 10 === 0 ? `echo-${n % TENANT_SIZE}` : `copy-${1 + (n % 900)}`));
  const list = await readMs(READS / 5, () => claw.instances.list({ limit: 50 }));
  return [
    atMost(`read one of ${STORED} instances, ${READERS} at a time (p95)`, percentile(get, 0.95), "ms", 25),
    atMost(`list 50 of ${STORED} instances, ${READERS} at a time (p95)`, percentile(list, 0.95), "ms", 25),
  ];
}

async function readMs(count: number, read: (n: number) => PromiseLike<unknown>): Promise<number[]> {
  const tookMs: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: READERS }, async () => {
      for (let n = next++; n < count; n = next++) {
        const startMs = performance.now();
        await read(n);
        tookMs.push(performance.now() - startMs);
      }
    }),
  );
  // The first tenth warms up.
  return tookMs.slice(count / 10);
}

async function inTenant(service: ServiceProcess, name: string): Promise<Claw> {
  await service.claw().tenants.create(aTenant(name));
  return service.claw(name);
}

/** A gateway whose model is never asked. */
function aGateway(name: string): ClawInstanceInput {
  const model = {
    "model.provider": "standin",
    "model.name": "standin-1",
    "model.baseUrl": "http://127.0.0.1:9/v1",
    "model.apiKey": "local",
  };
  return ClawInstanceInputSchema.parse({
    apiVersion: "clusterclaw.io/v1",
    kind: "ClawInstance",
    metadata: { name },
    spec: { type: "OpenClaw", config: { overrides: Object.entries(model).map(([key, value]) => ({ key, value })) } },
  });
}

function isReady({ status }: ClawInstance): boolean {
  return status.conditions.some(({ type, status: value }) => type === "Ready" && value === "True");
}

function isSettled({ metadata, status }: ClawInstance): boolean {
  return status.observedGeneration === metadata.generation;
}

async function until(claw: Claw, name: string, passes: (instance: ClawInstance) => boolean): Promise<ClawInstance> {
  for (const deadline = Date.now() + SETTLE_TIMEOUT_MS; ; await delay(20)) {
    const instance = await claw.instances.get(name);
    if (passes(instance)) {
      return instance;
    }
    if (instance.status.phase === "Failed" || Date.now() > deadline) {
      throw new Error(`instance '${name}' did not get there: ${JSON.stringify(instance.status)}`);
    }
  }
}
