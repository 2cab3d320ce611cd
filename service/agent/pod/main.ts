import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { PodBoot } from "../../../sdk/contract/index.ts";
import { watchChannels } from "../channel-check.ts";
import { watchConfig } from "../config-check.ts";
import { watchDisk } from "../disk-check.ts";
import { readOptional } from "../processes.ts";
import { Uplink } from "../uplink.ts";
import { writeConfig } from "./config-dir.ts";
import { PodClaw } from "./pod-claw.ts";
import { Forwarder, serveProbes } from "./servers.ts";

const BOOT_CHECK_MS = 500;
const BOOT_RETRY_MS = 5_000;
/** How long the control plane is waited for: longer than an operation takes, during which it says nothing. */
const ANSWER_MS = 60_000;
const ANSWER_POLL_MS = 100;
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
watchDisk(claw);
const uplink = new Uplink(claw, log);
const forwarder = new Forwarder();
await forwarder.forward(first.ports.exposed, first.ports.claw);
// From now on the kubelet starts the claw: its config is there.
await serveProbes(first.ports.agent, claw);
uplink.connect();
log("attending");

async function takeOver(boot: PodBoot): Promise<void> {
  writeConfig(boot);
  claw.apply(boot);
  await forwarder.forward(boot.ports.exposed, boot.ports.claw);
  uplink.connect();
}
claw.onHanded(takeOver);

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
      if (await isToBeTaken(boot)) {
        await takeOver(boot);
        log("took over a new boot file");
      }
      known = text;
    } catch (err) {
      log(`the new boot file can't be taken over: ${(err as Error).message}`);
      await delay(BOOT_RETRY_MS);
    }
  }
}

/**
 * A kubelet brings a boot file late: what was delivered meanwhile may be newer. While the control plane delivers it knows which is, and delivers what is
 * missing; one that does not answer is not waited for.
 */
async function isToBeTaken({ specDigest }: PodBoot): Promise<boolean> {
  const askedMs = performance.now();
  if (claw.notice) {
    uplink.ask(specDigest);
  }
  while (claw.notice && performance.now() - askedMs < ANSWER_MS && claw.status.stored !== specDigest) {
    if (claw.notice.atMs >= askedMs && claw.notice.digest === claw.status.stored) {
      return false;
    }
    await delay(ANSWER_POLL_MS);
  }
  return claw.status.stored !== specDigest;
}
void followBootFile();

process.on("SIGTERM", async () => {
  claw.stopped();
  await delay(FAREWELL_MS);
  uplink.close();
  process.exit(0);
});
