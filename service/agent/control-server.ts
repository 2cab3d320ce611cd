import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ControlRequest, ControlResponse, ProcessSpec } from "../../sdk/contract/index.ts";
import { linesOf } from "./lines.ts";
import type { Supervisor } from "./supervisor.ts";

/** Longest path that every system takes for a Unix socket. */
const SOCKET_PATH_MAX = 100;
const FAREWELL_MS = 5_000;
const REQUEST_CHARS_MAX = 1024 * 1024;

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
      // Once it listens, a connection that can't be taken is the loss of that one.
      server.on("error", reject);
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
  const serve = async (line: string) => {
    const request = readRequest(line);
    const response = typeof request === "string" ? refusal(0, request) : await answer(request, supervisor);
    await new Promise<void>((resolve) => socket.write(`${JSON.stringify(response)}\n`, () => resolve()));
    if (typeof request !== "string" && request.method === "shutdown") {
      shutdown();
    }
  };
  const serveAll = async () => {
    // One after another: whoever does not take the answers is asked no more.
    for await (const line of linesOf(socket, REQUEST_CHARS_MAX)) {
      if (isClosing) {
        return;
      }
      answering = serve(line);
      await answering;
    }
  };
  socket.on("error", () => socket.destroy());
  serveAll().catch((err: Error) => {
    socket.end(`${JSON.stringify(refusal(0, err.message))}\n`);
    // Else it would not come to reading the answer.
    socket.resume();
    setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
  });
  return {
    async finish() {
      isClosing = true;
      await answering;
      socket.destroy();
    },
  };
}

async function answer(request: ControlRequest, supervisor: Supervisor): Promise<ControlResponse> {
  try {
    await perform(request, supervisor);
    return { id: request.id, ok: true, status: supervisor.status };
  } catch (err) {
    return refusal(request.id, (err as Error).message);
  }
}

function refusal(id: number, error: string): ControlResponse {
  return { id, ok: false, error };
}

/**
 * The request of a line, or what is wrong with it. By hand: the schemas would cost every agent a third of its memory. Only this user can reach
 * the socket, and whoever sends a specification has parsed it: here it must look like one.
 */
function readRequest(line: string): ControlRequest | string {
  let request: Partial<Record<string, unknown>> | null;
  try {
    request = JSON.parse(line);
  } catch {
    request = null;
  }
  if (typeof request !== "object" || request === null || Array.isArray(request)) {
    return "the request is not a JSON object";
  }
  const { id, method, agentUrl, spec } = request;
  if (!Number.isSafeInteger(id)) {
    return "id: must be an integer";
  }
  if (method === "dial" && (typeof agentUrl !== "string" || !URL.canParse(agentUrl))) {
    return "agentUrl: must be a URL";
  }
  if (method === "apply" && !looksLikeSpec(spec)) {
    return "spec: must be a specification";
  }
  return request as ControlRequest;
}

const SPEC_FORM: { readonly [K in keyof ProcessSpec]?: string } = {
  instanceUid: "string",
  runtime: "object",
  dirs: "object",
  agentUrl: "string",
  agentToken: "string",
  running: "boolean",
  specDigest: "string",
  configDigest: "string",
};

function looksLikeSpec(spec: unknown): boolean {
  return (
    typeof spec === "object" &&
    spec !== null &&
    Object.entries(SPEC_FORM).every(([key, type]) => {
      const value = (spec as Record<string, unknown>)[key];
      return typeof value === type && value !== null;
    })
  );
}

async function perform(request: ControlRequest, supervisor: Supervisor): Promise<void> {
  switch (request.method) {
    case "status":
    case "shutdown":
      return;
    case "apply":
      if (request.spec.instanceUid !== supervisor.spec.instanceUid) {
        throw new Error("spec: is another instance's");
      }
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
