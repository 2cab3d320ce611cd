import type { AgentStatus, ChannelOpen, InstanceId, Usage } from "../../../../sdk/contract/index.ts";

/** A channel to an agent. `data` is JSON for logs (`LogItem`) and chat, base64 for console and tcp. */
export interface AgentChannel {
  /** @returns when to go on sending, if not at once: the other side takes no more for now */
  send(data: string): Promise<void> | undefined;
  resize(cols: number, rows: number): void;
  /** What the listener answers says when it is taken, if not at once: until then no more than a window is sent. */
  onData(listener: (data: string) => Promise<void> | undefined | void): void;
  /** Called once, with the reason when it did not end by itself; `isLost` where it was not the agent that ended it. */
  onClose(listener: (end: { error?: string; exitCode?: number; isLost?: true }) => void): void;
  /** What was sent before still arrives, where the other side takes it. With `keep` an answer goes on for who comes back. */
  close(how?: { readonly keep: boolean }): void;
}

/** What an instance took at a time. */
export type UsageSample = Usage & { readonly instance: InstanceId };

/** The agents that are connected to this replica. */
export interface Agents {
  status(instanceId: string): AgentStatus | undefined;
  /** The newest of what each has measured since this was last asked. */
  takeUsage(): readonly UsageSample[];
  /** Resolves when the channel is open. @throws {ClawError} `instance.unreachable` when its agent is not connected, or can't open it. */
  open(instanceId: string, channel: ChannelOpen): Promise<AgentChannel>;
}
