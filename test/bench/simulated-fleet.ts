import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { createClawTypes } from "../../adapters/claws/claw-types.ts";
import { SecretCipherAes } from "../../adapters/identity/cipher.ts";
import { loadMasterKeys } from "../../adapters/identity/master-key.ts";
import { openDatabase } from "../../adapters/postgres/open-database.ts";
import type { Claw } from "../../sdk/client/index.ts";
import { digestOfHanding } from "../../sdk/contract/index.ts";
import { resolveInstances } from "../../service/application/instances/resolve-instance.ts";
import { agentUrlOf } from "../../service/http/agents/agent-socket.ts";
import { handings } from "../../service/roots/control-plane/handings.ts";
import { anEcho, aTemplate, aTenant } from "../support/builders/manifests.ts";
import { createEmptyDatabase, testSigner } from "../support/postgres.ts";
import { cpuSeconds, residentBytes, type ServiceProcess, startServiceProcess } from "../support/service-process.ts";
import { atMost, type Figure, percentile, shown } from "./figure.ts";
import type { Asked, Told } from "./simulated-agents.ts";

const TENANT = "fleet";
const TEMPLATE = "fleet";
const WRITERS = 8;
const ROUNDS = 5;
const QUIET_MS = 10_000;
const TIMEOUT_MS = 600_000;
const HELD_MEMORY = new URL("held-memory.ts", import.meta.url).href;

/** A fleet whose agents are simulated: more than a machine has room for. The service, its engine and their connections are real. */
export async function simulatedFleet(size: number): Promise<Figure[]> {
  const database = await createEmptyDatabase();
  const service = await startServiceProcess({
    CLAW_RATE_LIMITS: "off",
    CLAW_DATABASE_URL: database.url,
    NODE_OPTIONS: `--import=${HELD_MEMORY}`,
  });
  const rows = new Client(database.url);
  await rows.connect();
  let agents: ChildProcess | undefined;
  try {
    const settled = () => untilNone(rows, "generation > observed_generation");
    await service.claw().tenants.create(aTenant(TENANT, { quota: { instances: size, cpu: "1000", memory: "1000Gi", storage: "10Ti" } }));
    const claw = service.claw(TENANT).withOptions({ timeoutMs: TIMEOUT_MS });
    await claw.configs.create(template("0: "));
    await claw.configs.publish(TEMPLATE, {});
    const names = Array.from({ length: size }, (_, index) => `echo-${index}`);
    await inParallel(names, (name) => claw.instances.create(anEcho(name, { running: false, config: { template: TEMPLATE } })));
    await settled();
    const host = fork(new URL("simulated-agents.ts", import.meta.url), [service.dataDir], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    agents = host;
    await once(host, "message");
    await inParallel(names, (name) => claw.instances.start(name));
    await settled();
    await untilNone(rows, "phase <> 'Running'");
    return [
      ...(await deliveries({ claw, service, host, size, settled })),
      await preview(claw, size),
      await resolutions(service, database.url, names),
      ...(await connections({ service, host, rows, size })),
    ];
  } finally {
    await rows.end();
    await service.stop();
    agents?.kill("SIGKILL");
    await database.drop();
  }
}

interface Fleet {
  readonly claw: Claw;
  readonly service: ServiceProcess;
  readonly host: ChildProcess;
  readonly size: number;
  readonly settled: () => Promise<void>;
}

async function deliveries({ claw, service, host, size, settled }: Fleet): Promise<Figure[]> {
  const tookMs: number[] = [];
  const followedMs: number[] = [];
  const cpuBefore = await cpuSeconds(service.pid);
  for (let round = 1; round <= ROUNDS; round++) {
    const prefix = `${round}: `;
    await claw.configs.replace(TEMPLATE, template(prefix));
    const told = once(host, "message");
    host.send({ await: prefix, of: size } satisfies Asked);
    await claw.configs.publish(TEMPLATE, {});
    const acceptedAt = Date.now();
    const [{ tookAt }] = (await told) as [Extract<Told, { tookAt: unknown }>];
    tookMs.push(...tookAt.map((at) => at - acceptedAt));
    await settled();
    followedMs.push(Date.now() - acceptedAt);
  }
  const cpuMs = (((await cpuSeconds(service.pid)) - cpuBefore) * 1000) / ROUNDS / size;
  const of = `publish → applied, ${size} simulated`;
  return [
    shown(`${of}: p50`, percentile(tookMs, 0.5) / 1000, "s"),
    shown(`${of}: p95`, percentile(tookMs, 0.95) / 1000, "s"),
    atMost(`${of}: p99`, percentile(tookMs, 0.99) / 1000, "s", 5),
    shown(`${of}: the stack has followed (median)`, percentile(followedMs, 0.5) / 1000, "s"),
    shown(`${of}: CPU of service and workers per instance`, cpuMs, "ms"),
  ];
}

async function preview(claw: Claw, size: number): Promise<Figure> {
  const tookMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await claw.configs.replace(TEMPLATE, template(`shown ${round}: `));
    const begunMs = performance.now();
    const { planId } = await claw.previews.create({ changes: [{ action: "publish", name: TEMPLATE }] });
    tookMs.push(performance.now() - begunMs);
    if (planId === undefined) {
      throw new Error("what it shows can't be applied");
    }
  }
  return atMost(`preview of a publish to ${size} instances: its summary (median)`, percentile(tookMs, 0.5) / 1000, "s", 2);
}

/** In this process, as the service does it: CPU time is one core's. */
async function resolutions(service: ServiceProcess, databaseUrl: string, names: readonly string[]): Promise<Figure> {
  const size = names.length;
  const target = { runtime: "process" as const, rootDir: service.dataDir, agentUrl: agentUrlOf(service.url) };
  const cipher = new SecretCipherAes((await loadMasterKeys(service.dataDir))[0] ?? Buffer.alloc(0));
  const database = await openDatabase({ url: databaseUrl, connections: 2, signer: testSigner });
  try {
    const tookMs: number[] = [];
    const checks = { known: () => ({ schema: undefined, isAsked: true, unchecked: undefined }) };
    const deps = { types: createClawTypes({}), cipher, checks };
    for (let round = 0; round < ROUNDS; round++) {
      const begun = process.cpuUsage();
      const count = await database.transactions.platform(async (tx) => {
        const { id } = await tx.tenants.get(TENANT);
        const scope = await tx.enter(id);
        const instances = await scope.instances.findAll(names);
        const resolutions = await resolveInstances(tx, scope, TENANT, instances, deps);
        return resolutions.filter(({ resolved }) => resolved && digestOfHanding(handings.process(target, TENANT, resolved))).length;
      });
      if (count !== size) {
        throw new Error(`${count} of ${size} instances could be resolved`);
      }
      const { user, system } = process.cpuUsage(begun);
      tookMs.push((user + system) / 1000);
    }
    return atMost(`resolve and render ${size} instances: CPU (median)`, percentile(tookMs, 0.5) / 1000, "s", 2);
  } finally {
    await database.close();
  }
}

/** What the service takes beyond the same without agents: what it holds, and with what it has not collected yet. */
async function connections({ service, host, rows, size }: Pick<Fleet, "service" | "host" | "size"> & { rows: Client }): Promise<Figure[]> {
  host.send({ dial: false } satisfies Asked);
  service.signal("SIGTERM");
  await service.restart();
  await delay(QUIET_MS);
  const [heldBefore, residentBefore] = await memoryOf(service);
  host.send({ dial: true } satisfies Asked);
  await untilNone(rows, "phase <> 'Running'");
  await delay(QUIET_MS);
  const [held, resident] = await memoryOf(service);
  return [
    atMost(`a connected agent of ${size}: what the service holds`, (held - heldBefore) / size / 1000, "kB", 100),
    shown(`a connected agent of ${size}: resident memory, all at once`, (resident - residentBefore) / size / 1000, "kB"),
  ];
}

async function memoryOf(service: ServiceProcess): Promise<readonly [held: number, resident: number]> {
  const resident = await residentBytes(service.pid, () => false);
  const file = join(service.dataDir, "held.json");
  rmSync(file, { force: true });
  service.signal("SIGUSR1");
  while (!existsSync(file)) {
    await delay(100);
  }
  await delay(100);
  return [Number(readFileSync(file, "utf8")), resident];
}

function template(prefix: string) {
  return aTemplate(TEMPLATE, { variables: [{ name: "reply.prefix", type: "string", default: prefix }] });
}

async function inParallel(names: readonly string[], work: (name: string) => PromiseLike<unknown>): Promise<void> {
  const left = names.values();
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (const name of left) {
        await work(name);
      }
    }),
  );
}

async function untilNone(rows: Client, condition: string): Promise<void> {
  for (const deadline = Date.now() + TIMEOUT_MS; Date.now() < deadline; await delay(50)) {
    const { rows: left } = await rows.query(`select 1 from instances where ${condition} limit 1`);
    if (left.length === 0) {
      return;
    }
  }
  throw new Error("the fleet has not settled");
}
