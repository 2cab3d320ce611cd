import { setTimeout as delay } from "node:timers/promises";
import type { Claw } from "../../sdk/client/index.ts";
import { anEcho, aTemplate, aTenant } from "../support/builders/manifests.ts";
import { createEmptyDatabase } from "../support/postgres.ts";
import { startServiceProcess } from "../support/service-process.ts";
import { setup } from "../support/services.ts";
import { atMost, type Figure, shown } from "./figure.ts";

/** Others by `CLAW_BENCH_SIZES`. */
const INSTANCES = Number(process.env["CLAW_BENCH_SIZES"] ?? 100);
const BAKE_SECONDS = 5;
const PERCENTAGES = [5, 25, 50, 100];
const TIMEOUT_MS = 600_000;

/** What a rollout takes beyond the time in which it is to watch. */
export async function bench(): Promise<Figure[]> {
  const stopServers = await setup();
  const database = await createEmptyDatabase();
  try {
    const service = await startServiceProcess({ CLAW_RATE_LIMITS: "off", CLAW_DATABASE_URL: database.url });
    try {
      await service.claw().tenants.create(aTenant("fleet", { quota: { instances: 2 * INSTANCES } }));
      return await rollOut(service.claw("fleet"));
    } finally {
      await service.stop();
    }
  } finally {
    await database.drop();
    await stopServers();
  }
}

async function rollOut(claw: Claw): Promise<Figure[]> {
  const template = (prefix: string) => aTemplate("base", { variables: [{ name: "reply.prefix", type: "string", default: prefix }] });
  await claw.configs.create(template("one "));
  await claw.configs.publish("base");
  for (let index = 0; index < INSTANCES; index++) {
    await claw.instances.create(anEcho(`web-${index}`, { config: { template: "base" } }));
  }
  await until(async () => {
    const { items } = await claw.instances.list({ limit: 500 });
    return items.every(({ status }) => status.phase === "Running");
  });
  await claw.configs.replace("base", template("two "));
  await claw.configs.publish("base", { hold: true });
  const change = { config: { template: "base", version: 2 } };
  const spec = { change, strategy: { percentages: PERCENTAGES }, bakeSeconds: BAKE_SECONDS };
  const previewedMs = performance.now();
  const plan = await claw.rollouts.create(
    { apiVersion: "clusterclaw.io/v1", kind: "Rollout", metadata: { name: "two" }, spec },
    { preview: true },
  );
  const begunMs = performance.now();
  await plan.apply();
  await until(async () => {
    const { status } = await claw.rollouts.get("two");
    if (status.phase !== "Progressing" && status.phase !== "Completed") {
      throw new Error(`the rollout is ${status.phase}: ${status.message}`);
    }
    return status.phase === "Completed";
  });
  const tookS = (performance.now() - begunMs) / 1000;
  return [
    shown(`preview of a rollout to ${INSTANCES} instances`, (begunMs - previewedMs) / 1000, "s"),
    shown(`a rollout to ${INSTANCES} instances in ${PERCENTAGES.length} waves of ${BAKE_SECONDS} s`, tookS, "s"),
    atMost("… beyond the sum of the times that waves are watched", tookS - PERCENTAGES.length * BAKE_SECONDS, "s", 10),
  ];
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + TIMEOUT_MS; Date.now() < deadline; await delay(200)) {
    if (await isDone()) {
      return;
    }
  }
  throw new Error(`it took more than ${TIMEOUT_MS / 1000} s`);
}
