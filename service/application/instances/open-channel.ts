import { type ChannelOpen, ClawError, type InstanceId, LOCAL_CLUSTER } from "../../../sdk/contract/index.ts";
import { namespaceOf } from "../../domain/clusters/cluster.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import { ClusterError, type KubernetesAccess } from "../ports/clusters/clusters.ts";
import type { AgentChannel, Agents } from "../ports/instances/agents.ts";
import type { PodContainer, Pods } from "../ports/instances/pods.ts";
import type { StoredLog, StoredLogs } from "../ports/instances/stored-logs.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { Transactions } from "../ports/transactions.ts";
import { kubernetesAccess } from "../stacks/stack-target.ts";

/** The claw's container in its pod; the components name it. */
const CONTAINER = "claw";
const SHELL = ["/bin/sh", "-c", "command -v bash >/dev/null && exec bash || exec sh"];

/** What must be known of an instance to talk to it. */
export interface ChannelTarget {
  readonly uid: string;
  readonly name: string;
  /** The tenant's name. */
  readonly tenant: string;
  /** Whether it is to run. */
  readonly running: boolean;
  readonly cluster: string;
  readonly pod: string | undefined;
}

export function channelTarget({ id, name, spec, cluster, status }: Instance, tenant: string): ChannelTarget {
  return { uid: id, name, tenant, running: spec.running, cluster, pod: status.pod?.name };
}

/** Whether nobody would answer because the claw is stopped: a stopped one has no agent. */
export function isDown({ uid, running }: ChannelTarget, agents: Agents): boolean {
  return !running && agents.status(uid) === undefined;
}

/** Whether anybody would answer on a channel. */
export function isReachable({ id, cluster, status }: Instance, agents: Agents): boolean {
  return cluster === LOCAL_CLUSTER ? agents.status(id) !== undefined : status.pod !== undefined;
}

export type OpenChannel = (target: ChannelTarget, open: ChannelOpen) => Promise<AgentChannel>;

/**
 * Opens channels on instances: through the agent, or for what the kubelet does better than an agent that lives in the same pod, through
 * the cluster's API: logs, terminals and the kill of an instance on a cluster. What a stopped claw of a host has logged is read where it lies. @throws {ClawError} `instance.unreachable`, `instance.not_running`
 */
export function createChannelOpener(deps: {
  readonly agents: Agents;
  readonly pods: Pods;
  readonly storedLogs: StoredLogs;
  readonly transactions: Transactions;
  readonly cipher: SecretCipher;
}): OpenChannel {
  return async (target, open) => {
    if (open.channel === "tcp" && !target.running) {
      throw notRunning(target.name);
    }
    if (target.cluster === LOCAL_CLUSTER && isDown(target, deps.agents)) {
      if (open.channel === "logs") {
        return storedLogChannel(deps.storedLogs(target.uid as InstanceId), open);
      }
      throw notRunning(target.name);
    }
    if (target.cluster === LOCAL_CLUSTER || open.channel === "chat" || open.channel === "tcp") {
      return deps.agents.open(target.uid as InstanceId, open);
    }
    if (target.pod === undefined || target.pod === "") {
      throw new ClawError("instance.unreachable", `instance '${target.name}' has no pod on cluster '${target.cluster}'; is it running?`);
    }
    const cluster = await deps.transactions.platform((tx) => tx.clusters.get(target.cluster));
    const access = kubernetesAccess(cluster, deps.cipher);
    const container = { namespace: namespaceOf(cluster.spec, target.tenant), pod: target.pod, container: CONTAINER };
    try {
      switch (open.channel) {
        case "logs":
          return logChannel(deps.pods, access, container, open);
        case "console":
          return await terminalChannel(deps.pods, access, container, open);
        case "signal":
          await deps.pods.kill(access, container);
          return endedChannel();
      }
    } catch (error) {
      throw error instanceof ClusterError ? unreachable(target, error) : error;
    }
  };
}

/** What takes a claw that runs is asked of one that is stopped. */
export function notRunning(name: string): ClawError {
  return new ClawError("instance.not_running", `instance '${name}' is stopped; start it first`);
}

function unreachable({ name, cluster }: ChannelTarget, error: ClusterError): ClawError {
  return new ClawError("instance.unreachable", `instance '${name}' on cluster '${cluster}': ${error.message}`, { cause: error });
}

type End = Parameters<Parameters<AgentChannel["onClose"]>[0]>[0];

/** Keeps what a reader is given at once within what a channel of an agent gives. */
const PIECE_CHARS = 64 * 1024;

function storedLogChannel(log: StoredLog | undefined, { tailLines, follow }: { tailLines: number; follow: boolean }): AgentChannel {
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

function logChannel(
  pods: Pods,
  access: KubernetesAccess,
  container: PodContainer,
  { tailLines, follow }: { tailLines: number; follow: boolean },
): AgentChannel {
  return readingChannel(async (give, signal) => {
    for await (const line of pods.logs(access, container, { tailLines, follow, signal })) {
      await give(`${line}\n`);
    }
  });
}

/** A channel that only reads, from when somebody listens, as fast as what it gives is taken. */
function readingChannel(read: (give: (data: string) => Promise<void>, signal: AbortSignal) => Promise<void>): AgentChannel {
  const controller = new AbortController();
  let onClose: (end: End) => void = () => {};
  return {
    send: () => undefined,
    resize() {},
    onData(listener) {
      read(async (data) => listener(data), controller.signal).then(
        () => onClose({}),
        (error: unknown) => onClose(controller.signal.aborted ? {} : { error: error instanceof Error ? error.message : String(error) }),
      );
    },
    onClose(listener) {
      onClose = listener;
    },
    close: () => controller.abort(),
  };
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
