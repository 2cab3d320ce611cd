import { setTimeout as delay } from "node:timers/promises";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import {
  type ChannelOpen,
  type ChatRequest,
  ChatRequestSchema,
  ClawError,
  type ClawInstance,
  type InstanceId,
  idParams,
  PositionSchema,
  type Stream,
  type TenantId,
  webSockets,
} from "../../../sdk/contract/index.ts";
import type { Access } from "../../application/access/authenticate.ts";
import type { Application } from "../../application/application.ts";
import { noteChatSession } from "../../application/instances/chat-sessions.ts";
import { attendConsole, type ConsoleDependencies } from "../../application/instances/console-session.ts";
import type { Entries, WayIn } from "../../application/instances/entries.ts";
import { assertConfined, type Unconfined } from "../../application/instances/host-use.ts";
import type { OpenChannel } from "../../application/instances/open-channel.ts";
import type { AgentChannel, Agents } from "../../application/ports/instances/agents.ts";
import type { Selection } from "../../application/ports/resources/page.ts";
import type { InstanceAddress } from "../../application/ports/runtimes/runtime.ts";
import { assertAdmitted } from "../../application/resources/permitted.ts";
import { tenantIn } from "../../application/resources/tenant-in.ts";
import { isDown, notRunning } from "../../application/runtimes/down.ts";
import type { NoteRefusal } from "../../domain/audit/refused.ts";
import { isShared, sessionKey } from "../../domain/instances/chat-session.ts";
import type { Tallies } from "../../domain/tallies.ts";
import { bearerOf } from "../plugins/identity.ts";
import { readFrames, upgradeOnly } from "../sockets.ts";
import { invalid } from "../validation.ts";
import type { ChangeFeed } from "./change-feed.ts";
import { answerOver, type ChatOptions, serveChat } from "./chat.ts";
import { refuse } from "./close-stream.ts";
import { serveLog } from "./logs.ts";
import { metricsTeller } from "./metrics.ts";
import type { OpenStreams } from "./open-streams.ts";
import { counted, eventOutlet, type OpenStream, type Outlet, openSocket, socketOutlet } from "./outlet.ts";
import { pipe, takenOf } from "./relay.ts";
import { serveWatch } from "./watch.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** What a stream is to, once the request is let in. */
    address: InstanceAddress & { readonly tenantId: TenantId };
    /** The token that stands for a stream by now, where another came after the one that it was opened with. */
    renewed: { readonly token: string; readonly at: number } | undefined;
  }
}

/** A stream of somebody who may not have it any more ends within this. */
const RECHECK_MS = 5_000;
/** A stream takes no more than one token in this time: each is verified. */
const RENEWAL_MS = 1_000;
/** A stream's session is not noted with each of its messages. */
const SESSION_NOTED_MS = 60_000;

export interface StreamOptions {
  readonly access: Pick<Access, "again" | "authenticate">;
  readonly targetOf: Application["targetOf"];
  readonly visibleTo: Application["visibleTo"];
  readonly changes: Pick<ChangeFeed, "listen">;
  readonly agents: Agents;
  readonly openChannel: OpenChannel;
  readonly entries: Pick<Entries, "enter">;
  readonly chatSessions: Parameters<typeof noteChatSession>[1];
  readonly refusals: NoteRefusal;
  readonly open: Pick<OpenStreams, "take">;
  readonly tallies: Pick<Tallies, "count">;
  readonly consoles: Omit<ConsoleDependencies, "log">;
  readonly unconfined: Unconfined | undefined;
}

type QueryOf<S extends Stream> = ReturnType<S["query"]["parse"]>;

/** The streams of the contract: what passes between a client and an instance. */
export const streams: FastifyPluginAsync<StreamOptions> = async (app, options) => {
  const { open, tallies } = options;
  app.decorateRequest("address");
  app.decorateRequest("renewed");
  /** Counts a stream, and looks after it, for as long as it is open. */
  const enter = (
    stream: OpenStream,
    request: FastifyRequest,
    facts: Stream,
    look: () => Promise<unknown> = () => lookAt(request, facts, options),
  ) => {
    const kind = kindOf(facts);
    stream.onClose(open.take(request.tenant?.name ?? "", kind));
    tallies.count("claw_streams_opened_total", { kind });
    keepChecking(stream, look);
  };
  const registered = (stream: Stream, way?: WayIn) => ({
    method: "GET" as const,
    url: `/api/v1${stream.path}`,
    config: {
      scope: "tenant" as const,
      heavy: true as const,
      ...(way && { action: `instance.${way}`, permission: stream.permission }),
    },
    schema: { querystring: stream.query, ...(isToOne(stream) && { params: idParams }) },
    preHandler: async (request: FastifyRequest) =>
      isToOne(stream) ? findTarget(request, stream, way, options) : assertAdmitted(request.actor, stream.permission, "tenant"),
  });
  /** A stream both ways. */
  const socketRoute = <S extends Stream>(
    stream: S,
    way: WayIn | undefined,
    serve: (socket: WebSocket, request: FastifyRequest, query: QueryOf<S>) => Promise<void>,
  ) =>
    app.route({
      ...registered(stream, way),
      handler: upgradeOnly,
      wsHandler: async (socket, request) => {
        try {
          enter(openSocket(socket), request, stream);
          await serve(socket, request, request.query as QueryOf<S>);
        } catch (error) {
          refuse(socket, error);
        }
      },
    });
  /** A stream of items to the client, over a WebSocket or as server-sent events. */
  const itemRoute = <S extends Stream>(
    stream: S,
    serve: (outlet: Outlet, request: FastifyRequest, query: QueryOf<S>) => Promise<unknown>,
  ) => {
    const serveItems = async (outlet: Outlet, request: FastifyRequest) => {
      await serve(outlet, request, request.query as QueryOf<S>);
      outlet.beat();
      // It is open, whenever there is something to tell.
      await outlet.send({ type: "heartbeat" });
    };
    app.route({
      ...registered(stream),
      // The head alone of what has no end.
      exposeHeadRoute: false,
      handler: async (request, reply) => {
        const outlet = counted(eventOutlet(reply), kindOf(stream), tallies);
        await serveItems(outlet, request);
        await outlet.closed;
        return reply;
      },
      wsHandler: async (socket, request) => {
        const outlet = counted(socketOutlet(socket), kindOf(stream), tallies);
        void readFrames(socket, takesNothing, (error) => outlet.fail(error));
        await serveItems(outlet, request).catch((error: unknown) => outlet.fail(error));
      },
    });
  };
  const relay = <S extends Stream>(
    stream: S,
    way: WayIn,
    openOf: (query: QueryOf<S>) => ChannelOpen,
    attend?: (channel: AgentChannel, socket: WebSocket, request: FastifyRequest, query: QueryOf<S>) => Promise<AgentChannel>,
  ) =>
    socketRoute(stream, way, async (socket, request, query) => {
      let onLeft = () => {};
      const opening = options.openChannel(request.address, openOf(query)).then(async (opened) => {
        onLeft = await recorded(opened, way, request, options);
        const attended = attend?.(opened, socket, request, query).catch((error: unknown) => {
          opened.close();
          onLeft();
          throw error;
        });
        return attended ?? opened;
      });
      let channel: AgentChannel | undefined;
      const take = (data: Buffer, isBinary: boolean) => {
        const taken = takenOf(stream, data, isBinary);
        if ("token" in taken) {
          return renew(request, taken.token, options);
        }
        return channel ? taken.give(channel) : opening.then(taken.give);
      };
      const left = readFrames(socket, take, (error) => refuse(socket, error));
      channel = await opening;
      pipe(socket, channel, () => tallies.count("claw_stream_frames_total", { kind: kindOf(stream) }));
      await left;
      channel.close();
      onLeft();
    });
  const chatOf = (request: FastifyRequest, stream: OpenStream): ChatOptions => {
    if (isDown(request.address, options.agents)) {
      throw notRunning(request.address.name);
    }
    let isRecorded = false;
    let onLeft = () => {};
    stream.onClose(() => onLeft());
    const noted = new Map<string, number>();
    const note = async (session: string) => {
      const now = performance.now();
      if (now - (noted.get(session) ?? Number.NEGATIVE_INFINITY) < SESSION_NOTED_MS) {
        return;
      }
      noted.set(session, now);
      const { actor, address } = request;
      await noteChatSession(
        { tenantId: address.tenantId, instanceId: address.uid as InstanceId, subject: actor.subject, name: session },
        options.chatSessions,
      );
    };
    return {
      async sessionKey(session) {
        if (isShared(session)) {
          await lookAt(request, { permission: "instances.share" }, options).catch((error: unknown) =>
            refusedShare(error, request, options),
          );
        }
        return sessionKey(session, request.actor.subject);
      },
      async open(message, session) {
        const channel = await options.agents.open(request.address.uid, message);
        if (!isRecorded) {
          onLeft = await recorded(channel, "chat", request, options);
          isRecorded = true;
        }
        await note(session).catch((error: unknown) => {
          channel.close();
          throw error;
        });
        return channel;
      },
    };
  };
  socketRoute(webSockets.stream, "chat", async (socket, request) => {
    const outlet = counted(socketOutlet(socket), kindOf(webSockets.stream), tallies);
    await serveChat(socket, outlet, chatOf(request, outlet));
  });
  app.route({
    ...registered(webSockets.stream, "chat"),
    method: "POST",
    schema: { params: idParams, querystring: webSockets.stream.query, body: ChatRequestSchema },
    handler: async (request, reply) => {
      const outlet = counted(eventOutlet(reply), kindOf(webSockets.stream), tallies);
      enter(outlet, request, webSockets.stream);
      outlet.beat();
      await answerOver(outlet, request.body as ChatRequest, chatOf(request, outlet));
      await outlet.end();
      return reply;
    },
  });
  itemRoute(webSockets.watch, async (outlet, request, { labelSelector, fieldSelector }) => {
    const { tenant, id: requestId } = request;
    const { id: tenantId } = tenantIn({ tenant });
    let { actor } = request;
    enter(outlet, request, webSockets.watch, async () => {
      ({ actor } = await admittedAgain(request, tenantId, options));
      assertAdmitted(actor, webSockets.watch.permission, "tenant");
    });
    const list = (selection: Selection) => options.visibleTo({ actor, tenant, requestId, ifMatch: undefined }, selection);
    await serveWatch(outlet, list, { labelSelector, fieldSelector }, (listener) => options.changes.listen(tenantId, listener));
  });
  itemRoute(webSockets.logs, async (outlet, request, { tailLines, after }) => {
    enter(outlet, request, webSockets.logs);
    const from = lastEventIdOf(request) ?? after;
    const channel = await options.openChannel(request.address, {
      channel: "logs",
      tailLines,
      follow: true,
      ...(from !== undefined && { after: from }),
    });
    void serveLog(outlet, channel);
  });
  itemRoute(webSockets.metrics, async (outlet, request) => {
    const tell = metricsTeller(outlet);
    const look = async () => tell(await lookAt(request, webSockets.metrics, options));
    enter(outlet, request, webSockets.metrics, look);
    await look();
  });
  relay(
    webSockets.console,
    "console",
    ({ cols, rows }) => ({ channel: "console", cols, rows }),
    (channel, socket, { actor, address, log }, size) =>
      attendConsole(channel, { tenantId: address.tenantId, instance: address, actor, size }, { ...options.consoles, log }, (error) =>
        refuse(socket, error),
      ),
  );
  relay(webSockets.connect, "connect", ({ pass }) => ({ channel: "tcp", ...(pass !== undefined && { pass }) }));
};

/** What a stream is called where it is counted. */
function kindOf(stream: Stream): string {
  return Object.entries<Stream>(webSockets).find(([, facts]) => facts === stream)?.[0] ?? "";
}

function isToOne({ path }: Stream): boolean {
  return path.includes(":id");
}

function takesNothing(): never {
  throw new ClawError("request.invalid", "a frame can't be read: this stream takes no frames");
}

/** Where a reader of server-sent events was. @throws {ClawError} `request.invalid` */
function lastEventIdOf({ headers }: FastifyRequest): string | undefined {
  const id = headers["last-event-id"];
  if (id === undefined || id === "") {
    return undefined;
  }
  const position = PositionSchema.safeParse(id);
  if (!position.success) {
    throw invalid([{ path: "Last-Event-ID", message: "is no position that a stream has told", fix: "leave it out, or give the last id" }]);
  }
  return position.data;
}

/** Finds the instance that a stream is to. */
async function findTarget(request: FastifyRequest, { permission }: Stream, way: WayIn | undefined, options: StreamOptions): Promise<void> {
  const { actor, tenant, id: requestId } = request;
  const params = request.params as { id: string };
  const instance = await options.targetOf({ actor, tenant, requestId, ifMatch: undefined }, params.id, permission);
  const { metadata, spec, status } = instance;
  const { uid, name, namespace = "" } = metadata;
  const tenantId = tenant?.id as TenantId;
  request.address = { uid, name, tenant: namespace, tenantId, running: spec.running, cluster: status.cluster, pod: status.pod?.name };
  if (way === "console") {
    assertConfined(actor, status.cluster, options.unconfined);
  }
}

/** The instance of a stream, as its credential may see it now. */
async function lookAt(
  request: FastifyRequest,
  { permission }: Pick<Stream, "permission">,
  { access, targetOf }: StreamOptions,
): Promise<ClawInstance> {
  const { tenant, id: requestId, address } = request;
  const { actor } = await admittedAgain(request, address.tenantId, { access });
  return targetOf({ actor, tenant, requestId, ifMatch: undefined }, address.uid, permission);
}

/** Who asked, and what they may do by now. @throws {ClawError} `auth.unauthenticated` */
async function admittedAgain(request: FastifyRequest, tenantId: TenantId, { access }: Pick<StreamOptions, "access">) {
  const token = request.renewed?.token ?? bearerOf(request) ?? "";
  const admitted = await access.again(request.actor.credential, token, tenantId);
  if (!admitted) {
    throw new ClawError("auth.unauthenticated", "the token is not valid any more");
  }
  return admitted;
}

/** Takes another token of the same holder for a stream, and no more often than one is looked at. @throws {ClawError} `auth.unauthenticated` */
async function renew(request: FastifyRequest, token: string, { access }: Pick<StreamOptions, "access">): Promise<void> {
  const { actor, address, renewed } = request;
  await delay(Math.max(0, (renewed?.at ?? 0) + RENEWAL_MS - performance.now()));
  const admitted = await access.authenticate(token, address.tenant);
  if (admitted?.actor.subject !== actor.subject) {
    throw new ClawError("auth.unauthenticated", "the token that the stream was to go on with is not valid, or somebody else's");
  }
  request.actor = { ...actor, credential: admitted.actor.credential };
  request.renewed = { token, at: performance.now() };
}

/** Ends a stream when its credential or its holder's rights are taken back: it was let in once, and may stay for days. */
function keepChecking(stream: OpenStream, look: () => Promise<unknown>): void {
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      // What could not be asked is asked again.
      if (error instanceof ClawError && error.status < 500) {
        stream.fail(error);
      }
    });
  }, RECHECK_MS);
  stream.onClose(() => clearInterval(timer));
}

/** Puts on record who has got into an instance, before anything passes between the two. @returns says that they have left */
async function recorded(
  channel: AgentChannel,
  way: WayIn,
  { actor, address }: FastifyRequest,
  { entries }: StreamOptions,
): Promise<() => void> {
  try {
    return await entries.enter(way, { ...address, uid: address.uid as InstanceId }, actor);
  } catch (error) {
    channel.close();
    throw error;
  }
}

/** Is told to whoever chats, and goes on record. */
async function refusedShare(error: unknown, request: FastifyRequest, { refusals }: StreamOptions): Promise<never> {
  if (error instanceof ClawError && error.status === 403) {
    const { actor, tenant, address, log } = request;
    const resource = { kind: "ClawInstance", name: address.name, uid: address.uid };
    await refusals
      .note({ actor, tenant, action: "instance.share", permission: "instances.share", reason: error.code, resource })
      .catch((err: unknown) => log.error({ err }, "a refusal is not on record"));
  }
  throw error;
}
