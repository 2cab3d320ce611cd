import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request, type ServerResponse } from "node:http";
import { type Duplex, pipeline } from "node:stream";
import { backwardHeaders } from "./headers.ts";

/** A request that asks to become a WebSocket: what it came over, and what came behind it. */
export interface Upgrade {
  readonly socket: Duplex;
  readonly head: Buffer;
}

interface Onward {
  readonly asked: IncomingMessage;
  readonly answer: ServerResponse;
  readonly upgrade: Upgrade | undefined;
  readonly headers: OutgoingHttpHeaders;
  /** To the claw. */
  readonly connection: Duplex;
  /** Answers why nothing came of it, while nothing has been answered. */
  readonly fail: (error: Error) => void;
}

/** Has a claw answer a browser's request, and joins the two where it is a WebSocket. */
export function passOn({ asked, answer, upgrade, headers, connection, fail }: Onward): void {
  const { method, url: path } = asked;
  const wanted = upgrade ? { ...headers, connection: "Upgrade", upgrade: "websocket" } : { ...headers, connection: "close" };
  const onward: ClientRequest = request({ method, path, headers: wanted, createConnection: () => connection });
  onward.on("response", (response) => {
    answer.writeHead(response.statusCode ?? 502, response.statusMessage, backwardHeaders(response.headers));
    pipeline(response, answer, () => connection.destroy());
  });
  onward.on("upgrade", (response: IncomingMessage, _connection: Duplex, first: Buffer) => {
    if (upgrade) {
      join(upgrade, response, connection, first);
    }
  });
  onward.on("error", (error) => {
    if (answer.headersSent) {
      answer.destroy();
    } else {
      fail(error);
    }
  });
  // Who has gone waits for no answer.
  answer.on("close", () => answer.writableFinished || connection.destroy());
  if (upgrade) {
    onward.end();
  } else {
    asked.pipe(onward);
  }
}

function join({ socket, head }: Upgrade, response: IncomingMessage, claw: Duplex, first: Buffer): void {
  const { connection: _connection, upgrade: _upgrade, ...headers } = response.headers;
  const lines = Object.entries(backwardHeaders(headers)).flatMap(([name, value]) => [value ?? []].flat().map((one) => `${name}: ${one}`));
  socket.write(["HTTP/1.1 101 Switching Protocols", "connection: Upgrade", "upgrade: websocket", ...lines, "", ""].join("\r\n"));
  socket.write(first);
  claw.write(head);
  pipeline(socket, claw, () => claw.destroy());
  pipeline(claw, socket, () => socket.destroy());
}
