import type { FastifyInstance, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import { z } from "zod";
import {
  type ChannelOpen,
  type ChatEvent,
  ChatEventSchema,
  type ChatRequest,
  ChatRequestSchema,
  ClawError,
  type InstanceId,
  idParams,
  parseJson,
  STREAM_ERROR_CLOSE,
  type Stream,
  type TenantId,
  TerminalSizeSchema,
  webSockets,
} from "../../../sdk/contract/index.ts";
import { assertConfined } from "../../application/instances/host-use.ts";
import { type ChannelTarget, isDown, notRunning } from "../../application/instances/open-channel.ts";
import { recordSession, type Session } from "../../application/instances/record-session.ts";
import type { AgentChannel } from "../../application/ports/instances/agents.ts";
import { redact } from "../../domain/redact.ts";
import { type AppDependencies, authenticate, bearerOf, contextOf, tenantHeaderOf } from "../context.ts";
import { readFrames, sendFrame } from "../sockets.ts";
import { OpenStreams } from "./open-streams.ts";

/** Keeps an agent's frames far below any limit of its side. */
const PIECE_BYTES = 48 * 1024;
/** Messages of one chat that may wait for those before them; then no more are read. */
const MESSAGES_WAITING_MAX = 8;

declare module "fastify" {
  interface FastifyRequest {
    /** What a stream is to, once the request is let in. */
    target: ChannelTarget & { readonly tenantId: TenantId };
  }
}

/** The WebSockets of the contract, and the one that agents dial. */
export function registerStreams(app: FastifyInstance, deps: AppDependencies): void {
  const streams = new OpenStreams();
  app.decorateRequest("target");
  app.route({
    method: "GET",
    url: "/agent/v1",
    schema: { querystring: z.object({ instance: z.string().min(1).max(100) }) },
    handler: () => Promise.reject(askForUpgrade()),
    wsHandler: (socket, request) => deps.agents.accept(socket, (request.query as { instance: string }).instance, bearerOf(request) ?? ""),
  });
  const route = <S extends Stream>(
    stream: S,
    session: Session | undefined,
    serve: (socket: WebSocket, request: FastifyRequest, query: QueryOf<S>) => Promise<void>,
  ) => {
    app.route({
      method: "GET",
      url: `/api/v1${stream.path}`,
      config: { scope: "tenant" },
      schema: { params: idParams, querystring: stream.query },
      onRequest: (request) => authenticate(request, "tenant", deps),
      preHandler: (request) => findTarget(request, session, deps),
      handler: () => Promise.reject(askForUpgrade()),
      wsHandler: async (socket, request) => {
        try {
          const leave = streams.take(request.target.tenant);
          socket.once("close", leave);
          await serve(socket, request, request.query as QueryOf<S>);
        } catch (error) {
          refuse(socket, error);
        }
      },
    });
  };
  const relay = <S extends Stream>(
    stream: S,
    session: Session | undefined,
    form: "text" | "binary",
    openOf: (query: QueryOf<S>) => ChannelOpen,
  ) =>
    route(stream, session, async (socket, request, query) => {
      const opening = deps.openChannel(request.target, openOf(query)).then((channel) => recorded(channel, session, request, deps));
      let channel: AgentChannel | undefined;
      const take = (data: Buffer, isBinary: boolean) => {
        const give = takerOf(stream, form, data, isBinary);
        return channel ? give(channel) : opening.then(give);
      };
      const left = readFrames(socket, take, (error) => refuse(socket, error));
      channel = await opening;
      pipe(socket, channel, form);
      await left;
      channel.close();
    });
  route(webSockets.stream, "chat", async (socket, request) => {
    if (isDown(request.target, deps.agents)) {
      throw notRunning(request.target.name);
    }
    await serveChat(socket, request, deps);
  });
  relay(webSockets.logs, undefined, "text", ({ tailLines }) => ({ channel: "logs", tailLines, follow: true }));
  relay(webSockets.console, "console", "binary", ({ cols, rows }) => ({ channel: "console", cols, rows }));
  relay(webSockets.connect, "connect", "binary", () => ({ channel: "tcp" }));
}

type QueryOf<S extends Stream> = ReturnType<S["query"]["parse"]>;

/** Without an upgrade there is nothing to answer. */
function askForUpgrade(): ClawError {
  return new ClawError("request.malformed", "this is a WebSocket; ask for an upgrade");
}

/** Finds the instance that a stream is to. */
async function findTarget(request: FastifyRequest, session: Session | undefined, deps: AppDependencies): Promise<void> {
  const { tenant } = request.query as { tenant?: string };
  const ctx = await contextOf(request, "tenant", deps, tenantHeaderOf(request) ?? tenant);
  const params = request.params as { id: string };
  const instance = await deps.routes["instances.get"](ctx, { params, query: undefined, body: undefined });
  const { metadata, spec, status } = instance;
  const { uid, name, namespace = "" } = metadata;
  const tenantId = ctx.tenant?.id as TenantId;
  request.target = { uid, name, tenant: namespace, tenantId, running: spec.running, cluster: status.cluster, pod: status.pod?.name };
  if (session === "console") {
    assertConfined(request.actor, status.cluster, deps.unconfined);
  }
}

/** Puts on record who has got into an instance, before anything passes between the two. */
async function recorded(
  channel: AgentChannel,
  session: Session | undefined,
  { actor, target }: FastifyRequest,
  deps: AppDependencies,
): Promise<AgentChannel> {
  if (session) {
    await recordSession(deps.transactions, target.tenantId, target.uid as InstanceId, session, actor, new Date()).catch(
      (error: unknown) => {
        channel.close();
        throw error;
      },
    );
  }
  return channel;
}

/** The stream is open already: the close code and reason say why it ends. */
function refuse(socket: WebSocket, error: unknown): void {
  const { status, code, message } =
    error instanceof ClawError ? error : new ClawError("service.internal", "something went wrong on our side");
  socket.close(STREAM_ERROR_CLOSE + status, closeReason(`${code}: ${message}`));
}

/** A close frame takes 123 bytes of UTF-8, and no part of a character. Cut last: what is left of a credential may look like none. */
function closeReason(text: string): string {
  const told = redact(text);
  const { read } = new TextEncoder().encodeInto(told, new Uint8Array(123));
  return told.slice(0, read);
}

/** What a client's frame does with the channel. @throws {ClawError} `request.invalid` for one that the stream does not take */
function takerOf(
  { receives }: Stream,
  form: "text" | "binary",
  data: Buffer,
  isBinary: boolean,
): (channel: AgentChannel) => Promise<void> | undefined {
  if (isBinary && form === "binary") {
    return (channel) => sendBytes(channel, data);
  }
  const size = receives && !isBinary ? TerminalSizeSchema.safeParse(parseJson(data.toString())) : undefined;
  if (!size?.success) {
    const taken = [form === "binary" ? "binary frames" : "no frames", ...(receives ? ['text frames {"cols":80,"rows":24}'] : [])];
    throw new ClawError("request.invalid", `a frame can't be read: this stream takes ${taken.join(" and ")}`);
  }
  return (channel) => {
    channel.resize(size.data.cols, size.data.rows);
    return undefined;
  };
}

function sendBytes(channel: AgentChannel, data: Buffer): Promise<void> | undefined {
  const room = channel.send(data.subarray(0, PIECE_BYTES).toString("base64"));
  const rest = data.subarray(PIECE_BYTES);
  return rest.length === 0 ? room : Promise.resolve(room).then(() => sendBytes(channel, rest));
}

function pipe(socket: WebSocket, channel: AgentChannel, form: "text" | "binary"): void {
  let sent = Promise.resolve();
  channel.onData((data) => {
    sent = sendFrame(socket, form === "text" ? data : Buffer.from(data, "base64"));
    return sent;
  });
  channel.onClose(async ({ error, exitCode }) => {
    // A socket that closes is given up after a while: a slow reader would lose the end.
    await sent;
    socket.close(error === undefined ? 1000 : 1011, closeReason(error ?? (exitCode === undefined ? "" : `exit code ${exitCode}`)));
  });
}

/** One turn at a time: a message that comes while one is answered waits for its end. */
async function serveChat(socket: WebSocket, request: FastifyRequest, deps: AppDependencies): Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  let isRecorded = false;
  const tell = (event: ChatEvent) => sendFrame(socket, JSON.stringify(event));
  const answer = async (message: ChatRequest): Promise<void> => {
    if (socket.readyState !== socket.OPEN) {
      return;
    }
    const open: ChannelOpen = { channel: "chat", message: message.text, session: message.session ?? "default" };
    const opened = await deps.agents.open(request.target.uid, open);
    const channel = await recorded(opened, isRecorded ? undefined : "chat", request, deps);
    isRecorded = true;
    await converse(socket, channel);
  };
  const take = (data: Buffer, isBinary: boolean): Promise<void> | undefined => {
    const message = ChatRequestSchema.safeParse(isBinary ? undefined : parseJson(data.toString()));
    if (!message.success) {
      const [issue] = message.error.issues;
      return tell({
        type: "error",
        message: `send {"type":"message","text":"…"}: ${issue?.path.join(".") || "the frame"}: ${issue?.message}`,
      });
    }
    const before = last;
    waiting++;
    last = before
      .then(() => answer(message.data))
      .catch((error: unknown) => tell({ type: "error", message: error instanceof ClawError ? redact(error.message) : "internal error" }))
      .finally(() => waiting--);
    return waiting > MESSAGES_WAITING_MAX ? before : undefined;
  };
  await readFrames(socket, take, (error) => refuse(socket, error));
}

/** Relays the answer to one message. Resolves when it is complete, or nobody waits for it any more. */
function converse(socket: WebSocket, channel: AgentChannel): Promise<void> {
  return new Promise((resolve) => {
    const tell = (event: ChatEvent) => sendFrame(socket, JSON.stringify(event));
    let hasEnded = false;
    const abandon = () => {
      channel.close();
      resolve();
    };
    const end = () => {
      socket.off("close", abandon);
      resolve();
    };
    socket.once("close", abandon);
    if (socket.readyState > socket.OPEN) {
      abandon();
    }
    channel.onData((text) => {
      const event = ChatEventSchema.safeParse(parseJson(text));
      if (hasEnded) {
        return undefined;
      }
      if (!event.success) {
        hasEnded = true;
        channel.close();
        end();
        return tell({ type: "error", message: "the instance's agent answered what is no chat event" });
      }
      hasEnded = event.data.type !== "delta";
      return sendFrame(socket, text);
    });
    channel.onClose(({ error }) => {
      if (!hasEnded) {
        void tell({ type: "error", message: redact(error ?? "the answer broke off") });
      }
      end();
    });
  });
}
