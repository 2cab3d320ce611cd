import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { type WebSocket as ServerSocket, WebSocketServer } from "ws";
import { type ErrorCode, errorCatalogue } from "../../sdk/contract/index.ts";

interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  /** Requests for WebSockets, in order. */
  readonly upgrades: readonly RecordedRequest[];
}

type Handler = (request: RecordedRequest, response: ServerResponse, count: number) => void;
type SocketHandler = (socket: ServerSocket, request: RecordedRequest) => void;

/** A real HTTP server on a free port that records what it is asked and answers as the test says. */
export async function startServer(handler: Handler, onSocket?: SocketHandler): Promise<TestServer> {
  const requests: RecordedRequest[] = [];
  const upgrades: RecordedRequest[] = [];
  const server = createServer(async (req, res) => {
    const text = await textOf(req).catch(() => undefined);
    if (text === undefined) {
      // Who asked has gone away.
      return;
    }
    const request = record(req.method, req.url, req.headers, text === "" ? undefined : JSON.parse(text));
    requests.push(request);
    handler(request, res, requests.length);
  });
  if (onSocket) {
    const sockets = new WebSocketServer({ noServer: true });
    server.on("upgrade", (req, socket, head) => {
      sockets.handleUpgrade(req, socket, head, (ws) => {
        const request = record(req.method, req.url, req.headers, undefined);
        upgrades.push(request);
        onSocket(ws, request);
      });
    });
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    upgrades,
    [Symbol.asyncDispose]: () => close(server),
  };
}

function record(method = "GET", rawUrl = "/", headers: IncomingHttpHeaders = {}, body: unknown = undefined): RecordedRequest {
  const url = new URL(rawUrl, "http://server");
  return { method, path: url.pathname, query: url.searchParams, headers, body };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

export function answer(response: ServerResponse, status: number, body?: unknown, headers: Record<string, string> = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

/** Answers a problem document of the catalogue. */
export function refuse(
  response: ServerResponse,
  code: ErrorCode,
  extra: Record<string, unknown> = {},
  headers: Record<string, string> = {},
) {
  const { status, title, retryable } = errorCatalogue[code];
  response.writeHead(status, { "content-type": "application/problem+json", ...headers });
  response.end(
    JSON.stringify({
      type: `https://docs.example/errors/${code}`,
      title,
      status,
      detail: title,
      code,
      retryable,
      requestId: "req-1",
      ...extra,
    }),
  );
}
