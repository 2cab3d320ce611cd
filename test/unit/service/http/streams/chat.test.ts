import { describe, it } from "vitest";
import { Claw } from "../../../../../sdk/client/index.ts";
import { type ChannelOpen, type ChatEvent, ClawError } from "../../../../../sdk/contract/index.ts";
import type { AgentChannel } from "../../../../../service/application/ports/instances/agents.ts";
import { serveChat } from "../../../../../service/http/streams/chat.ts";
import { socketOutlet } from "../../../../../service/http/streams/outlet.ts";
import { anInstanceAnswer } from "../../../../support/builders/resources.ts";
import { collect } from "../../../../support/collect.ts";
import { answer, startServer } from "../../../../support/http-server.ts";

/** A channel over which an agent says this; without the end of an answer it is lost then. */
function saying(...events: readonly ChatEvent[]): AgentChannel {
  return {
    onData: (listener) => void setImmediate(() => events.forEach((event) => void listener(JSON.stringify(event)))),
    onClose: (listener) => void setImmediate(() => listener(events.at(-1)?.type === "done" ? {} : { isLost: true })),
    send: () => undefined,
    resize: () => undefined,
    close: () => undefined,
  };
}

/** A control plane whose agent is away, or says this, each time that it is asked. */
async function serving(...turns: readonly (() => AgentChannel)[]) {
  const asked: ChannelOpen[] = [];
  const server = await startServer(
    (_, res) => answer(res, 200, anInstanceAnswer()),
    (socket) =>
      void serveChat(socket, socketOutlet(socket), {
        sessionKey: async (session) => session,
        open: async (open) => (turns[asked.push(open) - 1] ?? away)(),
      }),
  );
  return { server, asked };
}

const away = (): AgentChannel => {
  throw new ClawError("instance.unreachable", "its agent is not connected");
};
/** What comes of one message. */
async function textsOf(url: string): Promise<string[]> {
  const chat = await new Claw({ url }).instances.chat("web");
  const events = await collect(chat.send("hi"));
  chat.close();
  return events.map((event) => (event.type === "delta" ? event.text : event.type));
}

describe("an answer that broke off with its agent", () => {
  it("waits for the agent, which is back later than its reader", async ({ expect }) => {
    const { server, asked } = await serving(
      () => saying({ type: "delta", text: "a", seq: 1 }),
      away,
      () => saying({ type: "delta", text: "b", seq: 2 }, { type: "done", seq: 3 }),
    );
    await using _ = server;
    expect(await textsOf(server.url)).toEqual(["a", "b", "done"]);
    expect(asked.slice(1)).toMatchObject([{ after: 1 }, { after: 1 }]);
  });

  it("waits so too when none of it had come yet", async ({ expect }) => {
    const { server } = await serving(
      () => saying(),
      away,
      () => saying({ type: "done", seq: 1 }),
    );
    await using _ = server;
    expect(await textsOf(server.url)).toEqual(["done"]);
  });

  it("is refused at once where nobody has begun it", async ({ expect }) => {
    const { server, asked } = await serving(away);
    await using _ = server;
    expect(await textsOf(server.url)).toEqual(["error"]);
    expect(asked).toHaveLength(1);
  });
});
