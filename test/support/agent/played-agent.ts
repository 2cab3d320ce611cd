import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { SecretCipherAes } from "../../../adapters/identity/cipher.ts";
import { loadMasterKeys } from "../../../adapters/identity/master-key.ts";
import type { AgentFrame, ChannelOpen, InstanceId, ServerFrame } from "../../../sdk/contract/index.ts";
import { agentTokenOf } from "../../../service/domain/access/tokens.ts";
import type { TestService } from "../service.ts";
import { until } from "./harness.ts";

/** An agent that is played by hand, of an instance that has no other: of one on a cluster that does not answer. */
export async function playAgent(service: TestService, uid: InstanceId) {
  const cipher = new SecretCipherAes((await loadMasterKeys(service.dataDir))[0] ?? Buffer.alloc(0));
  const token = agentTokenOf(uid, 0, (purpose) => cipher.derive(purpose));
  const socket = new WebSocket(`${service.url.replace("http", "ws")}/agent/v1?instance=${uid}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  onTestFinished(() => socket.terminate());
  const frames: ServerFrame[] = [];
  socket.on("message", (data) => frames.push(JSON.parse(String(data))));
  await once(socket, "open");
  const send = (frame: AgentFrame) => socket.send(JSON.stringify(frame));
  const now = new Date().toISOString();
  const status = { phase: "Ready" as const, reason: "Started", message: "", specDigest: "d", restarts: 0, since: now };
  send({ type: "hello", instanceUid: uid, protocol: 1, bootId: "b", status, grants: true });
  const sumOf = (id: string, what: "data" | "credit") =>
    frames.reduce((sum, frame) => {
      const isIt = frame.type === what && frame.id === id;
      return sum + (!isIt ? 0 : frame.type === "data" ? frame.data.length : frame.type === "credit" ? frame.credit : 0);
    }, 0);
  return {
    send,
    /** The next channel that is opened, once it is granted that. */
    async accept(credit: number): Promise<PlayedChannel> {
      const isNew = (frame: ServerFrame) => frame.type === "open" && !accepted.has(frame.id);
      await until(() => frames.some(isNew), "a channel is opened");
      const open = frames.find(isNew) as ServerFrame & { type: "open" };
      accepted.add(open.id);
      send({ type: "credit", id: open.id, credit });
      return {
        id: open.id,
        open: open.open,
        granted: () => (open.window ?? 0) + sumOf(open.id, "credit"),
        received: () => sumOf(open.id, "data"),
      };
    },
  };
}
const accepted = new Set<string>();

export interface PlayedChannel {
  readonly id: string;
  readonly open: ChannelOpen;
  /** What the agent may send in all. */
  granted(): number;
  /** What it was sent. */
  received(): number;
}

/** Resolves when a number has stayed the same for a second, as it does when nothing goes on. */
export async function settled(number: () => number): Promise<number> {
  for (let same = 0, last = number(); ; ) {
    await delay(50);
    same = number() === last ? same + 1 : 0;
    last = number();
    if (same === 20) {
      return last;
    }
  }
}
