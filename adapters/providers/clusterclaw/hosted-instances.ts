import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { HostedInstance, HostedInstances } from "../../../service/application/ports/clusters/leftovers.ts";
import { type AgentLauncher, callAgent } from "./agent-client.ts";
import { endProcess } from "./process.ts";

/** An instance's id, which is the name of its run folder. */
const UID = /^ins_[A-Za-z0-9]+$/;
const OWNER_FILE = "control-plane";
const STOP_GRACE_SECONDS = 30;

const ClaimSchema = z.object({ uid: z.string() });
const StoredStopSchema = z.object({ runtime: z.object({ stop: z.object({ graceSeconds: z.number() }) }) });

/** What instances have in a host's folder. */
export function createHostedInstances(hostDir: string, launcher: AgentLauncher): HostedInstances {
  const runDirOf = (uid: string) => join(hostDir, "run", uid);
  return {
    async list() {
      const found = new Map<string, HostedInstance["found"]>();
      const add = (uid: string, what: HostedInstance["found"][number]) => {
        if (UID.test(uid)) {
          found.set(uid, [...(found.get(uid) ?? []), what]);
        }
      };
      for (const uid of await namesIn(join(hostDir, "run"))) {
        add(uid, "RunFolder");
      }
      for (const name of await namesIn(join(hostDir, "ports"))) {
        const claim = ClaimSchema.safeParse(await readJson(join(hostDir, "ports", name)));
        if (claim.success) {
          add(claim.data.uid, "PortClaim");
        }
      }
      return [...found].map(([uid, what]) => ({ uid, found: what }));
    },
    async isOwnedBy(controlPlane, mayTake) {
      const file = join(hostDir, OWNER_FILE);
      if (mayTake) {
        await mkdir(hostDir, { recursive: true, mode: 0o700 });
        // Of two that come at the same time one writes it.
        await writeFile(file, `${controlPlane}\n`, { flag: "wx", mode: 0o600 }).catch(() => undefined);
      }
      return (await readFile(file, "utf8").catch(() => "")).trim() === controlPlane;
    },
    async end(uid) {
      if (!UID.test(uid)) {
        throw new Error(`'${uid}' is no instance's id`);
      }
      const spec = join(runDirOf(uid), "process.json");
      const stored = StoredStopSchema.safeParse(await readJson(spec));
      if (!stored.success) {
        // No agent could be started with it; one that runs still knows what to stop.
        await callAgent(runDirOf(uid), { method: "stop" }).catch(() => undefined);
        await rm(spec, { force: true });
      }
      const graceSeconds = stored.success ? stored.data.runtime.stop.graceSeconds : STOP_GRACE_SECONDS;
      await endProcess({ instanceUid: uid, hostDir, runDir: runDirOf(uid), graceSeconds }, launcher, undefined);
    },
  };
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

/** Undefined when it is not there, or not whole. */
async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}
