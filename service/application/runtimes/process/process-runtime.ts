import type { InstanceId, ProcessTarget } from "../../../../sdk/contract/index.ts";
import type { Agents } from "../../ports/instances/agents.ts";
import type { StoredLog } from "../../ports/instances/stored-logs.ts";
import type { Host } from "../../ports/runtimes/host.ts";
import type { DeclaredResources, Runtime } from "../../ports/runtimes/runtime.ts";
import { isDown, notRunning } from "../down.ts";
import { readingChannel } from "../reading-channel.ts";

/** Keeps what a reader is given at once within what a channel of an agent gives. */
const PIECE_CHARS = 64 * 1024;

export interface ProcessRuntimeDependencies {
  /** The control plane's own host: where instances run that asked for no cluster. */
  readonly local: ProcessTarget;
  readonly host: Host;
  readonly agents: Agents;
}

/** Instances that are processes of the control plane's host. Their agents do everything; what a stopped one has logged is read where it lies. */
export function createProcessRuntime(
  { local, host, agents }: ProcessRuntimeDependencies,
  resources: DeclaredResources,
): Runtime<ProcessTarget> {
  return {
    target: async () => local,
    previewBase: () => undefined,
    exchangesClaw: resources.exchangesClaw,
    // They are where the claw reads them.
    async deliverFiles() {},
    async restore() {},
    async cleanUp(_target, tenant, uid, withData) {
      if (withData) {
        await host.removeData(tenant, uid);
      }
      return [];
    },
    isReachable: ({ id }) => agents.status(id) !== undefined,
    async open(address, open) {
      const id = address.uid as InstanceId;
      if (!isDown(address, agents)) {
        return agents.open(id, open);
      }
      if (open.channel === "logs") {
        return storedLogChannel(host.storedLogs(id), open);
      }
      throw notRunning(address.name);
    },
    connect: () => undefined,
  };
}

function storedLogChannel(log: StoredLog | undefined, { tailLines, follow }: { tailLines: number; follow: boolean }) {
  return readingChannel(async (give, signal) => {
    const text = log?.tail(tailLines) ?? "";
    const follower = follow ? log?.follow((appended) => void giveOn(appended)) : undefined;
    const giveOn = async (appended: string) => {
      follower?.pause();
      await give(appended);
      follower?.resume();
    };
    follower?.pause();
    for (let at = 0; at < text.length && !signal.aborted; at += PIECE_CHARS) {
      await give(text.slice(at, at + PIECE_CHARS));
    }
    follower?.resume();
    if (follower && !signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
    follower?.close();
  });
}
