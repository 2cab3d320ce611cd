import fastifyWebsocket from "@fastify/websocket";
import Fastify, { type FastifyInstance, LogController } from "fastify";
import { BODY_BYTES_MAX, ClawError, FRAME_BYTES_MAX, newId } from "../../sdk/contract/index.ts";
import type { AppDependencies } from "./context.ts";
import { openApiDocument } from "./openapi.ts";
import { sendProblem } from "./problem.ts";
import { registerRoutes } from "./routes/routes.ts";
import { registerStreams } from "./streams/streams.ts";
import { serializerCompiler, validatorCompiler } from "./validation.ts";

const REQUEST_MS_MAX = 30_000;
const HEADERS_MS_MAX = 10_000;
const CHECK_MS = 5_000;

/** The HTTP application: every route of the contract, the WebSockets and the agents' gateway. It does not listen yet. */
export async function buildApp(deps: AppDependencies): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: deps.log,
    bodyLimit: BODY_BYTES_MAX,
    // A request that has not come whole by then is given up: whoever sends slowly must not hold a connection.
    requestTimeout: REQUEST_MS_MAX,
    http: { headersTimeout: HEADERS_MS_MAX, connectionsCheckingInterval: CHECK_MS },
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    genReqId: () => newId("req"),
    frameworkErrors: sendProblem,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request, reply) =>
    sendProblem(new ClawError("route.not_found", `there is no ${request.method} ${request.url}`), request, reply),
  );
  // Otherwise plain text would be a body too.
  app.removeContentTypeParser("text/plain");
  app.decorateRequest("actor");
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  await app.register(fastifyWebsocket, {
    options: { maxPayload: FRAME_BYTES_MAX },
    // What is no frame at all has closed the socket already, with the code that says why.
    errorHandler: (error, socket, request) => {
      request.log.warn({ err: error }, "a WebSocket failed");
      socket.close(1011);
    },
  });
  const document = JSON.stringify(openApiDocument());
  app.get("/api/v1/openapi.json", async (_request, reply) => reply.type("application/json").send(document));
  app.get("/healthz", async () => ({ ok: true }));
  app.get("/readyz", async () => {
    await deps.isReady();
    return { ready: true };
  });
  registerRoutes(app, deps);
  registerStreams(app, deps);
  return app;
}
