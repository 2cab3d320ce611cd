import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ControlRequest, ControlResponse } from "../../sdk/contract/index.ts";
import type { Supervisor } from "./supervisor.ts";

/** Longest path that every system takes for a Unix socket. */
const SOCKET_PATH_MAX = 100;

/** Where the control socket is: in the run directory, or in the temporary directory when that path is too long for a socket. */
export function controlSocketPath(runDir: string): string {
  const path = join(runDir, "agent.sock");
  return Buffer.byteLength(path) <= SOCKET_PATH_MAX ? path : join(tmpdir(), `claw-agent-${process.pid}.sock`);
}

export interface ControlServer {
  /** Takes no further request; ends when those that it has taken are answered. */
  close(): Promise<void>;
}

/** Serves the control protocol. Only the sole agent of a run directory may call it: it removes what lies at `path`. */
export async function serveControl(path: string, supervisor: Supervisor, shutdown: () => void): Promise<ControlServer> {
  rmSync(path, { force: true });
  const connections = new Set<Connection>();
  const server = createServer((socket) => {
    const connection = serveConnection(socket, supervisor, shutdown);
    connections.add(connection);
    socket.once("close", () => connections.delete(connection));
  });
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(umask);
  }
  return {
    async close() {
      server.close();
      await Promise.all([...connections].map((connection) => connection.finish()));
    },
  };
}

interface Connection {
  finish(): Promise<void>;
}

function serveConnection(socket: Socket, supervisor: Supervisor, shutdown: () => void): Connection {
  let isClosing = false;
  let answering: Promise<void> = Promise.resolve();
  socket.on("error", () => socket.destroy());
  const lines = createInterface({ input: socket });
  lines.on("error", () => socket.destroy());
  const serve = async (line: string) => {
    const response = await answer(line, supervisor);
    if (response.ok && response.isShutdown) {
      socket.end(`${JSON.stringify(response.body)}\n`, shutdown);
    } else if (!socket.destroyed) {
      await new Promise<void>((resolve) => socket.write(`${JSON.stringify(response.body)}\n`, () => resolve()));
    }
  };
  lines.on("line", (line) => {
    if (!isClosing) {
      const served = serve(line);
      answering = answering.then(() => served);
    }
  });
  return {
    async finish() {
      isClosing = true;
      await answering;
      socket.destroy();
    },
  };
}

interface Answer {
  readonly ok: boolean;
  readonly isShutdown: boolean;
  readonly body: ControlResponse;
}

async function answer(line: string, supervisor: Supervisor): Promise<Answer> {
  let request: ControlRequest;
  try {
    // Only this user can reach the socket, and the provider has checked the specification: checking it again here would cost
    // every agent the memory of the schemas.
    request = JSON.parse(line) as ControlRequest;
    if (typeof request !== "object" || request === null) {
      throw new TypeError("not an object");
    }
  } catch {
    return { ok: false, isShutdown: false, body: { id: 0, ok: false, error: "the request is not a JSON object" } };
  }
  try {
    await perform(request, supervisor);
    const body = { id: request.id, ok: true as const, status: supervisor.status };
    return { ok: true, isShutdown: request.method === "shutdown", body };
  } catch (err) {
    return { ok: false, isShutdown: false, body: { id: request.id, ok: false, error: (err as Error).message } };
  }
}

async function perform(request: ControlRequest, supervisor: Supervisor): Promise<void> {
  switch (request.method) {
    case "status":
    case "shutdown":
      return;
    case "apply":
      return supervisor.apply(request.spec);
    case "dial":
      return supervisor.dial(request.agentUrl);
    case "stop":
      return supervisor.stop();
    case "kill":
      return supervisor.kill();
    default:
      throw new Error(`unknown method '${(request as { method: unknown }).method}'`);
  }
}
