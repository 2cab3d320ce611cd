import type { AgentStatus, ChannelOpen } from "../../../sdk/contract/index.ts";

/** A channel to an agent. `data` is text for logs and chat, base64 for console and tcp. */
export interface AgentChannel {
  send(data: string): void;
  resize(cols: number, rows: number): void;
  onData(listener: (data: string) => void): void;
  /** Called once, with the reason when it did not end by itself. */
  onClose(listener: (end: { error?: string; exitCode?: number }) => void): void;
  close(): void;
}

/** The agents that are connected to this replica. */
export interface Agents {
  status(instanceId: string): AgentStatus | undefined;
  /** @throws {ClawError} `instance.unreachable` when its agent is not connected. */
  open(instanceId: string, channel: ChannelOpen): AgentChannel;
}
