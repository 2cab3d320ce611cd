import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { anEcho, aTenant } from "../support/builders/manifests.ts";
import { createEmptyDatabase } from "../support/postgres.ts";
import { startServiceProcess } from "../support/service-process.ts";
import { atMost, type Figure } from "./figure.ts";

const TENANT = "agents";
const START_TIMEOUT_MS = 60_000;
const SETTLE_MS = 10_000;

/** What an agent holds of its own beside its claw: the very first of a host, and one that starts later. */
export async function agentMemory(): Promise<Figure[]> {
  const database = await createEmptyDatabase();
  const service = await startServiceProcess({ CLAW_RATE_LIMITS: "off", CLAW_DATABASE_URL: database.url });
  try {
    await service.claw().tenants.create(aTenant(TENANT));
    const claw = service.claw(TENANT);
    const figures: Figure[] = [];
    for (const name of ["first", "later"]) {
      const { metadata } = await claw.instances.create(anEcho(name));
      const isRunning = async () => (await claw.instances.get(name)).status.phase === "Running";
      for (const deadline = Date.now() + START_TIMEOUT_MS; !(await isRunning()); await delay(100)) {
        if (Date.now() > deadline) {
          throw new Error(`the claw '${name}' does not run`);
        }
      }
      // What a start leaves behind is collected by then.
      await delay(SETTLE_MS);
      const bytes = await ownBytes((command) => command.includes("service/agent/main.ts") && command.includes(metadata.uid));
      figures.push(atMost(`the ${name} running agent: memory of its own`, bytes / 2 ** 20, "MB", 20));
    }
    return figures;
  } finally {
    await service.stop();
    await database.drop();
  }
}

/** Memory that the process shares with no other. */
async function ownBytes(isWanted: (command: string) => boolean): Promise<number> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (isWanted(command)) {
      const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
      return [...text.matchAll(/^Private_Dirty: +(\d+) kB/gm)].reduce((sum, [, kB]) => sum + Number(kB) * 1024, 0);
    }
  }
  throw new Error("no such process runs");
}
