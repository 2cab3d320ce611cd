import type { ChannelOpen } from "../../../sdk/contract/index.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { AgentChannel } from "../ports/instances/agents.ts";
import type { ChannelTarget, Runtimes } from "../ports/runtimes/runtime.ts";
import { notRunning } from "../runtimes/down.ts";

export type OpenChannel = (target: ChannelTarget, open: ChannelOpen) => Promise<AgentChannel>;

export function channelTarget({ id, name, spec, cluster, status }: Instance, tenant: string): ChannelTarget {
  return { uid: id, name, tenant, running: spec.running, cluster, pod: status.pod?.name };
}

/** Opens channels on instances, as their runtime has it. @throws {ClawError} `instance.unreachable`, `instance.not_running` */
export function createChannelOpener(runtimes: Runtimes): OpenChannel {
  return async (target, open) => {
    if (open.channel === "tcp" && !target.running) {
      throw notRunning(target.name);
    }
    return runtimes.at(target.cluster).open(target, open);
  };
}
