import { setTimeout as delay } from "node:timers/promises";
import type { InstanceId, ProcessTarget } from "../../../../sdk/contract/index.ts";
import type { Agents } from "../../ports/instances/agents.ts";
import type { StoredLogReader } from "../../ports/instances/stored-logs.ts";
import type { Host } from "../../ports/runtimes/host.ts";
import type { DeclaredResources, Handings, Runtime } from "../../ports/runtimes/runtime.ts";
import { isDown, notRunning } from "../down.ts";
import { readingChannel } from "../reading-channel.ts";

/** How often the log of one that is stopped is looked at for more: it may start. */
const FOLLOW_POLL_MS = 500;

export interface ProcessRuntimeDependencies {
  /** The control plane's own host: where instances run that asked for no cluster. */
  readonly local: ProcessTarget;
  readonly host: Host;
  readonly agents: Agents;
  readonly handings: Pick<Handings, "process">;
}

/** Instances that are processes of the control plane's host. Their agents do everything; what a stopped one has logged is read where it lies. */
export function createProcessRuntime(
  { local, host, agents, handings }: ProcessRuntimeDependencies,
  resources: DeclaredResources,
): Runtime<ProcessTarget> {
  return {
    target: async () => local,
    previewBase: () => undefined,
    handing: (target, tenant, resolved) => handings.process(target, tenant, resolved),
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
        return storedLogChannel(host.storedLogs(id, open), open);
      }
      throw notRunning(address.name);
    },
    usage: async () => agents.takeUsage(),
    connect: () => undefined,
  };
}

function storedLogChannel(log: StoredLogReader | undefined, { follow }: { readonly follow: boolean }) {
  return readingChannel(async (give, signal) => {
    while (!signal.aborted) {
      const item = log?.next() ?? (follow ? undefined : log?.rest());
      if (item) {
        await give(JSON.stringify(item));
      } else if (follow) {
        await delay(FOLLOW_POLL_MS, undefined, { signal });
      } else {
        return;
      }
    }
  });
}
