import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import { describe, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { ReplicaRelay } from "../../../adapters/relay/replica-relay.ts";
import { type AgentStatus, type ChannelOpen, ClawError } from "../../../sdk/contract/index.ts";
import type { AgentChannel, Agents } from "../../../service/application/ports/instances/agents.ts";
import { RELAY_PATH, RelayRequestSchema } from "../../../service/application/ports/instances/relay.ts";
import { buildApp } from "../../../service/http/app.ts";
import { withoutUseCases } from "../../support/api-options.ts";
import { garbageFor } from "../../support/garbage.ts";

const TOKEN = "the-token-of-replicas";
const opened: ChannelOpen = { channel: "console", cols: 80, rows: 24 };

/** A replica, with an agent that answers what it is sent in capitals, and what came of its channels. */
async function aReplica(...instances: readonly string[]) {
  const said: string[] = [];
  const agent = { isReady: Promise.resolve() };
  const open: Agents["open"] = async (id, channel) => {
    said.push(`${id} ${channel.channel}`);
    await agent.isReady;
    if (channel.channel === "chat") {
      throw new ClawError("instance.unreachable", "this type of claw can't be talked to");
    }
    let onData: Parameters<AgentChannel["onData"]>[0] = () => undefined;
    let onClose: Parameters<AgentChannel["onClose"]>[0] = () => undefined;
    return {
      send: (data) => (data === "exit" ? void onClose({ exitCode: 3 }) : void onData(data.toUpperCase())),
      resize: (cols, rows) => void said.push(`${cols}x${rows}`),
      onData(listener) {
        onData = listener;
      },
      onClose(listener) {
        onClose = listener;
      },
      close: ({ keep } = { keep: false }) => void said.push(`closed, ${keep ? "kept" : "left"}`),
    };
  };
  const status = (id: string) => (instances.includes(id) ? ({} as AgentStatus) : undefined);
  const app = await buildApp({ log: pino({ level: "silent" }), ...withoutUseCases({ relay: { agents: { status, open }, token: TOKEN } }) });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => app.close());
  return { url, said, app, agent };
}

const among = (...urls: string[]) => new ReplicaRelay({ urls: async () => urls, token: TOKEN });

/** What comes of a channel. */
function read(channel: AgentChannel) {
  const data: string[] = [];
  channel.onData((text) => void data.push(text));
  return { data, end: new Promise<object>((resolve) => channel.onClose(resolve)) };
}

describe("a channel on an agent that is connected to another replica", () => {
  it("is opened at the one that has it, and passes what goes both ways, and how it ended", async ({ expect }) => {
    const [other, holder] = [await aReplica("ins_other"), await aReplica("ins_1")];
    const channel = await among("http://127.0.0.1:1", other.url, holder.url).open("ins_1", opened);
    const { data, end } = read(channel as AgentChannel);
    channel?.resize(100, 40);
    await channel?.send("hello");
    await channel?.send("exit");
    expect(await end).toEqual({ exitCode: 3 });
    expect(data).toEqual(["HELLO"]);
    expect(other.said).toEqual([]);
    expect(holder.said).toEqual(["ins_1 console", "100x40"]);
  });

  it("is none where no replica has the agent, and says what the agent says that can't open one", async ({ expect }) => {
    const { url } = await aReplica("ins_1");
    expect(await among(url, "http://127.0.0.1:1").open("ins_2", opened)).toBeUndefined();
    const chat = among(url).open("ins_1", { channel: "chat", message: "hi", session: "s" });
    await expect(chat).rejects.toMatchObject({ code: "instance.unreachable", message: "this type of claw can't be talked to" });
  });

  it("is left where its reader closes it, and kept for who comes back where a replica is gone", async ({ expect }) => {
    const holder = await aReplica("ins_1");
    const [left, lost] = [await among(holder.url).open("ins_1", opened), await among(holder.url).open("ins_1", opened)];
    left?.close();
    await expect.poll(() => holder.said.slice(2)).toEqual(["closed, left"]);
    const { end } = read(lost as AgentChannel);
    await holder.app.close();
    expect(await end).toMatchObject({ isLost: true });
    await expect.poll(() => holder.said.slice(3)).toEqual(["closed, kept"]);
  });

  it("is closed though its agent opened it long after the replica that asked was gone", async ({ expect }) => {
    const { url, said, agent } = await aReplica("ins_1");
    // Longer than what a socket has sent is waited for once it has closed.
    agent.isReady = delay(6_000);
    const socket = new WebSocket(`${url.replace("http", "ws")}${RELAY_PATH}?instance=ins_1`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "open", open: opened }));
    await expect.poll(() => said).toEqual(["ins_1 console"]);
    socket.terminate();
    await expect.poll(() => said, { timeout: 10_000 }).toEqual(["ins_1 console", "closed, kept"]);
  });

  it("is for replicas alone, and ends with what is no request of theirs", async ({ expect }) => {
    const { url, said } = await aReplica("ins_1");
    const dial = (token: string) =>
      new WebSocket(`${url.replace("http", "ws")}${RELAY_PATH}?instance=ins_1`, { headers: { authorization: `Bearer ${token}` } });
    for (const token of ["", "another", `${TOKEN}x`]) {
      expect((await once(dial(token), "close"))[0]).toBe(4401);
    }
    for (const garbage of garbageFor(RelayRequestSchema)) {
      const socket = dial(TOKEN);
      await once(socket, "open");
      socket.send(garbage);
      await once(socket, "close");
    }
    expect(said).toEqual([]);
  });
});
