import { type ClientOptions, WebSocket } from "ws";
import { z } from "zod";
import type { PodContainer, Terminal } from "../../service/application/ports/instances/pods.ts";
import type { ApiClient } from "./client/api-client.ts";
import { ApiError, UnreachableError } from "./client/api-errors.ts";

/** Kubernetes' remote-command protocol: the first byte of a message names its channel. */
const PROTOCOL = "v5.channel.k8s.io";
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const RESIZE = 4;
/** A kubelet's messages are far shorter. */
const MESSAGE_BYTES_MAX = 1024 * 1024;
const HANDSHAKE_TIMEOUT_MS = 30_000;

interface ExecOptions {
  readonly command: readonly string[];
  readonly cols: number;
  readonly rows: number;
}

/** Opens a terminal in a container. @throws {ApiError}, {UnreachableError} */
export async function exec(
  client: ApiClient,
  { namespace, pod, container }: PodContainer,
  { command, cols, rows }: ExecOptions,
): Promise<Terminal> {
  const url = new URL(`${client.server.replace(/^http/, "ws")}/api/v1/namespaces/${namespace}/pods/${pod}/exec`);
  for (const [key, value] of [["container", container], ...["stdin", "stdout", "tty"].map((flag) => [flag, "true"])]) {
    url.searchParams.append(key ?? "", value ?? "");
  }
  for (const word of command) {
    url.searchParams.append("command", word);
  }
  const socket = new WebSocket(url, PROTOCOL, {
    ...((await client.options()) as unknown as ClientOptions),
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: MESSAGE_BYTES_MAX,
  });
  let end: { exitCode?: number; error?: string } = {};
  const early: Buffer[] = [];
  let onData: Parameters<Terminal["onData"]>[0] | undefined;
  let untaken = 0;
  const give = (data: Buffer, listener: Parameters<Terminal["onData"]>[0]): void => {
    untaken++;
    socket.pause();
    const taken = async () => listener(data);
    taken()
      .catch(() => {
        end = { error: "what the terminal sent can't be read" };
        socket.close();
      })
      .finally(() => --untaken === 0 && socket.resume());
  };
  socket.on("message", (message: Buffer) => {
    if (message[0] === STATUS) {
      end = toEnd(message.subarray(1).toString());
    } else if (message[0] === STDOUT || message[0] === STDERR) {
      const data = message.subarray(1);
      if (onData) {
        give(data, onData);
      } else {
        early.push(data);
        socket.pause();
      }
    }
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("unexpected-response", (_request, response) => {
      const message = `a terminal in pod '${pod}' was refused (${response.statusCode})`;
      reject(new ApiError(response.statusCode ?? 0, { message }));
    });
    socket.on("error", (error) => {
      end = { error: error.message };
      reject(new UnreachableError(error.message, error));
    });
  });
  const send = (channel: number, data: Buffer): Promise<void> =>
    new Promise((resolve) => socket.send(Buffer.concat([Buffer.of(channel), data]), () => resolve()));
  const resize = (width: number, height: number) => void send(RESIZE, Buffer.from(JSON.stringify({ Width: width, Height: height })));
  resize(cols, rows);
  return {
    send: (data) => send(STDIN, data),
    resize,
    onData(listener) {
      onData = listener;
      socket.resume();
      for (const data of early.splice(0)) {
        give(data, listener);
      }
    },
    onClose(listener) {
      if (socket.readyState === WebSocket.CLOSED) {
        listener(end);
      } else {
        socket.once("close", () => listener(end));
      }
    },
    close() {
      // What is not read holds no answer to a close either.
      socket.resume();
      socket.close();
    },
  };
}

const StatusSchema = z
  .string()
  .transform((text, ctx): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      ctx.addIssue("not JSON");
      return z.NEVER;
    }
  })
  .pipe(
    z.object({
      status: z.string().optional(),
      message: z.string().optional(),
      details: z
        .object({ causes: z.array(z.object({ reason: z.string().optional(), message: z.string().optional() })).nullish() })
        .nullish(),
    }),
  );

/** The Status that ends a command. */
export function toEnd(text: string): { exitCode?: number; error?: string } {
  const parsed = StatusSchema.safeParse(text);
  if (!parsed.success) {
    return { error: "the cluster ended the terminal with what is no status" };
  }
  const { status, message, details } = parsed.data;
  if (status === "Success") {
    return { exitCode: 0 };
  }
  const exitCode = details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  return exitCode !== undefined && /^\d+$/.test(exitCode) ? { exitCode: Number(exitCode) } : { error: message ?? "the terminal ended" };
}
