import type { FastifyInstance, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import {
  type ChannelOpen,
  type ChatEvent,
  ChatEventSchema,
  ChatRequestSchema,
  ClawError,
  type InstanceId,
  idParams,
  STREAM_ERROR_CLOSE,
  type Stream,
  TerminalSizeSchema,
  webSockets,
} from "../../../sdk/contract/index.ts";
import { assertConfined } from "../../application/host-use.ts";
import { type ChannelTarget, isDown, notRunning } from "../../application/open-channel.ts";
import type { AgentChannel } from "../../application/ports/agents.ts";
import { recordSession, type Session } from "../../application/record-session.ts";
import { type AppDependencies, authenticate, bearerOf, contextOf, tenantHeaderOf } from "../context.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The instance that a stream is to, once the request is let in. */
    target: ChannelTarget;
  }
}

/** The WebSockets of the contract, and the one that agents dial. */
export function registerStreams(app: FastifyInstance, deps: AppDependencies): void {
  app.decorateRequest("target");
  app.get("/agent/v1", { websocket: true }, (socket, request) => {
    const { instance } = request.query as { instance?: string };
    deps.agents.accept(socket, instance ?? "", bearerOf(request) ?? "");
  });
  const route = <S extends Stream>(
    stream: S,
    session: Session | undefined,
    serve: (socket: WebSocket, target: ChannelTarget, query: QueryOf<S>) => Promise<void>,
  ) => {
    app.route({
      method: "GET",
      url: `/api/v1${stream.path}`,
      config: { scope: "tenant" },
      schema: { params: idParams, querystring: stream.query },
      onRequest: (request) => authenticate(request, "tenant", deps),
      preHandler: (request) => findTarget(request, session, deps),
      // Without an upgrade there is nothing to answer.
      handler: () => {
        throw new ClawError("request.malformed", "this is a WebSocket; ask for an upgrade");
      },
      wsHandler: (socket, request) =>
        serve(socket, request.target, request.query as QueryOf<S>).catch((error: unknown) => refuse(socket, error)),
    });
  };
  const relay = <S extends Stream>(
    stream: S,
    session: Session | undefined,
    form: "text" | "binary",
    openOf: (query: QueryOf<S>) => ChannelOpen,
  ) =>
    route(stream, session, async (socket, target, query) => {
      const early: [Buffer, boolean][] = [];
      const keep = (data: Buffer, isBinary: boolean) => void early.push([data, isBinary]);
      socket.on("message", keep);
      const channel = await deps.openChannel(target, openOf(query));
      socket.off("message", keep);
      pipe(socket, channel, form, early);
    });
  route(webSockets.stream, "chat", async (socket, target) => {
    if (isDown(target, deps.agents)) {
      throw notRunning(target.name);
    }
    serveChat(socket, target.uid, deps);
  });
  relay(webSockets.logs, undefined, "text", ({ tailLines }) => ({ channel: "logs", tailLines, follow: true }));
  relay(webSockets.console, "console", "binary", ({ cols, rows }) => ({ channel: "console", cols, rows }));
  relay(webSockets.connect, "connect", "binary", () => ({ channel: "tcp" }));
}

type QueryOf<S extends Stream> = ReturnType<S["query"]["parse"]>;

/** Finds the instance, and puts on record who gets into it. */
async function findTarget(request: FastifyRequest, session: Session | undefined, deps: AppDependencies): Promise<void> {
  const { tenant } = request.query as { tenant?: string };
  const ctx = await contextOf(request, "tenant", deps, tenantHeaderOf(request) ?? tenant);
  const params = request.params as { id: string };
  const instance = await deps.operations["instances.get"](ctx, { params, query: undefined, body: undefined });
  const { metadata, spec, status } = instance;
  const { uid, name, namespace = "" } = metadata;
  request.target = { uid, name, tenant: namespace, running: spec.running, cluster: status.cluster, pod: status.pod?.name };
  if (session === "console") {
    assertConfined(request.actor, status.cluster, deps.unconfined);
  }
  if (session && request.ws && ctx.tenant) {
    await recordSession(deps.transactions, ctx.tenant.id, uid as InstanceId, session, request.actor, new Date());
  }
}

/** The stream is open already: the close code and reason say why it ends. */
function refuse(socket: WebSocket, error: unknown): void {
  const { status, code, message } =
    error instanceof ClawError ? error : new ClawError("service.internal", "something went wrong on our side");
  socket.close(STREAM_ERROR_CLOSE + status, closeReason(`${code}: ${message}`));
}

/** A close frame takes 123 bytes of UTF-8, and no part of a character. */
function closeReason(text: string): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(123));
  return text.slice(0, read);
}

/** @param early what came while the channel was being opened */
function pipe(socket: WebSocket, channel: AgentChannel, form: "text" | "binary", early: readonly [Buffer, boolean][]): void {
  channel.onData((data) => socket.send(form === "text" ? data : Buffer.from(data, "base64")));
  channel.onClose(({ error, exitCode }) =>
    socket.close(error === undefined ? 1000 : 1011, closeReason(error ?? (exitCode === undefined ? "" : `exit code ${exitCode}`))),
  );
  const receive = (data: Buffer, isBinary: boolean) => {
    if (isBinary) {
      channel.send(data.toString("base64"));
      return;
    }
    const size = TerminalSizeSchema.safeParse(parseJson(data.toString()));
    if (size.success) {
      channel.resize(size.data.cols, size.data.rows);
    }
  };
  for (const message of early) {
    receive(...message);
  }
  socket.on("message", receive);
  socket.on("close", () => channel.close());
  if (socket.readyState > socket.OPEN) {
    channel.close();
  }
}

/** One turn at a time: a message that comes while one is answered waits for its end. */
function serveChat(socket: WebSocket, uid: string, deps: AppDependencies): void {
  let last: Promise<void> = Promise.resolve();
  let current: AgentChannel | undefined;
  const tell = (event: ChatEvent) => socket.send(JSON.stringify(event));
  socket.on("message", (data) => {
    const request = ChatRequestSchema.safeParse(parseJson(data.toString()));
    if (!request.success) {
      tell({ type: "error", message: 'send {"type":"message","text":"…"}' });
      return;
    }
    const open: ChannelOpen = { channel: "chat", message: request.data.text, session: request.data.session ?? "default" };
    last = last.then(
      () =>
        new Promise<void>((resolve) => {
          try {
            const channel = deps.agents.open(uid, open);
            current = channel;
            let ended = false;
            channel.onData((text) => {
              const event = ChatEventSchema.safeParse(parseJson(text));
              if (!event.success) {
                channel.close();
                ended = true;
                tell({ type: "error", message: "the instance's agent answered what is no chat event" });
                resolve();
                return;
              }
              ended ||= event.data.type !== "delta";
              socket.send(text);
            });
            channel.onClose(({ error }) => {
              if (!ended) {
                tell({ type: "error", message: error ?? "the answer broke off" });
              }
              resolve();
            });
          } catch (error) {
            tell({ type: "error", message: error instanceof ClawError ? error.message : "internal error" });
            resolve();
          }
        }),
    );
  });
  socket.on("close", () => current?.close());
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
