import type { FastifyPluginAsync } from "fastify";
import type { WebSocket } from "ws";
import { z } from "zod";
import { ClawError, type InstanceId, parseJson } from "../../../sdk/contract/index.ts";
import type { AgentChannel, Agents } from "../../application/ports/instances/agents.ts";
import { RELAY_PATH, type RelayAnswer, RelayRequestSchema } from "../../application/ports/instances/relay.ts";
import { isSameToken } from "../../domain/access/tokens.ts";
import { bearerOf } from "../plugins/identity.ts";
import { readFrames, sendFrame, upgradeOnly } from "../sockets.ts";

export interface RelaySocketOptions {
  /** Those that are connected here. */
  readonly agents: Pick<Agents, "status" | "open">;
  /** By which other replicas are known. */
  readonly token: string;
}

/** The WebSocket by which other replicas reach the agents that are connected to this one: one for each channel. What its holder may do they have looked at. */
export const relaySocket: FastifyPluginAsync<RelaySocketOptions> = async (app, { agents, token }) => {
  app.route({
    method: "GET",
    url: RELAY_PATH,
    config: { scope: "public", exempt: true },
    schema: { querystring: z.object({ instance: z.string().min(1).max(100) }) },
    handler: upgradeOnly,
    async wsHandler(socket, request) {
      const { instance } = request.query as { instance: InstanceId };
      if (!isSameToken(bearerOf(request) ?? "", token)) {
        return socket.close(4401, "the token is no replica's");
      }
      if (agents.status(instance) === undefined) {
        return socket.close(4404, "its agent is not connected here");
      }
      await serveRelay(socket, instance, agents);
    },
  });
};

async function serveRelay(socket: WebSocket, instance: InstanceId, agents: Pick<Agents, "open">): Promise<void> {
  const say = (answer: RelayAnswer) => sendFrame(socket, JSON.stringify(answer));
  let channel: AgentChannel | undefined;
  let hasAsked = false;
  const take = (data: Buffer, isBinary: boolean): Promise<unknown> | undefined => {
    const request = RelayRequestSchema.parse(isBinary ? undefined : parseJson(data.toString()));
    switch (request.type) {
      case "open": {
        if (hasAsked) {
          throw new Error("a channel is opened once");
        }
        hasAsked = true;
        return agents.open(instance, request.open).then(
          async (opened) => {
            if (socket.readyState !== socket.OPEN) {
              // Whoever asked went away while its agent took its time: nobody else would close it.
              return opened.close({ keep: true });
            }
            channel = opened;
            await say({ type: "opened" });
            opened.onData((text) => say({ type: "data", data: text }));
            opened.onClose((end) => void say({ type: "end", ...end }).then(() => socket.close()));
          },
          (error: unknown) => say({ type: "refused", message: error instanceof ClawError ? error.message : "it can't be opened" }),
        );
      }
      case "data":
        return channel?.send(request.data);
      case "resize":
        channel?.resize(request.cols, request.rows);
        return undefined;
      case "close":
        channel?.close({ keep: request.keep });
        channel = undefined;
        return undefined;
    }
  };
  await say({ type: "here" });
  await readFrames(socket, take, () => socket.terminate());
  // Without a word: the other replica is gone, and whoever was answered comes back to another.
  channel?.close({ keep: true });
}
