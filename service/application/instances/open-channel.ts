import type { ChannelOpen } from "../../../sdk/contract/index.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { AgentChannel } from "../ports/instances/agents.ts";
import type { InstanceAddress, Runtimes } from "../ports/runtimes/runtime.ts";
import { notRunning } from "../runtimes/down.ts";

export type OpenChannel = (address: InstanceAddress, open: ChannelOpen) => Promise<AgentChannel>;

export function addressOf({ id, name, spec, cluster, status }: Instance, tenant: string): InstanceAddress {
  return { uid: id, name, tenant, running: spec.running, cluster, pod: status.pod?.name };
}

/** Opens channels on instances, as their runtime has it. @throws {ClawError} `instance.unreachable`, `instance.not_running` */
export function createChannelOpener(runtimes: Runtimes): OpenChannel {
  return async (address, open) => {
    if (open.channel === "tcp" && !address.running) {
      throw notRunning(address.name);
    }
    return runtimes.at(address.cluster).open(address, open);
  };
}
