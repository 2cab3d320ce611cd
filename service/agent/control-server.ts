import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
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

/** Serves the control protocol. Only the sole agent of a run directory may call it: it removes what lies at `path`. */
export async function serveControl(path: string, supervisor: Supervisor, shutdown: () => void): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer((socket) => serveConnection(socket, supervisor, shutdown));
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(umask);
  }
  return server;
}

function serveConnection(socket: Socket, supervisor: Supervisor, shutdown: () => void): void {
  socket.on("error", () => socket.destroy());
  const lines = createInterface({ input: socket });
  lines.on("error", () => socket.destroy());
  lines.on("line", async (line) => {
    const response = await answer(line, supervisor);
    if (response.ok && response.isShutdown) {
      socket.end(`${JSON.stringify(response.body)}\n`, shutdown);
    } else if (!socket.destroyed) {
      socket.write(`${JSON.stringify(response.body)}\n`);
    }
  });
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
