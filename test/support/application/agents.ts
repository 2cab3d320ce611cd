import { type AgentStatus, type ChannelOpen, ClawError, type ConfigView } from "../../../sdk/contract/index.ts";
import type { AgentChannel, Agents } from "../../../service/application/ports/instances/agents.ts";

/** Agents that are connected, and what was opened on them: nobody answers on their channels, but with what a claw is configured with. */
export class PlayedAgents implements Agents {
  readonly #statuses = new Map<string, AgentStatus>();
  /** What they find of their claws' configurations, by instance. */
  readonly views = new Map<string, ConfigView>();
  /** Every channel that was asked for, with the instance's id. */
  readonly opened: { readonly instance: string; readonly open: ChannelOpen }[] = [];

  /** An agent says how its claw is; undefined when there is none any more. */
  report(instanceId: string, status: AgentStatus | undefined): void {
    if (status) {
      this.#statuses.set(instanceId, status);
    } else {
      this.#statuses.delete(instanceId);
    }
  }

  status(instanceId: string): AgentStatus | undefined {
    return this.#statuses.get(instanceId);
  }

  takeUsage(): readonly [] {
    return [];
  }

  async open(instanceId: string, open: ChannelOpen): Promise<AgentChannel> {
    if (!this.#statuses.has(instanceId)) {
      throw new ClawError("instance.unreachable", `the agent of instance '${instanceId}' is not connected`);
    }
    this.opened.push({ instance: instanceId, open });
    const view = open.channel === "config" ? this.views.get(instanceId) : undefined;
    const onData = (listener: (data: string) => unknown) => void (view && listener(JSON.stringify(view)));
    return { send: () => undefined, resize() {}, onData, onClose: (listener) => listener({}), close() {} };
  }
}

/** What an agent says of a claw that is ready, or of one that has ended. */
export function anAgentStatus(phase: "Ready" | "Stopped", since: string): AgentStatus {
  const reason = phase === "Ready" ? "Started" : "Stopped";
  return { phase, reason, message: "", specDigest: "d", restarts: 0, since };
}
