import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { AgentFrame, AgentStatus } from "../../../../sdk/contract/index.ts";
import { createAgentGateway } from "../../../../service/http/agent-gateway.ts";

const PATIENCE = { timeout: 30_000 };

const status = (phase: AgentStatus["phase"]): AgentStatus => ({
  phase,
  reason: phase,
  message: "",
  specDigest: "d",
  restarts: 0,
  since: "2026-01-01T00:00:00.000Z",
});

/** A gateway that is slow to write what it is told, until it may. */
async function aSlowGateway() {
  const { promise: mayWrite, resolve: writeNow } = Promise.withResolvers<void>();
  const begun: string[] = [];
  const written: string[] = [];
  const write = async (what: string) => {
    begun.push(what);
    await mayWrite;
    written.push(what);
  };
  const gateway = createAgentGateway({
    verifyAgent: () => true,
    onStatus: (_uid, { phase }) => write(phase),
    onUsage: () => undefined,
    onDisconnect: () => write("disconnected"),
    log: { error: () => undefined, warn: () => undefined },
  });
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("connection", (socket) => gateway.accept(socket, "ins_1", ""));
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const dial = async (phase: AgentStatus["phase"]) => {
    const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    onTestFinished(() => socket.terminate());
    await once(socket, "open");
    const hello: AgentFrame = { type: "hello", instanceUid: "ins_1", protocol: 1, bootId: crypto.randomUUID(), status: status(phase) };
    socket.send(JSON.stringify(hello));
    return socket;
  };
  return { gateway, dial, begun, written, writeNow };
}

describe("the agents' gateway", () => {
  it("writes what an agent says after what was said before, over its connections too", async ({ expect }) => {
    const { gateway, dial, begun, written, writeNow } = await aSlowGateway();
    const first = await dial("Starting");
    await expect.poll(() => begun, PATIENCE).toEqual(["Starting"]);
    first.close();
    await expect.poll(() => gateway.status("ins_1"), PATIENCE).toBeUndefined();
    await dial("Ready");
    await expect.poll(() => gateway.status("ins_1")?.phase, PATIENCE).toBe("Ready");
    expect(begun).toEqual(["Starting"]);
    writeNow();
    await gateway.close();
    expect(written).toEqual(["Starting", "disconnected", "Ready"]);
  });

  it("ends the channel alone whose reader can't take what an agent sent", async ({ expect }) => {
    const { gateway, dial, writeNow } = await aSlowGateway();
    writeNow();
    const socket = await dial("Ready");
    await expect.poll(() => gateway.status("ins_1")?.phase, PATIENCE).toBe("Ready");
    const frames: { id: string }[] = [];
    socket.on("message", (data) => frames.push(JSON.parse(String(data))));
    const [broken, sound] = [1, 2].map(() => gateway.open("ins_1", { channel: "tcp" }));
    let end: unknown;
    const received: string[] = [];
    broken?.onData((data) => JSON.parse(data));
    broken?.onClose((how) => {
      end = how;
    });
    sound?.onData((data) => received.push(data));
    await expect.poll(() => frames.length, PATIENCE).toBe(2);
    for (const { id } of frames.slice()) {
      socket.send(JSON.stringify({ type: "data", id, data: "not JSON" }));
    }
    await expect.poll(() => received, PATIENCE).toEqual(["not JSON"]);
    expect(end).toEqual({ error: "the instance's agent sent what can't be read" });
  });
});
