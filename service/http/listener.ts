import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { ClawError, newId } from "../../sdk/contract/index.ts";
import type { Served } from "./by-host.ts";
import { toProblem } from "./plugins/problem.ts";
import { followCertificate, readCertificate, type TlsFiles } from "./tls.ts";

const REQUEST_MS_MAX = 30_000;
const HEADERS_MS_MAX = 10_000;
const CHECK_MS = 5_000;
/** Longer than load balancers keep a connection that is idle: one that we close could be one that they are just using. */
const KEEP_ALIVE_MS = 72_000;
const HEADERS_MAX = 100;
const RETRY_AFTER_SECONDS = "1";
const LOOPBACK = "127.0.0.1";

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsFiles | undefined;
  /** Told when the certificate's files can't be used any more. */
  readonly onTlsFailure?: (error: unknown) => void;
  /** How often they are looked at. @default 10 seconds */
  readonly tlsLookMs?: number;
}

/** A port that is ours. Until an application is served on it, whoever comes is told to come again. */
export interface Listener {
  readonly url: string;
  /** For those on this machine, who can't tell by the certificate that it is this one: not encrypted, and on the loopback alone where there is one. */
  readonly localUrl: string;
  readonly server: Server;
  /** Hands an application all that comes from now on. */
  serve(app: Served): void;
  /** Lets go of the port and of every connection. */
  close(): Promise<void>;
}

/** @throws {ClawError} `service.unavailable` when somebody else has the port, or the certificate can't be used */
export async function bindPort({ host, port, tls, onTlsFailure = () => {}, tlsLookMs }: ListenOptions): Promise<Listener> {
  const served = { by: undefined as Served | undefined };
  const options: ServerOptions = {
    // A request that has not come whole by then is given up: whoever sends slowly must not hold a connection.
    requestTimeout: REQUEST_MS_MAX,
    headersTimeout: HEADERS_MS_MAX,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Clients that offer HTTP/2 besides (`h2c`) are answered as if they had not.
    shouldUpgradeCallback: ({ headers }) => served.by !== undefined && headers.upgrade?.toLowerCase() === "websocket",
  };
  if (!tls) {
    const server = createServer(options);
    await listen(server, host, port);
    return listenerOf([server], server, urlOf("http", server), urlOf("http", server), served);
  }
  const certificate = await readCertificate(tls);
  const server = createTlsServer({ ...options, ...certificate });
  await listen(server, host, port);
  const stop = followCertificate(server, tls, certificate, onTlsFailure, tlsLookMs);
  server.once("close", stop);
  const local = createServer(options);
  await listen(local, LOOPBACK, 0);
  return listenerOf([server, local], server, urlOf("https", server), urlOf("http", local), served);
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.maxHeadersCount = HEADERS_MAX;
  server.on("request", refuse);
  server.listen({ host, port });
  await once(server, "listening").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "EADDRINUSE"
      ? new ClawError("service.unavailable", `port ${port} is in use; set CLAW_PORT to another, or 0 for any free one`, { cause: error })
      : error;
  });
}

function listenerOf(
  servers: readonly Server[],
  server: Server,
  url: string,
  localUrl: string,
  served: { by: Served | undefined },
): Listener {
  return {
    url,
    localUrl,
    server,
    serve(app) {
      served.by = app;
      for (const each of servers) {
        each.off("request", refuse);
        each.on("request", app.routing);
        // Its own server never listens: what it does with what else comes is asked of it.
        each.on("upgrade", (...upgrade) => app.server.emit("upgrade", ...upgrade));
        each.on("clientError", (...failure) => app.server.emit("clientError", ...failure));
      }
    },
    async close() {
      for (const each of servers.filter(({ listening }) => listening)) {
        const closed = once(each, "close");
        each.close();
        each.closeAllConnections();
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
function urlOf(scheme: "http" | "https", server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `${scheme}://${address === "0.0.0.0" ? "127.0.0.1" : address.includes(":") ? `[${address}]` : address}:${port}`;
}
