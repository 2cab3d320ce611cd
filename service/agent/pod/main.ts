import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { PodBoot } from "../../../sdk/contract/index.ts";
import { watchChannels } from "../channel-check.ts";
import { watchConfig } from "../config-check.ts";
import { readOptional } from "../processes.ts";
import { Uplink } from "../uplink.ts";
import { writeConfig } from "./config-dir.ts";
import { PodClaw } from "./pod-claw.ts";
import { Forwarder, serveProbes } from "./servers.ts";

const BOOT_CHECK_MS = 500;
const BOOT_RETRY_MS = 5_000;
/** Time for the last status to be sent. */
const FAREWELL_MS = 200;

/** `node start.ts <boot file>`: attends to the claw that the kubelet runs beside it. */
const bootFile = resolve(process.argv[2] ?? "boot.json");
const log = (message: string) => process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), message })}\n`);

let known = readOptional(bootFile);
if (known === undefined) {
  throw new Error(`there is no boot file '${bootFile}'`);
}
const first = JSON.parse(known) as PodBoot;
writeConfig(first);
const claw = new PodClaw(first);
watchConfig(claw);
watchChannels(claw);
const uplink = new Uplink(claw, log);
const forwarder = new Forwarder();
await forwarder.forward(first.ports.exposed, first.ports.claw);
// From now on the kubelet starts the claw: its config is there.
await serveProbes(first.ports.agent, claw);
uplink.connect();
log("attending");

/** Compares what it says, which no watch does: one that was exchanged while the agent started is seen too, and a failure tried again. */
async function followBootFile(): Promise<never> {
  for (;;) {
    await delay(BOOT_CHECK_MS);
    const text = readOptional(bootFile);
    if (text === undefined || text === known) {
      continue;
    }
    try {
      const boot = JSON.parse(text) as PodBoot;
      writeConfig(boot);
      claw.apply(boot);
      await forwarder.forward(boot.ports.exposed, boot.ports.claw);
      uplink.connect();
      known = text;
      log("took over a new boot file");
    } catch (err) {
      log(`the new boot file can't be taken over: ${(err as Error).message}`);
      await delay(BOOT_RETRY_MS);
    }
  }
}
void followBootFile();

process.on("SIGTERM", async () => {
  claw.stopped();
  await delay(FAREWELL_MS);
  uplink.close();
  process.exit(0);
});
