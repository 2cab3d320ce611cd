import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { ClawError, newId } from "../../sdk/contract/index.ts";
import { toProblem } from "./plugins/problem.ts";

const REQUEST_MS_MAX = 30_000;
const HEADERS_MS_MAX = 10_000;
const CHECK_MS = 5_000;
/** Longer than load balancers keep a connection that is idle: one that we close could be one that they are just using. */
const KEEP_ALIVE_MS = 72_000;
const RETRY_AFTER_SECONDS = "1";

/** A port that is ours. Until an application is served on it, whoever comes is told to come again. */
export interface Listener {
  readonly url: string;
  readonly server: Server;
  /** Hands an application all that comes from now on. */
  serve(app: FastifyInstance): void;
  /** Lets go of the port and of every connection. */
  close(): Promise<void>;
}

/** @throws {ClawError} `service.unavailable` when somebody else has the port */
export async function bindPort({ host, port }: { readonly host: string; readonly port: number }): Promise<Listener> {
  const server = createServer({
    // A request that has not come whole by then is given up: whoever sends slowly must not hold a connection.
    requestTimeout: REQUEST_MS_MAX,
    headersTimeout: HEADERS_MS_MAX,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.on("request", refuse);
  server.listen({ host, port });
  await once(server, "listening").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "EADDRINUSE"
      ? new ClawError("service.unavailable", `port ${port} is in use; set CLAW_PORT to another, or 0 for any free one`, { cause: error })
      : error;
  });
  return {
    url: urlOf(server.address() as AddressInfo),
    server,
    serve(app) {
      server.off("request", refuse);
      server.on("request", app.routing);
      // Its own server never listens: what it does with what else comes is asked of it.
      server.on("upgrade", (...upgrade) => app.server.emit("upgrade", ...upgrade));
      server.on("clientError", (...failure) => app.server.emit("clientError", ...failure));
    },
    async close() {
      if (server.listening) {
        const closed = once(server, "close");
        server.close();
        server.closeAllConnections();
        await closed;
      }
    },
  };
}

function refuse(_request: IncomingMessage, response: ServerResponse): void {
  const requestId = newId("req");
  const starting = new ClawError("service.unavailable", "the control plane is starting; come again in a moment");
  response
    .writeHead(starting.status, {
      "content-type": "application/problem+json",
      "retry-after": RETRY_AFTER_SECONDS,
      "x-request-id": requestId,
      connection: "close",
    })
    .end(JSON.stringify(toProblem(starting, requestId)));
}

/** An address that is any of this machine's can be reached at its own. */
function urlOf({ address, port }: AddressInfo): string {
  return `http://${address === "0.0.0.0" ? "127.0.0.1" : address.includes(":") ? `[${address}]` : address}:${port}`;
}
