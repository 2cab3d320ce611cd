import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import type { Claw } from "../../sdk/client/index.ts";
import type { ConfigTemplateInput } from "../../sdk/contract/index.ts";
import { anEcho, aTemplate, aTenant } from "../support/builders/manifests.ts";
import { createEmptyDatabase } from "../support/postgres.ts";
import { aSecret } from "../support/sample-requests.ts";
import { type ServiceProcess, startServiceProcess } from "../support/service-process.ts";
import { setup } from "../support/services.ts";
import { atMost, type Figure, percentile, shown } from "./figure.ts";
import { simulatedFleet } from "./simulated-fleet.ts";

/** `CLAW_BENCH_SIZES=1,50 CLAW_BENCH_SIMULATED=200 npm run bench -- config` is for a smaller machine; an empty one leaves its figures out. */
const SIZES = (process.env["CLAW_BENCH_SIZES"] ?? "1,100").split(",").filter(Boolean).map(Number);
const SIMULATED = (process.env["CLAW_BENCH_SIMULATED"] ?? "1000").split(",").filter(Boolean).map(Number);
const TENANT = "fleet";
const TEMPLATE = "fleet";
const ROUNDS = 5;
const TIMEOUT_MS = 300_000;

/** From the accepted publish until each running claw has it on its disk, and until the stack has followed. */
export async function bench(): Promise<Figure[]> {
  const stopServers = await setup();
  try {
    const figures: Figure[] = [];
    for (const size of SIZES) {
      figures.push(...(await deliveries(size)));
    }
    for (const size of SIMULATED) {
      figures.push(...(await simulatedFleet(size)));
    }
    return figures;
  } finally {
    await stopServers();
  }
}

async function deliveries(size: number): Promise<Figure[]> {
  const database = await createEmptyDatabase();
  const service = await startServiceProcess({ CLAW_RATE_LIMITS: "off", CLAW_DATABASE_URL: database.url, CLAW_WORKERS: "1" });
  const rows = new Client(database.url);
  await rows.connect();
  try {
    await service.claw().tenants.create(aTenant(TENANT, { quota: { instances: size, cpu: "1000", memory: "1000Gi", storage: "10Ti" } }));
    const claw = service.claw(TENANT);
    await claw.configs.create(template("0: "));
    await claw.configs.publish(TEMPLATE, {});
    const names = Array.from({ length: size }, (_, index) => `echo-${index}`);
    for (const name of names) {
      await claw.instances.create(anEcho(name, { config: { template: TEMPLATE } }));
    }
    const settled = () =>
      until(rows, "generation > observed_generation or phase <> 'Running' or agent->>'stored' is distinct from delivery->>'handed'");
    await settled();
    const files = await configFiles(service, claw);
    const tookMs: number[] = [];
    const followedMs: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      await claw.configs.replace(TEMPLATE, template(`${round}: `));
      await claw.configs.publish(TEMPLATE, {});
      const acceptedMs = performance.now();
      const took = await timesUntil(files, `${round}: `, acceptedMs);
      tookMs.push(...took);
      await settled();
      followedMs.push(performance.now() - acceptedMs);
    }
    const checkedS: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      const begunMs = performance.now();
      for await (const { instance, state, message, differences } of claw.instances.check({ limit: 100 })) {
        if (state !== "consistent") {
          throw new Error(`'${instance}' is not known to be as declared: ${state} ${message} ${JSON.stringify(differences)}`);
        }
      }
      checkedS.push((performance.now() - begunMs) / 1000);
    }
    const rotatedS = await rotations(claw, settled);
    const of = `publish → applied, ${size} live`;
    return [
      shown(`${of}: p50`, percentile(tookMs, 0.5) / 1000, "s"),
      shown(`${of}: p95`, percentile(tookMs, 0.95) / 1000, "s"),
      atMost(`${of}: p99`, percentile(tookMs, 0.99) / 1000, "s", 1),
      shown(`${of}: the stack has followed (median)`, percentile(followedMs, 0.5) / 1000, "s"),
      shown(`what ${size} claws run with, each asked (median)`, percentile(checkedS, 0.5), "s"),
      shown(`another value of a secret: written, with ${size} that name it (median)`, percentile(rotatedS.written, 0.5), "s"),
      shown(`… and had by all of them, restarted with it (median)`, percentile(rotatedS.had, 0.5), "s"),
    ];
  } finally {
    await rows.end();
    await service.stop();
    await database.drop();
  }
}

/** A secret that all of them name, given another value. */
async function rotations(claw: Claw, settled: () => Promise<void>) {
  const rotate = (round: number) => aSecret("key", { value: `k-${round}` });
  await claw.secrets.create(rotate(0));
  const variables = [{ name: "environment.API_KEY", type: "secretRef", default: { secretRef: "key" } }];
  await claw.configs.replace(TEMPLATE, aTemplate(TEMPLATE, { variables }));
  await claw.configs.publish(TEMPLATE, {});
  await settled();
  const written: number[] = [];
  const had: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const begunMs = performance.now();
    await claw.secrets.replace("key", rotate(round));
    written.push((performance.now() - begunMs) / 1000);
    await settled();
    had.push((performance.now() - begunMs) / 1000);
  }
  return { written, had };
}

function template(prefix: string): ConfigTemplateInput {
  return aTemplate(TEMPLATE, { variables: [{ name: "reply.prefix", type: "string", default: prefix }] });
}

async function configFiles(service: ServiceProcess, claw: Claw): Promise<string[]> {
  const files: string[] = [];
  for await (const { metadata } of claw.instances.list({})) {
    files.push(join(service.dataDir, "tenants", TENANT, metadata.uid, "config", "config.json"));
  }
  return files;
}

async function timesUntil(files: readonly string[], prefix: string, sinceMs: number): Promise<number[]> {
  const left = new Set(files);
  const tookMs: number[] = [];
  for (const deadline = Date.now() + TIMEOUT_MS; left.size > 0; await delay(5)) {
    for (const file of left) {
      if (readFileSync(file, "utf8").includes(prefix)) {
        left.delete(file);
        tookMs.push(performance.now() - sinceMs);
      }
    }
    if (Date.now() > deadline) {
      throw new Error(`${left.size} claws did not get '${prefix}'`);
    }
  }
  return tookMs;
}

async function until(rows: Client, condition: string): Promise<void> {
  for (const deadline = Date.now() + TIMEOUT_MS; Date.now() < deadline; await delay(50)) {
    const { rows: left } = await rows.query(`select 1 from instances where ${condition} limit 1`);
    if (left.length === 0) {
      return;
    }
  }
  throw new Error("the fleet has not settled");
}
