import { createHash } from "node:crypto";
import { on, once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { describe, it, onTestFinished, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { ChannelContext, ChannelHandler } from "../../../service/agent/channels/channel.ts";
import { openHttp } from "../../../service/agent/channels/http.ts";
import { openBytes } from "../../../service/agent/channels/tcp.ts";

const PASS = "what-the-client-has";
const TOKEN = "what-the-claw-wants";

async function portOf(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const pass = createHash("sha256").update(PASS).digest("hex");
const signedIn = () => toldBy((ctx, port) => openHttp(ctx, port, { pass, token: TOKEN }));

/** A claw that tells what it is given, and a port whose connections go to it by a channel of the agent. */
async function toldBy(open: Open): Promise<string> {
  const claw = createHttpServer(async (request, response) => {
    const body = await text(request);
    response.writeHead(200, { "content-type": "application/json", "set-cookie": ["a=1", "b=2"], connection: "close" });
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
  });
  const sockets = new WebSocketServer({ server: claw, perMessageDeflate: true });
  sockets.on("connection", (socket, { headers }) => {
    const { cookie = "none", "sec-websocket-extensions": extensions = "none" } = headers;
    socket.send(JSON.stringify({ event: "connect.challenge", extensions, cookie }));
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return doorTo(await portOf(claw), open);
}

type Open = (ctx: Pick<ChannelContext, "send" | "end">, port: number) => ChannelHandler;

async function doorTo(port: number, open: Open): Promise<string> {
  const door = createServer((socket) => {
    const channel = open(
      {
        send: (data) => (socket.write(Buffer.from(data, "base64")) ? undefined : once(socket, "drain").then(() => {})),
        end: () => socket.end(),
      },
      port,
    );
    socket.on("data", async (bytes) => {
      socket.pause();
      await channel.data?.(bytes.toString("base64"));
      socket.resume();
    });
    socket.on("error", () => {});
    socket.on("close", () => channel.closed());
  });
  return `127.0.0.1:${await portOf(door)}`;
}

describe("a connection that is signed in, over HTTP", () => {
  it.for([
    { name: "whose client presents the pass", authorization: `Bearer ${PASS}`, given: `Bearer ${TOKEN}` },
    { name: "whose client presents something else", authorization: `Bearer ${PASS}x`, given: `Bearer ${PASS}x` },
    { name: "whose client presents nothing", authorization: undefined, given: undefined },
  ])("gives the claw its token only for the pass: $name", async ({ authorization, given }, { expect }) => {
    const host = await signedIn();
    const headers = { "x-other": "kept", ...(authorization !== undefined && { authorization }) };
    const response = await fetch(`http://${host}/some?path=1`, { method: "POST", body: "a body", headers });
    const told = (await response.json()) as { readonly headers: { readonly authorization?: string } };
    expect(told).toMatchObject({ method: "POST", url: "/some?path=1", body: "a body", headers: { host, "x-other": "kept" } });
    expect(told.headers.authorization).toBe(given);
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  });

  it.for([
    { name: "that is signed in", open: signedIn },
    { name: "without a pass", open: () => toldBy(openBytes) },
  ])(
    "keeps from the claw what signs a browser in to a control plane on its own host, on a connection $name: cookies know no ports",
    async ({ open }, { expect }) => {
      const host = await open();
      const ours = ["claw-session=claws_1", "claw-sign-in=claw1.x", "__Host-claw-session=claws_2"];
      const cookieTold = async (...pairs: readonly string[]) => {
        const response = await fetch(`http://${host}/`, { headers: { cookie: pairs.join("; ") } });
        return ((await response.json()) as { readonly headers: { readonly cookie?: string } }).headers.cookie;
      };
      expect(await cookieTold("theme=dark", ...ours, "claws=own")).toBe("theme=dark; claws=own");
      expect(await cookieTold(...ours)).toBeUndefined();
      const socket = new WebSocket(`ws://${host}/`, { headers: { cookie: ["theme=dark", ...ours].join(";") } });
      onTestFinished(() => socket.terminate());
      const [challenge] = await once(socket, "message");
      expect(JSON.parse(String(challenge)).cookie).toBe("theme=dark");
    },
  );

  it("does so for each request of a connection, and keeps to itself what is of one hop", async ({ expect }) => {
    const { port, hostname } = new URL(`http://${await signedIn()}`);
    const socket = connect(Number(port), hostname);
    const ask = (more: string) => `GET /x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${PASS}\r\n${more}\r\n`;
    socket.write(ask("Connection: keep-alive, x-hop\r\nX-Hop: secret\r\n") + ask("Connection: close\r\n"));
    const answers = await text(socket);
    expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    expect(answers.match(new RegExp(`"authorization":"Bearer ${TOKEN}"`, "g"))).toHaveLength(2);
    expect(answers).not.toContain("secret");
  });

  it("takes all that was sent while the claw read nothing, once it reads", async ({ expect }) => {
    const reads = Promise.withResolvers<void>();
    let bytes = 0;
    const claw = createHttpServer(async (request, response) => {
      await reads.promise;
      for await (const chunk of request) {
        bytes += (chunk as Buffer).length;
      }
      response.end();
    });
    const channel = openHttp({ send: () => undefined, end: () => {} }, await portOf(claw), { pass: "none", token: TOKEN });
    onTestFinished(() => channel.closed());
    const give = (data: Buffer) => channel.data?.(data.toString("base64"));
    void give(Buffer.from("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n"));
    // As many at once as a window of the channel has.
    const taken = [];
    for (let sent = 0; sent < 20_000_000; sent += 40_000) {
      taken.push(give(Buffer.alloc(40_000)));
      if (taken.length % 4 === 0 && taken.length > 200) {
        reads.resolve();
        await Promise.all(taken.splice(0));
      }
    }
    await Promise.all(taken);
    await vi.waitFor(() => expect(bytes).toBe(20_000_000));
  });

  it("ends with what is no HTTP", async ({ expect }) => {
    const { port, hostname } = new URL(`http://${await signedIn()}`);
    const socket = connect(Number(port), hostname);
    socket.write(`\x00\x01 ${PASS}\r\n\r\n`);
    expect(await text(socket)).not.toContain(TOKEN);
  });
});

describe("a connection without a pass", () => {
  it.for([
    { name: "of a protocol whose server speaks first", sent: "EHLO me\n" },
    { name: "that look like a request and are none", sent: "GET what is this\n" },
    { name: "of no text", sent: "\x16\x03\x01\n" },
    { name: "that come one by one, and end in the middle of a line", sent: "GET /half" },
  ])("carries bytes as they are $name", async ({ sent }, { expect }) => {
    const received = Promise.withResolvers<string>();
    const claw = createServer((socket) => {
      socket.write("220 ready\n");
      text(socket).then(received.resolve, received.reject);
    });
    const { port, hostname } = new URL(`http://${await doorTo(await portOf(claw), openBytes)}`);
    const socket = connect({ port: Number(port), host: hostname, noDelay: true });
    expect(String((await once(socket, "data"))[0])).toBe("220 ready\n");
    for (const byte of sent) {
      await new Promise((resolve) => socket.write(byte, resolve));
    }
    socket.end();
    expect(await received.promise).toBe(sent);
  });

  it("carries frames of WebSockets as they are, whatever both sides agreed on", async ({ expect }) => {
    const socket = new WebSocket(`ws://${await toldBy(openBytes)}/`);
    onTestFinished(() => socket.terminate());
    const [challenge] = await once(socket, "message");
    expect(JSON.parse(String(challenge)).extensions).toContain("permessage-deflate");
    socket.send("x".repeat(100_000));
    const [told] = await once(socket, "message");
    expect(String(told)).toBe("x".repeat(100_000));
  });
});

describe("a connection that is signed in, as a WebSocket", () => {
  const device = { id: "d", signature: "s" };
  const connectFrame = (params: object) => ({ type: "req", id: "1", method: "connect", params });
  it.for([
    { name: "its token, of a program", sent: { auth: { token: PASS, extra: 1 } }, given: { auth: { token: TOKEN, extra: 1 } } },
    {
      name: "its token, which a device has signed",
      sent: { auth: { token: PASS }, device },
      given: { auth: { deviceToken: PASS, password: TOKEN }, device },
    },
    { name: "its password", sent: { auth: { password: PASS }, device }, given: { auth: { password: TOKEN }, device } },
    { name: "nothing for another", sent: { auth: { token: `${PASS}x` }, device }, given: { auth: { token: `${PASS}x` }, device } },
    {
      name: "nothing for a password beside a token",
      sent: { auth: { token: "t", password: PASS } },
      given: { auth: { token: "t", password: PASS } },
    },
    { name: "nothing for none", sent: {}, given: {} },
  ])("gives the claw $name", async ({ sent, given }, { expect }) => {
    const socket = new WebSocket(`ws://${await signedIn()}/`);
    onTestFinished(() => socket.terminate());
    const [challenge] = await once(socket, "message");
    expect(JSON.parse(String(challenge)).extensions).toBe("none");
    socket.send(JSON.stringify(connectFrame(sent)));
    const [told] = await once(socket, "message");
    expect(JSON.parse(String(told))).toEqual(connectFrame(given));
    // What follows is the client's own word for word, whatever it is.
    socket.send(JSON.stringify(connectFrame({ auth: { token: PASS } })));
    const [second] = await once(socket, "message");
    expect(JSON.parse(String(second))).toEqual(connectFrame({ auth: { token: PASS } }));
  });

  it.for([
    { name: "in pieces", first: Buffer.from(JSON.stringify(connectFrame({ auth: { token: PASS }, long: "x".repeat(40_000) }))) },
    { name: "that is short", first: Buffer.from("{}") },
    { name: "that is longer than any gateway takes", first: Buffer.alloc(300_000, "y") },
    { name: "that is no text", first: Buffer.alloc(10, 0xff), binary: true },
  ])("passes a first frame $name", async ({ name, first, binary = false }, { expect }) => {
    const socket = new WebSocket(`ws://${await signedIn()}/`);
    onTestFinished(() => socket.terminate());
    const messages = on(socket, "message", { close: ["close"] });
    await messages.next();
    socket.send(first, { binary });
    socket.send("and another");
    const told = (await messages.next()).value?.[0];
    const next = (await messages.next()).value?.[0];
    expect(String(told)).toBe(name === "in pieces" ? String(first).replace(PASS, TOKEN) : String(first));
    expect(String(next)).toBe("and another");
  });
});
