import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import { bearerOf } from "../plugins/identity.ts";
import { upgradeOnly } from "../sockets.ts";
import type { AgentHub } from "./agent-hub.ts";

const PATH = "/agent/v1";

/** What agents dial of a control plane that is there. */
export function agentUrlOf(url: string): string {
  return `${url.replace(/^http/, "ws")}${PATH}`;
}

export interface AgentSocketOptions {
  readonly hub: Pick<AgentHub, "accept">;
}

/** The WebSocket that agents dial. Which token is whose the hub knows: nobody is told why, before there is a connection. */
export const agentSocket: FastifyPluginAsync<AgentSocketOptions> = async (app, { hub }) => {
  app.route({
    method: "GET",
    url: PATH,
    config: { scope: "public", exempt: true },
    schema: { querystring: z.object({ instance: z.string().min(1).max(100) }) },
    handler: upgradeOnly,
    wsHandler: (socket, request) => hub.accept(socket, (request.query as { instance: string }).instance, bearerOf(request) ?? ""),
  });
};
