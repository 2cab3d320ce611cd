import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { Duplex, pipeline, Transform } from "node:stream";
import { asObject } from "../openclaw-gateway.ts";
import type { ChannelContext, ChannelHandler } from "./channel.ts";

/** Who may sign in, and as whom. */
interface SignIn {
  /** Digest of what a client presents. */
  readonly pass: string;
  /** What the claw is given in its place. */
  readonly token: string;
}

/** Of one hop alone: each side has its own. */
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "upgrade"];
/** What a gateway takes before somebody has signed in. */
const FIRST_FRAME_BYTES_MAX = 64 * 1024;
const FAREWELL_MS = 5_000;

/**
 * A connection to the claw's port, of HTTP and WebSockets alone: whoever presents the pass where the claw wants its token has the token put in its place. All else is
 * as the client has sent it, and the claw decides on it. So what the claw takes is known here alone, and nothing is done with what a browser sends by itself,
 * but that cookies of a control plane stay here. @param signIn absent where nobody is signed in
 */
export function openHttp(ctx: Pick<ChannelContext, "send" | "end">, port: number, signIn?: SignIn): ChannelHandler {
  /** Of what came since it was read last: as much as a window of the channel comes without an answer. */
  const waiting: (() => void)[] = [];
  const client = new Duplex({
    read() {
      for (const goOn of waiting.splice(0)) {
        goOn();
      }
    },
    write(bytes: Buffer, _encoding, done) {
      const room = ctx.send(bytes.toString("base64"));
      room ? void room.then(() => done()) : done();
    },
    final(done) {
      ctx.end();
      done();
    },
    destroy(_error, done) {
      ctx.end();
      done(null);
    },
  });
  client.on("error", () => {});
  // Never listens: all that it is given is the one connection.
  const server = createServer({ shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket" });
  server.on("request", (asked, answer) => forward(asked, answer, port, signIn));
  server.on("upgrade", (asked, _socket, head) => upgrade(client, asked, head, port, signIn));
  server.emit("connection", client);
  return {
    data(data) {
      if (client.push(Buffer.from(data, "base64"))) {
        return undefined;
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    closed() {
      // What was sent before the close still reaches the claw.
      client.push(null);
      setTimeout(() => client.destroy(), FAREWELL_MS).unref();
    },
  };
}

function forward(asked: IncomingMessage, answer: ServerResponse, port: number, signIn: SignIn | undefined): void {
  const { method, url: path, headers } = asked;
  const onward = request({ host: "127.0.0.1", port, method, path, headers: ofOneHop(signedHeaders(headers, signIn)), agent: false });
  onward.on("response", (response) => {
    answer.writeHead(response.statusCode ?? 502, response.statusMessage, ofOneHop(response.headers));
    pipeline(response, answer, () => {});
  });
  onward.on("error", (error) => {
    if (answer.headersSent) {
      answer.destroy();
    } else {
      answer.writeHead(502, { "content-type": "text/plain; charset=utf-8" }).end(`the instance's port: ${error.message}\n`);
    }
  });
  // Who has gone waits for no answer.
  answer.on("close", () => onward.destroy());
  asked.pipe(onward);
}

function ofOneHop(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = headers.connection?.split(",").map((name) => name.trim().toLowerCase()) ?? [];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name) && !named.includes(name)));
}

/** Cookies know no ports: a browser sends along here what signs it in to a control plane that is on its own host. */
const CONTROL_PLANE_COOKIE = /^(?:__Host-)?claw-/;

function withoutOurs({ cookie = "", ...headers }: IncomingHttpHeaders): IncomingHttpHeaders {
  const others = cookie.split(/;\s*/).filter((pair) => pair !== "" && !CONTROL_PLANE_COOKIE.test(pair));
  return others.length > 0 ? { ...headers, cookie: others.join("; ") } : headers;
}

function signedHeaders(given: IncomingHttpHeaders, signIn: SignIn | undefined): IncomingHttpHeaders {
  const headers = withoutOurs(given);
  if (!signIn) {
    return headers;
  }
  const { pass, token } = signIn;
  const presented = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1];
  return isPass(presented, pass) ? { ...headers, authorization: `Bearer ${token}` } : headers;
}

function isPass(presented: unknown, pass: string): boolean {
  return typeof presented === "string" && createHash("sha256").update(presented).digest("hex") === pass;
}

/** Joins a WebSocket of the client's with one to the claw: their frames pass as they are, but for the first. */
function upgrade(client: Duplex, asked: IncomingMessage, head: Buffer, port: number, signIn: SignIn | undefined): void {
  const { "sec-websocket-extensions": extensions, ...others } = signedHeaders(asked.headers, signIn);
  // Frames that are compressed could not be read here, where they have to be.
  const headers = signIn || extensions === undefined ? others : { ...others, "sec-websocket-extensions": extensions };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const claw = connect({ host: "127.0.0.1", port, noDelay: true });
  claw.write([`GET ${asked.url} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
  if (head.length > 0) {
    client.unshift(head);
  }
  (signIn ? client.pipe(firstFrameChanged((text) => signedConnect(text, signIn))) : client).pipe(claw);
  claw.pipe(client);
  claw.on("error", () => client.destroy());
  client.once("close", () => claw.destroy());
}

/** What a client of OpenClaw's gateway says first, with the token where the pass was. */
function signedConnect(text: string, { pass, token }: SignIn): string {
  const frame = asObject(parse(text));
  const params = asObject(frame["params"]);
  const auth = asObject(params["auth"]);
  const { token: presented, ...others } = auth;
  const isToken = isPass(presented, pass);
  if (frame["method"] !== "connect" || !(isToken || (presented === undefined && isPass(auth["password"], pass)))) {
    return text;
  }
  // A device has signed what it presents, as the token or in a token's absence as its own: so it stays there. A gateway takes its token for a password too.
  const kept = isToken ? { ...others, deviceToken: presented } : others;
  const signed = isToken && params["device"] === undefined ? { ...others, token } : { ...kept, password: token };
  return JSON.stringify({ ...frame, params: { ...params, auth: signed } });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Changes the first frame of a client's side of a WebSocket where that is a whole text of no great length, and nothing else. */
function firstFrameChanged(change: (text: string) => string): Transform {
  let held: Buffer | undefined = Buffer.alloc(0);
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      if (!held) {
        return done(null, bytes);
      }
      const all = Buffer.concat([held, bytes]);
      const frame = textFrameOf(all);
      if (frame === "incomplete") {
        held = all;
        return done();
      }
      held = undefined;
      done(null, frame ? Buffer.concat([textFrame(change(frame.text)), all.subarray(frame.end)]) : all);
    },
    flush: (done) => done(null, held),
  });
}

/** The text frame at the beginning of what a client sends (RFC 6455, 5.2); undefined of another frame, or a longer one. */
function textFrameOf(bytes: Buffer): { readonly text: string; readonly end: number } | "incomplete" | undefined {
  const [kind, marked = 0] = bytes;
  const short = marked & 0x7f;
  if (bytes.length >= 2 && (kind !== 0x81 || marked < 0x80 || short === 127)) {
    return undefined;
  }
  const keyAt = short === 126 ? 4 : 2;
  if (bytes.length < keyAt + 4) {
    return "incomplete";
  }
  const from = keyAt + 4;
  const end = from + (short === 126 ? bytes.readUInt16BE(2) : short);
  if (bytes.length < end) {
    return end > FIRST_FRAME_BYTES_MAX ? undefined : "incomplete";
  }
  const key = bytes.subarray(keyAt, from);
  const text = bytes.subarray(from, end).map((byte, index) => byte ^ (key[index % 4] ?? 0));
  return { text: text.toString(), end };
}

/** A client's text frame. Masks are for those on the way, and there is nobody between this and the claw. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const length = payload.length < 126 ? Buffer.of(0x80 | payload.length) : longer(payload.length);
  return Buffer.concat([Buffer.of(0x81), length, Buffer.alloc(4), payload]);
}

function longer(length: number): Buffer {
  const bytes = Buffer.alloc(length < 2 ** 16 ? 3 : 9);
  bytes[0] = length < 2 ** 16 ? 0x80 | 126 : 0x80 | 127;
  bytes.writeUIntBE(length, bytes.length === 3 ? 1 : 3, bytes.length === 3 ? 2 : 6);
  return bytes;
}
