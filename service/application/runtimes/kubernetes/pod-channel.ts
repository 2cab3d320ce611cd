import type { ChannelOpen } from "../../../../sdk/contract/index.ts";
import type { KubernetesAccess } from "../../ports/clusters/clusters.ts";
import type { AgentChannel } from "../../ports/instances/agents.ts";
import type { PodContainer, Pods } from "../../ports/instances/pods.ts";
import { readingChannel } from "../reading-channel.ts";

const SHELL = ["/bin/sh", "-c", "command -v bash >/dev/null && exec bash || exec sh"];

/** What the kubelet does better than an agent that lives in the same pod. */
export type PodChannel = Extract<ChannelOpen, { channel: "logs" | "console" | "signal" }>;

/** Opens a channel through the cluster's API. @throws {ClusterError} */
export async function openPodChannel(
  pods: Pods,
  access: KubernetesAccess,
  container: PodContainer,
  open: PodChannel,
): Promise<AgentChannel> {
  switch (open.channel) {
    case "logs":
      return logChannel(pods, access, container, open);
    case "console":
      return terminalChannel(pods, access, container, open);
    case "signal":
      await pods.kill(access, container);
      return endedChannel();
  }
}

function logChannel(
  pods: Pods,
  access: KubernetesAccess,
  container: PodContainer,
  { tailLines, follow, after }: Extract<PodChannel, { channel: "logs" }>,
): AgentChannel {
  return readingChannel(async (give, signal) => {
    for await (const item of pods.logs(access, container, { tailLines, follow, after, signal })) {
      await give(JSON.stringify(item));
    }
  });
}

async function terminalChannel(
  pods: Pods,
  access: KubernetesAccess,
  container: PodContainer,
  { cols, rows }: { cols: number; rows: number },
): Promise<AgentChannel> {
  const terminal = await pods.exec(access, container, { command: SHELL, cols, rows });
  return {
    send: (data) => terminal.send(Buffer.from(data, "base64")),
    resize: terminal.resize,
    onData: (listener) => terminal.onData((data) => listener(data.toString("base64"))),
    onClose: (listener) => terminal.onClose(listener),
    close: terminal.close,
  };
}

function endedChannel(): AgentChannel {
  return { send: () => undefined, resize() {}, onData() {}, onClose: (listener) => listener({}), close() {} };
}
