import { describe, it, onTestFinished, vi } from "vitest";
import type { WebSocket as ServerSocket } from "ws";
import { AuthError, Claw, ConflictError, ConnectionError, NotFoundError, UserAbortError } from "../../../sdk/client/index.ts";
import { itemOf, resumed } from "../../../sdk/client/resume.ts";
import { Socket } from "../../../sdk/client/socket.ts";
import { anInstanceAnswer } from "../../support/builders/resources.ts";
import { collect } from "../../support/collect.ts";
import { answer, refuse, startServer } from "../../support/http-server.ts";

describe("chat", () => {
  const serve = () =>
    startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) =>
        socket.on("message", (data) => {
          const { text, session } = JSON.parse(String(data));
          for (const part of [text, "!", session ?? "-"]) {
            socket.send(JSON.stringify({ type: "delta", text: part }));
          }
          socket.send(JSON.stringify({ type: "done", usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 } }));
        }),
    );

  it("gives each message's own events, with the credentials in the handshake", async ({ expect }) => {
    await using server = await serve();
    const chat = await new Claw({ url: server.url, token: "t0", tenant: "acme" }).instances.chat("web", { session: "s" });
    const events = await collect(chat.send("hi"));
    expect(events.map((e) => (e.type === "delta" ? e.text : e.type))).toEqual(["hi", "!", "s", "done"]);
    expect(await collect(chat.send("again"))).toHaveLength(4);
    chat.close();
    expect(server.upgrades[0]).toMatchObject({
      path: "/api/v1/instances/web/stream",
      headers: { authorization: "Bearer t0", "x-claw-tenant": "acme" },
    });
  });

  it("does not mix an answer that was left early into the next", async ({ expect }) => {
    await using server = await serve();
    const chat = await new Claw({ url: server.url }).instances.chat("web");
    for await (const event of chat.send("first")) {
      expect(event).toEqual({ type: "delta", text: "first" });
      break;
    }
    const [event] = await collect(chat.send("second"));
    expect(event).toEqual({ type: "delta", text: "second" });
    chat.close();
  });

  it.for([
    "",
    "{",
    "null",
    "[]",
    "1",
    '{"type":"no-such"}',
    '{"type":"delta"}',
    '{"type":"error","message":1}',
    '{"type":"done","usage":1}',
    Buffer.from([255]),
  ])("fails by a typed error on what is no event: %s", async (garbage, { expect }) => {
    await using server = await startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) => socket.on("message", () => socket.send(garbage)),
    );
    const chat = await new Claw({ url: server.url }).instances.chat("web");
    await expect(collect(chat.send("hi"))).rejects.toBeInstanceOf(ConnectionError);
    chat.close();
  });

  it("goes on behind the last event when the stream breaks off in an answer", async ({ expect }) => {
    const frames: Record<string, unknown>[] = [];
    await using server = await startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) =>
        socket.on("message", (data) => {
          frames.push(JSON.parse(String(data)));
          if (frames.length === 1) {
            // Before anything came of it: the same message, by its name, is no second one.
            return socket.terminate();
          }
          if (frames.length === 2) {
            say(socket, { type: "delta", text: "a", seq: 1 }, { type: "heartbeat" }, { type: "delta", text: "b", seq: 2 });
            return socket.close(4503, "instance.unreachable: its agent is away");
          }
          say(socket, { type: "gap", message: "some is gone", seq: 3 }, { type: "delta", text: "c", seq: 4 }, { type: "done", seq: 5 });
        }),
    );
    const chat = await new Claw({ url: server.url }).instances.chat("web", { session: "s" });
    const events = await collect(chat.send("hi"));
    expect(events.map((event) => (event.type === "delta" ? event.text : event.type))).toEqual(["a", "b", "gap", "c", "done"]);
    const turn = frames[0]?.["turn"];
    expect(frames).toEqual([
      { type: "message", text: "hi", turn, session: "s" },
      { type: "message", text: "hi", turn, again: true, session: "s" },
      { type: "resume", turn, after: 2, session: "s" },
    ]);
    chat.close();
  });

  it("fails when the stream breaks off in an answer without numbers, and when it may not come back", async ({ expect }) => {
    await using server = await startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) =>
        socket.on("message", (data) => {
          const { text } = JSON.parse(String(data));
          say(socket, { type: "delta", text: "a", ...(text === "numbered" && { seq: 1 }) });
          text === "numbered" ? socket.close(4403, "auth.forbidden: no more") : socket.terminate();
        }),
    );
    const claw = new Claw({ url: server.url });
    await expect(collect((await claw.instances.chat("web")).send("hi"))).rejects.toBeInstanceOf(ConnectionError);
    await expect(collect((await claw.instances.chat("web")).send("numbered"))).rejects.toMatchObject({ code: "auth.forbidden" });
  });
});

const say = (socket: ServerSocket, ...items: object[]) => {
  for (const item of items) {
    socket.send(JSON.stringify(item));
  }
};
const lines = (position: string | undefined, ...texts: string[]) => ({ type: "lines", lines: texts, position });

describe("followLogs", () => {
  const serve = (onSocket: (socket: ServerSocket, count: number) => void) => {
    let count = 0;
    return startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) => onSocket(socket, ++count),
    );
  };

  it("gives lines until the stream ends", async ({ expect }) => {
    await using server = await serve((socket) =>
      say(socket, lines("p.1", "one"), { type: "heartbeat" }, lines("p.2", "two"), { type: "end" }),
    );
    expect(await collect(new Claw({ url: server.url }).instances.followLogs("web", { tailLines: 2 }))).toEqual(["one", "two"]);
    expect(server.upgrades[0]?.query.get("tailLines")).toBe("2");
  });

  it("goes on behind the last position when it breaks off, and is told of gaps", async ({ expect }) => {
    await using server = await serve((socket, count) => {
      if (count === 1) {
        say(socket, lines("p.1", "one"));
        socket.terminate();
      } else if (count === 2) {
        socket.close(4503, "instance.unreachable: its agent is away");
      } else {
        say(socket, { type: "gap", message: "rotated away", position: "p.5" }, lines("p.6", "six"), { type: "end" });
      }
    });
    const gaps: string[] = [];
    const all = collect(new Claw({ url: server.url }).instances.followLogs("web", { onGap: (message) => gaps.push(message) }));
    expect(await all).toEqual(["one", "six"]);
    expect(gaps).toEqual(["rotated away"]);
    expect(server.upgrades.map(({ query }) => query.get("after"))).toEqual([null, "p.1", "p.1"]);
  });

  it("says what may be missing where the source knows no positions", async ({ expect }) => {
    await using server = await serve((socket, count) => {
      say(socket, lines(undefined, `line ${count}`));
      count === 1 ? socket.close(1001) : say(socket, { type: "end" });
    });
    const gaps: string[] = [];
    const all = collect(new Claw({ url: server.url }).instances.followLogs("web", { onGap: (message) => gaps.push(message) }));
    expect(await all).toEqual(["line 1", "line 2"]);
    expect(gaps).toHaveLength(1);
    expect(server.upgrades[1]?.query.get("tailLines")).toBe("0");
  });

  it("does not come back after what will not pass: a right that was taken back", async ({ expect }) => {
    await using server = await serve((socket) => {
      say(socket, lines("p.1", "one"));
      socket.close(4403, "auth.forbidden: no more");
    });
    await expect(collect(new Claw({ url: server.url }).instances.followLogs("web"))).rejects.toMatchObject({ code: "auth.forbidden" });
    expect(server.upgrades).toHaveLength(1);
  });

  it("goes on with another token when the one that it was opened with has run out", async ({ expect }) => {
    await using server = await serve((socket, count) => {
      if (count > 1) {
        return say(socket, lines("p.2", "two"), { type: "end" });
      }
      say(socket, lines("p.1", "one"));
      return socket.close(4401, "auth.unauthenticated: the token is not valid any more");
    });
    let asked = 0;
    const claw = new Claw({ url: server.url, token: async () => `t${++asked}` });
    expect(await collect(claw.instances.followLogs("web"))).toEqual(["one", "two"]);
    expect(server.upgrades.map(({ headers }) => headers.authorization)).toEqual(["Bearer t1", "Bearer t2"]);
    expect(server.upgrades[1]?.query.get("after")).toBe("p.1");
    // One that is no function stays refused.
    await using refusing = await serve((socket) => {
      say(socket, lines("p.1", "one"));
      socket.close(4401, "auth.unauthenticated: the token is not valid any more");
    });
    await expect(collect(new Claw({ url: refusing.url, token: "t0" }).instances.followLogs("web"))).rejects.toBeInstanceOf(AuthError);
    expect(refusing.upgrades).toHaveLength(1);
  });

  it("ends by the caller's signal", async ({ expect }) => {
    await using server = await serve((socket) => say(socket, lines("p.1", "one")));
    const abort = new AbortController();
    const follow = async () => {
      for await (const line of new Claw({ url: server.url }).instances.followLogs("web", { signal: abort.signal })) {
        expect(line).toBe("one");
        abort.abort();
      }
    };
    await expect(follow()).rejects.toBeInstanceOf(UserAbortError);
  });

  it("takes one that is silent for a lost one", async ({ expect }) => {
    await using server = await serve((socket, count) => say(socket, count === 1 ? { type: "heartbeat" } : { type: "end" }));
    const config = { url: server.url, token: undefined, tenant: undefined, timeoutMs: 1000, maxRetries: 0, fetch, WebSocket };
    const silent = resumed<{ type: string }>((frame) => itemOf(frame, () => true), {
      signal: undefined,
      silenceMs: 50,
      open: () => Socket.open(config as never, "/instances/web/logs/stream", {}, undefined),
    });
    expect(await collect(silent)).toEqual([]);
  });
});

describe("followMetrics", () => {
  it("gives what is told, and again after the stream broke off", async ({ expect }) => {
    let count = 0;
    await using server = await startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) => {
        say(socket, { type: "metrics", phase: "Running", ready: true, restarts: ++count });
        count === 1 ? socket.terminate() : say(socket, { type: "end" });
      },
    );
    const seen = await collect(new Claw({ url: server.url }).instances.followMetrics("web"));
    expect(seen).toEqual([1, 2].map((restarts) => ({ phase: "Running", ready: true, restarts })));
  });
});

describe("in a browser", () => {
  /** As the standard has it: what is no protocol is refused, headers too. */
  class StandardSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      if (!Array.isArray(protocols)) {
        throw new SyntaxError(`the subprotocol '${protocols}' is invalid`);
      }
      super(url, protocols);
    }
  }

  it("the token is a subprotocol and the tenant in the query, of streams", async ({ expect }) => {
    await using server = await startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) => say(socket, { type: "end" }),
    );
    const claw = new Claw({ url: server.url, token: "t0", tenant: "acme", WebSocket: StandardSocket });
    await collect(claw.instances.followLogs("web", { tailLines: 2 }));
    expect(server.upgrades[0]?.headers).toMatchObject({ "sec-websocket-protocol": "bearer.t0" });
    expect(server.upgrades[0]?.headers["authorization"]).toBeUndefined();
    expect(server.upgrades[0]?.query.toString()).toBe("tailLines=2&tenant=acme");
  });

  it("a token that can't be a subprotocol is told", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 200, anInstanceAnswer()));
    const claw = new Claw({ url: server.url, token: "a b", WebSocket: StandardSocket });
    await expect(claw.instances.connect("web")).rejects.toThrow(/^the stream can't be opened: /);
  });

  it("fetch is called as the function that it is, and not as a method", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 200, anInstanceAnswer()));
    function bound(this: unknown, ...request: Parameters<typeof fetch>) {
      expect(this).toBeUndefined();
      return fetch(...request);
    }
    await new Claw({ url: server.url, fetch: bound }).instances.get("web");
    expect(server.requests).toHaveLength(1);
  });
});

describe("a refused stream", () => {
  it("gives the typed error that the close code and reason tell", async ({ expect }) => {
    await using server = await startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) => socket.close(4409, "instance.not_running: 'web' is stopped"),
    );
    const error = await collect(await new Claw({ url: server.url }).instances.connect("web")).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConflictError);
    expect(error).toMatchObject({ code: "instance.not_running", message: "'web' is stopped" });
  });

  it("gives the typed error of the instance's route when the handshake itself failed", async ({ expect }) => {
    await using server = await startServer((_, res) => refuse(res, "instance.not_found"));
    await expect(new Claw({ url: server.url }).instances.connect("web")).rejects.toBeInstanceOf(NotFoundError);
  });

  it("is a connection error when the instance is there but the stream is not", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 200, anInstanceAnswer()));
    await expect(new Claw({ url: server.url }).instances.connect("web")).rejects.toBeInstanceOf(ConnectionError);
  });
});

describe("connect", () => {
  it("carries bytes both ways unchanged", async ({ expect }) => {
    await using server = await startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) => socket.on("message", (data) => socket.send(data, { binary: true })),
    );
    const tunnel = await new Claw({ url: server.url }).instances.connect("web");
    const sent = crypto.getRandomValues(new Uint8Array(60_000));
    const received = new Uint8Array(300_000);
    for (let i = 0; i < 5; i++) {
      await tunnel.send(sent);
    }
    let length = 0;
    for await (const bytes of tunnel) {
      received.set(bytes, length);
      length += bytes.length;
      if (length === received.length) {
        tunnel.close();
      }
    }
    expect(Buffer.compare(received.subarray(240_000), sent)).toBe(0);
  });
});

describe("a stream whose reader does not read", () => {
  it("ends when too much waits, after giving what came before", async ({ expect }) => {
    await using server = await startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) => {
        const megabyte = Buffer.alloc(1024 * 1024);
        for (let sent = 0; sent < 80; sent++) {
          socket.send(megabyte);
        }
      },
    );
    const tunnel = await new Claw({ url: server.url }).instances.connect("web");
    // It ends by itself: nobody has begun to read.
    await expect
      .poll(
        () =>
          tunnel.send(new Uint8Array(1)).then(
            () => "open",
            (error: Error) => error.message,
          ),
        { timeout: 20_000 },
      )
      .toMatch(/MiB waited/);
    let received = 0;
    const read = async () => {
      for await (const bytes of tunnel) {
        received += bytes.length;
      }
    };
    await expect(read()).rejects.toThrow("the stream was given up: more than 64 MiB waited to be read");
    expect(received).toBe(65 * 1024 * 1024);
  });
});

describe("terminal", () => {
  it("opens at the path that the console route answers, and resizes", async ({ expect }) => {
    const frames: string[] = [];
    await using server = await startServer(
      (_, res) => answer(res, 201, { url: "/api/v1/instances/web/console/stream?ticket=x" }),
      (socket) =>
        socket.on("message", (data, binary) => {
          frames.push(`${binary ? "bytes" : "text"}:${data}`);
          if (frames.length === 2) {
            socket.close(1000);
          }
        }),
    );
    const terminal = await new Claw({ url: server.url }).instances.terminal("web", { cols: 80, rows: 24 });
    await terminal.send(new TextEncoder().encode("ls\n"));
    terminal.resize(100, 30);
    await collect(terminal);
    expect(frames).toEqual(["bytes:ls\n", 'text:{"cols":100,"rows":30}']);
    expect(server.requests[0]?.body).toEqual({ cols: 80, rows: 24 });
    expect(server.upgrades[0]?.query.toString()).toBe("cols=80&rows=24&ticket=x");
  });
});

describe("watch", () => {
  it("gives the instance at first and after each change, and ends when it is gone", async ({ expect }) => {
    const phases = ["Creating", "Creating", "Running"] as const;
    await using server = await startServer((_, res, count) => {
      const phase = phases[count - 1];
      phase ? answer(res, 200, anInstanceAnswer("web", { status: { phase } })) : refuse(res, "instance.not_found");
    });
    const seen = await collect(new Claw({ url: server.url }).instances.watch("web", { intervalMs: 1 }));
    expect(seen.map((i) => i.status.phase)).toEqual(["Creating", "Running"]);
  });
});

describe("a connection that is open for long", () => {
  it("tells of the token that came after its own, and of nothing when the next can't be had", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["setInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const frames: string[] = [];
    await using server = await startServer(
      (_, res) => answer(res, 200, anInstanceAnswer()),
      (socket) => socket.on("message", (data) => frames.push(String(data))),
    );
    const tokens = ["first", "first", undefined, "second", "second"];
    const token = async () => tokens.shift() ?? Promise.reject(new Error("the provider is away"));
    const connection = await new Claw({ url: server.url, token }).instances.connect("web");
    for (let turn = 0; turn < 5; turn++) {
      await vi.advanceTimersByTimeAsync(15_000);
    }
    await expect.poll(() => frames).toEqual(['{"token":"second"}']);
    connection.close();
    expect(server.upgrades[0]?.headers).toMatchObject({ authorization: "Bearer first" });
  });
});
