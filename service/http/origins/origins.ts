import { type IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import cookie from "@fastify/cookie";
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from "fastify";
import { z } from "zod";
import { ClawError, LocalPathSchema, newId } from "../../../sdk/contract/index.ts";
import { ENTRANCE, type Visits } from "../../application/instances/visits.ts";
import { ANONYMOUS } from "../../domain/access/actor.ts";
import { passOf } from "../../domain/instances/visit.ts";
import { originOf } from "../plugins/identity.ts";
import { loadShedding } from "../plugins/load-shedding.ts";
import { problem, sendProblem } from "../plugins/problem.ts";
import { type RateLimitOptions, rateLimit } from "../plugins/rate-limit.ts";
import { assertConfidential, keepSession, sessionKeyOf } from "../session-cookie.ts";
import { isOwnRequest, onwardHeaders } from "./headers.ts";
import { passOn, type Upgrade } from "./onward.ts";
import { type PresentVisitorOptions, PresentVisitors } from "./present-visitors.ts";

export interface OriginOptions extends PresentVisitorOptions {
  readonly log: FastifyBaseLogger;
  readonly trustedProxies: readonly string[];
  readonly rateLimit: RateLimitOptions;
  readonly visits: Visits;
}

const EnterSchema = z.object({ to: LocalPathSchema.catch("/").default("/") });

/** What no browser is told more of: whether there is such an instance is nobody's business. */
const NOTHING_HERE =
  "there is nothing here for you: this is an instance's own address, and you are not signed in at it, or not any more. 'claw open <instance>' makes a link, which is good once, within a minute";

/**
 * What is served at instances' own origins: the claw's web UI, to who has come by a link. It is an application of its own: no route, cookie or header of the
 * control plane's is there.
 */
export async function buildOrigins(options: OriginOptions): Promise<FastifyInstance> {
  const { log, trustedProxies, visits } = options;
  const visitors = new PresentVisitors(options);
  const upgrades = new WeakMap<IncomingMessage, Upgrade>();
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => newId("req"),
    frameworkErrors: sendProblem,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
  });
  await app.register(problem);
  await app.register(loadShedding, {});
  await app.register(cookie);
  await app.register(rateLimit, options.rateLimit);
  app.decorateRequest("actor");
  app.decorateRequest("known");
  app.addHook("onRequest", async (request) => {
    request.actor = ANONYMOUS;
    if (request.routeOptions.config.scope === "public") {
      return;
    }
    const isSafe = (request.method === "GET" || request.method === "HEAD") && !upgrades.has(request.raw);
    if (!isOwnRequest(request.headers, originIn(request), isSafe)) {
      throw new ClawError("auth.forbidden", "an instance's own pages alone may ask here, and whoever opens the address");
    }
    const key = sessionKeyOf(request);
    const visitor = key === undefined ? undefined : await visitors.find(labelOf(request), key);
    if (!visitor) {
      throw new ClawError("session.not_found", NOTHING_HERE);
    }
    request.actor = { ...visitor.actor, from: originOf(request) };
    request.known = { id: visitor.address.tenantId, name: visitor.address.tenant };
  });
  // What is sent to a claw is the claw's to read.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null, undefined));

  app.get(`${ENTRANCE}:ticket`, { config: { scope: "public" } }, async (request, reply) => {
    assertConfidential(request);
    const { to } = EnterSchema.parse(request.query);
    const { ticket } = request.params as { ticket: string };
    const begun = await visits.begin(labelOf(request), ticket);
    if (!begun) {
      // Whoever tries some is held up as who tries tokens is.
      request.counted = false;
      throw new ClawError("session.not_found", NOTHING_HERE);
    }
    keepSession(request, reply, begun.key, begun.visit.expiresAt);
    // What is behind a # is sent nowhere: the page finds there what it presents for the claw's token.
    return reply
      .headers({ "cache-control": "no-store", "referrer-policy": "no-referrer" })
      .redirect(`${to}#token=${passOf(begun.key)}`, 303);
  });

  app.all("/*", { config: { scope: "tenant" } }, async (request, reply) => {
    const connection = await visitors.connect(labelOf(request), sessionKeyOf(request) ?? "", originOf(request));
    reply.hijack();
    passOn({
      asked: request.raw,
      answer: reply.raw,
      upgrade: upgrades.get(request.raw),
      headers: onwardHeaders(request.headers, request.headers.origin !== undefined),
      connection,
      fail(error) {
        const { status, message } = error instanceof ClawError ? error : { status: 502, message: `the instance: ${error.message}` };
        reply.raw.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" }).end(`${message}\n`);
      },
    });
    return reply;
  });

  // Until it is known that it becomes a WebSocket, it is answered as any other request.
  app.server.on("upgrade", (asked: IncomingMessage, socket: Duplex, head: Buffer) => {
    const answer = new ServerResponse(asked);
    upgrades.set(asked, { socket, head });
    socket.on("error", () => answer.destroy());
    answer.assignSocket(socket as Parameters<ServerResponse["assignSocket"]>[0]);
    answer.on("finish", () => socket.end());
    app.routing(asked, answer);
  });
  app.addHook("onClose", () => visitors.close());
  await app.ready();
  return app;
}

function labelOf({ headers }: FastifyRequest): string {
  return headers.host?.split(".")[0]?.toLowerCase() ?? "";
}

function originIn({ protocol, headers }: FastifyRequest): string {
  return `${protocol}://${headers.host?.toLowerCase()}`;
}
