import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, it, onTestFinished, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import {
  type AgentFrame,
  AgentFrameSchema,
  type AgentStatus,
  CHANNEL_WINDOW,
  ClawError,
  type InstanceId,
  type ServerFrame,
} from "../../../../../sdk/contract/index.ts";
import { Deliveries } from "../../../../../service/application/instances/deliveries.ts";
import { createAgentHub } from "../../../../../service/http/agents/agent-hub.ts";
import { garbageFor } from "../../../../support/garbage.ts";

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
async function aSlowGateway({ failures = 0, isKnown = (): boolean => true } = {}) {
  let left = failures;
  const { promise: mayWrite, resolve: writeNow } = Promise.withResolvers<void>();
  const begun: string[] = [];
  const written: string[] = [];
  const write = async (what: string) => {
    begun.push(what);
    await mayWrite;
    if (left-- > 0) {
      throw new ClawError("service.unavailable", "the database can't be reached now; try again");
    }
    written.push(what);
  };
  const gateway = createAgentHub({
    verifyAgent: async () => (isKnown() ? "2026-01-01T00:00:00.000000Z" : undefined),
    onStatus: (_uid, { phase }) => write(phase),
    onDisconnect: () => write("disconnected"),
    deliveries: new Deliveries(),
    clock: () => new Date(),
    log: { error: () => undefined, warn: () => undefined },
  });
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("connection", (socket, { url }) => gateway.accept(socket, url?.slice(1) || "ins_1", ""));
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const dial = async (phase: AgentStatus["phase"], changes: Partial<AgentFrame> = {}, uid = "") => {
    const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/${uid}`);
    onTestFinished(() => socket.terminate());
    await once(socket, "open");
    const hello: AgentFrame = { type: "hello", instanceUid: "ins_1", protocol: 1, bootId: crypto.randomUUID(), status: status(phase) };
    socket.send(JSON.stringify({ ...hello, ...changes }));
    return socket;
  };
  return { gateway, dial, begun, written, writeNow };
}

/** An agent that is connected, by hand. */
async function anAgent(changes: Partial<AgentFrame> = {}) {
  const { gateway, dial, writeNow } = await aSlowGateway();
  writeNow();
  const socket = await dial("Ready", changes);
  const frames: ServerFrame[] = [];
  socket.on("message", (data) => frames.push(JSON.parse(String(data))));
  const send = (frame: AgentFrame) => socket.send(JSON.stringify(frame));
  await vi.waitUntil(() => gateway.status("ins_1")?.phase === "Ready", PATIENCE);
  /** Opens a channel, and grants it credit where this agent does so. */
  const open = async (credit = CHANNEL_WINDOW) => {
    const before = frames.length;
    const opening = gateway.open("ins_1", { channel: "tcp" });
    const { id } = await vi.waitUntil(() => frames.slice(before).find((frame) => frame.type === "open"), PATIENCE);
    if ("grants" in changes) {
      send({ type: "credit", id, credit });
    }
    return { id, channel: await opening };
  };
  const sentOn = (id: string) => frames.flatMap((frame) => (frame.type === "data" && frame.id === id ? [frame.data] : [])).join("");
  return { gateway, socket, frames, send, open, sentOn };
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

  it("loses no report of a hundred agents that come at once, and writes a few at a time", async ({ expect }) => {
    const { gateway, dial, begun, written, writeNow } = await aSlowGateway();
    const uids = Array.from({ length: 100 }, (_, index) => `ins_${index}`);
    await Promise.all(uids.map((uid) => dial("Ready", {}, uid)));
    await expect.poll(() => uids.every((uid) => gateway.status(uid as InstanceId) !== undefined), PATIENCE).toBe(true);
    expect(begun.length).toBe(4);
    writeNow();
    await expect.poll(() => written.length, PATIENCE).toBe(100);
  });

  it("loses no report of an agent that came and went while the database was away", async ({ expect }) => {
    const { gateway, dial, written, writeNow } = await aSlowGateway({ failures: 2 });
    writeNow();
    const socket = await dial("Ready");
    await expect.poll(() => gateway.status("ins_1")?.phase, PATIENCE).toBe("Ready");
    socket.close();
    await expect.poll(() => written, PATIENCE).toEqual(["Ready", "disconnected"]);
  });

  it("lets go of an agent whose token is no good any more, and of no other", async ({ expect }) => {
    let isKnown = true;
    const { gateway, dial, writeNow } = await aSlowGateway({ isKnown: () => isKnown });
    writeNow();
    const socket = await dial("Ready");
    await expect.poll(() => gateway.status("ins_1")?.phase, PATIENCE).toBe("Ready");
    const closed = once(socket, "close");
    await gateway.recheck();
    isKnown = false;
    await gateway.recheck("ins_2" as InstanceId);
    expect(socket.readyState).toBe(WebSocket.OPEN);
    await gateway.recheck("ins_1" as InstanceId);
    expect((await closed)[0]).toBe(4401);
  });

  it("stops while a report can't be written", async ({ expect }) => {
    const { gateway, dial, begun, written, writeNow } = await aSlowGateway({ failures: Number.POSITIVE_INFINITY });
    writeNow();
    await dial("Ready");
    await expect.poll(() => begun, PATIENCE).toEqual(["Ready"]);
    await gateway.close();
    expect(written).toEqual([]);
  });

  it("ends the channel alone whose reader can't take what an agent sent", async ({ expect }) => {
    const { open, send } = await anAgent();
    const [broken, sound] = [await open(), await open()];
    let end: unknown;
    const received: string[] = [];
    broken.channel.onData((data) => JSON.parse(data));
    broken.channel.onClose((how) => {
      end = how;
    });
    sound.channel.onData((data) => void received.push(data));
    for (const { id } of [broken, sound]) {
      send({ type: "data", id, data: "not JSON" });
    }
    await expect.poll(() => received, PATIENCE).toEqual(["not JSON"]);
    expect(end).toEqual({ error: "the instance's agent sent what can't be read" });
  });

  it("serves on whatever an agent sends: what can't be read ends the channel that it names", async ({ expect }) => {
    const { gateway, socket, open, send } = await anAgent({ grants: true });
    const [named, sound] = [await open(), await open()];
    const ends: unknown[] = [];
    named.channel.onClose((end) => ends.push(end));
    sound.channel.onClose((end) => ends.push(end));
    for (const garbage of garbageFor(AgentFrameSchema, named.id)) {
      socket.send(garbage);
    }
    // Out of order: of channels that never were, and of one that has ended.
    for (const id of [named.id, "never"]) {
      send({ type: "data", id, data: "x" });
      send({ type: "credit", id, credit: 1 });
      send({ type: "close", id });
    }
    const received: string[] = [];
    sound.channel.onData((data) => void received.push(data));
    send({ type: "data", id: sound.id, data: "still here" });
    await expect.poll(() => received, PATIENCE).toEqual(["still here"]);
    expect(ends).toEqual([{ error: "the instance's agent sent what can't be read" }]);
    expect(gateway.status("ins_1")?.phase).toBe("Ready");
    expect(socket.readyState).toBe(WebSocket.OPEN);
  });

  it("grants what a reader has taken and no more, and ends the channel of an agent that sends on", async ({ expect }) => {
    const { frames, open, send } = await anAgent({ grants: true });
    const [stuck, other] = [await open(), await open()];
    let end: unknown;
    const taken = Promise.withResolvers<void>();
    let held = 0;
    stuck.channel.onClose((how) => {
      end = how;
    });
    stuck.channel.onData((data) => {
      held += data.length;
      return taken.promise;
    });
    const piece = "x".repeat(CHANNEL_WINDOW / 8);
    for (let sent = 0; sent < CHANNEL_WINDOW; sent += piece.length) {
      send({ type: "data", id: stuck.id, data: piece });
    }
    await expect.poll(() => held, PATIENCE).toBe(CHANNEL_WINDOW);
    const creditOf = (id: string) =>
      frames.reduce((sum, frame) => sum + (frame.type === "credit" && frame.id === id ? frame.credit : 0), 0);
    expect(creditOf(stuck.id)).toBe(0);
    // Another channel goes on meanwhile, over many windows.
    let received = 0;
    other.channel.onData((data) => {
      received += data.length;
    });
    for (let round = 1; round <= 4; round++) {
      for (let sent = 0; sent < CHANNEL_WINDOW; sent += piece.length) {
        send({ type: "data", id: other.id, data: piece });
      }
      await expect.poll(() => creditOf(other.id), PATIENCE).toBe(round * CHANNEL_WINDOW);
    }
    expect(received).toBe(4 * CHANNEL_WINDOW);
    expect(end).toBeUndefined();
    send({ type: "data", id: stuck.id, data: "one too many" });
    await expect.poll(() => end, PATIENCE).toEqual({ error: "its reader takes less than the instance's agent sends" });
    expect(held).toBe(CHANNEL_WINDOW);
  });

  it("sends an agent what it has granted and no more, and holds back who sends", async ({ expect }) => {
    const { open, send, sentOn } = await anAgent({ grants: true });
    const { id, channel } = await open(10);
    expect(channel.send("0123456789")).toBeInstanceOf(Promise);
    const room = channel.send("more");
    await expect.poll(() => sentOn(id), PATIENCE).toBe("0123456789");
    send({ type: "credit", id, credit: 100 });
    await room;
    await expect.poll(() => sentOn(id), PATIENCE).toBe("0123456789more");
    expect(channel.send("and on")).toBeUndefined();
  });

  it("says that a channel is open when the agent says so, and why it is not", async ({ expect }) => {
    const { gateway, frames, send } = await anAgent({ grants: true });
    const opening = gateway.open("ins_1", { channel: "tcp" });
    await expect.poll(() => frames.length, PATIENCE).toBe(1);
    send({ type: "close", id: (frames[0] as { id: string }).id, error: "the instance is not running" });
    await expect(opening).rejects.toMatchObject({ code: "instance.unreachable", message: "the instance is not running" });
  });

  it("works with an agent of before, which neither grants nor waits for credit", async ({ expect }) => {
    const { frames, open, send, sentOn } = await anAgent();
    const { id, channel } = await open();
    let received = 0;
    channel.onData((data) => {
      received += data.length;
    });
    const piece = "x".repeat(CHANNEL_WINDOW);
    for (let round = 0; round < 4; round++) {
      await channel.send(piece);
      send({ type: "data", id, data: piece });
    }
    await expect.poll(() => [sentOn(id).length, received], PATIENCE).toEqual([4 * CHANNEL_WINDOW, 4 * CHANNEL_WINDOW]);
    // It would close the connection on a kind of frame that it does not know.
    expect(new Set(frames.map(({ type }) => type))).toEqual(new Set(["open", "data"]));
  });

  it("ends the channel of an agent of before that can't be slowed down, once too much waits, and no other", async ({ expect }) => {
    const { open, send } = await anAgent();
    const [stuck, sound] = [await open(), await open()];
    let [end, held, received]: [unknown, number, number] = [undefined, 0, 0];
    stuck.channel.onClose((how) => {
      end = how;
    });
    stuck.channel.onData((data) => {
      held += data.length;
      return new Promise(() => {});
    });
    sound.channel.onData((data) => {
      received += data.length;
    });
    const piece = "x".repeat(512 * 1024);
    for (let sent = 0; sent < 20 * 2 ** 20; sent += piece.length) {
      send({ type: "data", id: stuck.id, data: piece });
      send({ type: "data", id: sound.id, data: piece });
    }
    await expect.poll(() => received, PATIENCE).toBe(20 * 2 ** 20);
    expect(end).toEqual({ error: "its reader takes less than the instance's agent sends" });
    expect(held).toBe(16 * 2 ** 20);
  });

  it("reads no more of an agent that reports faster than is written, and goes on once it is", async ({ expect }) => {
    const { gateway, dial, begun, written, writeNow } = await aSlowGateway();
    const socket = await dial("Starting");
    const report = JSON.stringify({ type: "status", status: { ...status("Ready"), message: "x".repeat(500_000) } });
    for (let sent = 0; sent < 200; sent++) {
      socket.send(report);
    }
    await expect.poll(() => begun, PATIENCE).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(socket.bufferedAmount).toBeGreaterThan(0);
    writeNow();
    await expect.poll(() => written.length, PATIENCE).toBe(201);
    await gateway.close();
  });
});
