import { createServer, type Server } from "node:http";
import { connect, createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import type { PodClaw, ProbeKind } from "./pod-claw.ts";

/** Answers the kubelet: `/healthz` for the agent itself, `/probes/<kind>` for the claw. */
export async function serveProbes(port: number, claw: PodClaw): Promise<Server> {
  const server = createServer(async (req, res) => {
    if (req.url === "/healthz") {
      res.end("ok");
      return;
    }
    const kind = /^\/probes\/(startup|readiness|liveness)$/.exec(req.url ?? "")?.[1] as ProbeKind | undefined;
    if (kind === undefined) {
      res.writeHead(404).end();
      return;
    }
    const failure = await claw.probe(kind).catch((err: Error) => err.message);
    res.writeHead(failure === undefined ? 200 : 503, { "content-type": "text/plain" }).end(failure ?? "ok");
  });
  await listening(server, port);
  return server;
}

/** Lets connections from outside the pod reach a claw that listens on the loopback interface only. */
export class Forwarder {
  #server: TcpServer | undefined;
  #port: number | undefined;
  readonly #connections = new Set<Socket>();

  /** @param port where to listen; nowhere when undefined @param clawPort where connections go */
  async forward(port: number | undefined, clawPort: number): Promise<void> {
    if (port === this.#port) {
      return;
    }
    this.#server?.close();
    for (const connection of this.#connections) {
      connection.destroy();
    }
    this.#server = undefined;
    this.#port = port;
    if (port !== undefined) {
      this.#server = createTcpServer((outside) => {
        this.#connections.add(outside);
        outside.on("close", () => this.#connections.delete(outside));
        join(outside, connect({ host: "127.0.0.1", port: clawPort }));
      });
      await listening(this.#server, port);
    }
  }
}

/** Both ways; an end or a failure of one is that of the other. */
function join(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.setNoDelay(true);
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}

async function listening(server: Server | TcpServer, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // Once it listens, a connection that can't be taken is the loss of that one.
    server.on("error", reject);
    server.listen(port, resolve);
  });
}
