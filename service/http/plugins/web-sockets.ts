import fastifyWebsocket from "@fastify/websocket";
import fp from "fastify-plugin";
import { FRAME_BYTES_MAX } from "../../../sdk/contract/index.ts";
import { refuseHandshake } from "./problem.ts";

/** Lets routes have a `wsHandler`. What refuses a request before it is one tells by `request.ws` that it was to become a stream. */
export const webSockets = fp(
  async (app) => {
    await app.register(fastifyWebsocket, {
      options: { maxPayload: FRAME_BYTES_MAX },
      // What is no frame at all has closed the socket already, with the code that says why.
      errorHandler: (error, socket, request) => {
        request.log.warn({ err: error }, "a WebSocket failed");
        socket.close(1011);
      },
    });
    app.websocketServer.on("wsClientError", refuseHandshake);
  },
  { name: "web-sockets" },
);
