import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import {
  type ChannelOpen,
  ClawError,
  type InstanceId,
  idParams,
  type Stream,
  type TenantId,
  webSockets,
} from "../../../sdk/contract/index.ts";
import type { Access } from "../../application/access/authenticate.ts";
import type { Application } from "../../application/application.ts";
import { assertConfined, type Unconfined } from "../../application/instances/host-use.ts";
import type { OpenChannel } from "../../application/instances/open-channel.ts";
import { recordSession, type Session } from "../../application/instances/record-session.ts";
import type { AgentChannel, Agents } from "../../application/ports/instances/agents.ts";
import type { InstanceAddress } from "../../application/ports/runtimes/runtime.ts";
import type { Transactions } from "../../application/ports/transactions.ts";
import { isDown, notRunning } from "../../application/runtimes/down.ts";
import { bearerOf } from "../plugins/identity.ts";
import { readFrames, upgradeOnly } from "../sockets.ts";
import { serveChat } from "./chat.ts";
import { refuse } from "./close-stream.ts";
import { OpenStreams } from "./open-streams.ts";
import { pipe, takerOf } from "./relay.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** What a stream is to, once the request is let in. */
    address: InstanceAddress & { readonly tenantId: TenantId };
  }
}

/** A stream of somebody who may not have it any more ends within this. */
const RECHECK_MS = 5_000;

export interface StreamOptions {
  readonly access: Access;
  readonly targetOf: Application["targetOf"];
  readonly agents: Agents;
  readonly openChannel: OpenChannel;
  readonly transactions: Transactions;
  readonly unconfined: Unconfined | undefined;
}

type QueryOf<S extends Stream> = ReturnType<S["query"]["parse"]>;

/** The WebSockets of the contract: what passes between a client and an instance. */
export const streams: FastifyPluginAsync<StreamOptions> = async (app, options) => {
  const open = new OpenStreams();
  app.decorateRequest("address");
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
      preHandler: (request) => findTarget(request, stream, session, options),
      handler: upgradeOnly,
      wsHandler: async (socket, request) => {
        try {
          const leave = open.take(request.address.tenant);
          socket.once("close", leave);
          keepChecking(socket, request, stream, options);
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
      const opening = options.openChannel(request.address, openOf(query)).then((channel) => recorded(channel, session, request, options));
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
    if (isDown(request.address, options.agents)) {
      throw notRunning(request.address.name);
    }
    let isRecorded = false;
    await serveChat(socket, async (message) => {
      const opened = await options.agents.open(request.address.uid, message);
      const channel = await recorded(opened, isRecorded ? undefined : "chat", request, options);
      isRecorded = true;
      return channel;
    });
  });
  relay(webSockets.logs, undefined, "text", ({ tailLines }) => ({ channel: "logs", tailLines, follow: true }));
  relay(webSockets.console, "console", "binary", ({ cols, rows }) => ({ channel: "console", cols, rows }));
  relay(webSockets.connect, "connect", "binary", () => ({ channel: "tcp" }));
};

/** Finds the instance that a stream is to. */
async function findTarget(
  request: FastifyRequest,
  { permission }: Stream,
  session: Session | undefined,
  options: StreamOptions,
): Promise<void> {
  const { actor, tenant, id: requestId } = request;
  const params = request.params as { id: string };
  const instance = await options.targetOf({ actor, tenant, requestId, ifMatch: undefined }, params.id, permission);
  const { metadata, spec, status } = instance;
  const { uid, name, namespace = "" } = metadata;
  const tenantId = tenant?.id as TenantId;
  request.address = { uid, name, tenant: namespace, tenantId, running: spec.running, cluster: status.cluster, pod: status.pod?.name };
  if (session === "console") {
    assertConfined(actor, status.cluster, options.unconfined);
  }
}

/** Ends a stream when its credential or its holder's rights are taken back: it was let in once, and may stay for days. */
function keepChecking(socket: WebSocket, request: FastifyRequest, { permission }: Stream, { access, targetOf }: StreamOptions): void {
  const { tenant, id: requestId, address } = request;
  const check = async () => {
    const admitted = await access.authenticate(bearerOf(request) ?? "", address.tenantId);
    if (!admitted) {
      throw new ClawError("auth.unauthenticated", "the token is not valid any more");
    }
    await targetOf({ actor: admitted.actor, tenant, requestId, ifMatch: undefined }, address.uid, permission);
  };
  const timer = setInterval(() => {
    check().catch((error: unknown) => {
      // What could not be asked is asked again.
      if (error instanceof ClawError && error.status < 500) {
        refuse(socket, error);
      }
    });
  }, RECHECK_MS);
  socket.once("close", () => clearInterval(timer));
}

/** Puts on record who has got into an instance, before anything passes between the two. */
async function recorded(
  channel: AgentChannel,
  session: Session | undefined,
  { actor, address }: FastifyRequest,
  { transactions }: StreamOptions,
): Promise<AgentChannel> {
  if (session) {
    await recordSession(transactions, address.tenantId, address.uid as InstanceId, session, actor, new Date()).catch((error: unknown) => {
      channel.close();
      throw error;
    });
  }
  return channel;
}
