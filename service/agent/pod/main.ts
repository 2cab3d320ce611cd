import { watchFile } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { PodBoot } from "../../../sdk/contract/index.ts";
import { readJson } from "../atomic-file.ts";
import { watchConfig } from "../config-check.ts";
import { Uplink } from "../uplink.ts";
import { writeConfig } from "./config-dir.ts";
import { PodClaw } from "./pod-claw.ts";
import { Forwarder, serveProbes } from "./servers.ts";

const BOOT_CHECK_MS = 500;
/** Time for the last status to be sent. */
const FAREWELL_MS = 200;

/** `node start.ts <boot file>`: attends to the claw that the kubelet runs beside it. */
const bootFile = resolve(process.argv[2] ?? "boot.json");
const log = (message: string) => process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), message })}\n`);

const first = readJson<PodBoot>(bootFile);
if (!first) {
  throw new Error(`'${bootFile}' is not a boot file`);
}
writeConfig(first);
const claw = new PodClaw(first);
watchConfig(claw);
const uplink = new Uplink(claw, log);
const forwarder = new Forwarder();
await forwarder.forward(first.ports.exposed, first.ports.claw);
// From now on the kubelet starts the claw: its config is there.
await serveProbes(first.ports.agent, claw);
uplink.connect();
log("attending");

// By its time, since the kubelet exchanges the folder behind a link.
let digest = first.specDigest;
watchFile(bootFile, { interval: BOOT_CHECK_MS }, async () => {
  const boot = readJson<PodBoot>(bootFile);
  if (!boot || boot.specDigest === digest) {
    return;
  }
  try {
    writeConfig(boot);
    claw.apply(boot);
    await forwarder.forward(boot.ports.exposed, boot.ports.claw);
    uplink.connect();
    digest = boot.specDigest;
    log("took over a new boot file");
  } catch (err) {
    log(`the new boot file can't be taken over: ${(err as Error).message}`);
  }
});

process.on("SIGTERM", async () => {
  claw.stopped();
  await delay(FAREWELL_MS);
  uplink.close();
  process.exit(0);
});
