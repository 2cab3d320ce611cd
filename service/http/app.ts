import cookie from "@fastify/cookie";
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import fp from "fastify-plugin";
import { BODY_BYTES_MAX, newId } from "../../sdk/contract/index.ts";
import { type AgentSocketOptions, agentSocket } from "./agents/agent-socket.ts";
import { type RelaySocketOptions, relaySocket } from "./agents/relay-socket.ts";
import { type AuditOptions, audit } from "./plugins/audit.ts";
import { type BrowserRuleOptions, browserRules } from "./plugins/browser-rules.ts";
import { type IdempotencyOptions, idempotency } from "./plugins/idempotency.ts";
import { type IdentityOptions, identity } from "./plugins/identity.ts";
import { type LoadSheddingOptions, loadShedding } from "./plugins/load-shedding.ts";
import { problem, refuseUnread, sendProblem } from "./plugins/problem.ts";
import { type RateLimitOptions, rateLimit } from "./plugins/rate-limit.ts";
import { schemas } from "./plugins/schemas.ts";
import { type TenantOptions, tenant } from "./plugins/tenant.ts";
import { webSockets } from "./plugins/web-sockets.ts";
import { type ConsoleOptions, webConsole } from "./routes/console.ts";
import { docs } from "./routes/docs.ts";
import { type MetricsOptions, metrics } from "./routes/metrics.ts";
import { type ProbeOptions, probes } from "./routes/probes.ts";
import { type ContractRouteOptions, contractRoutes } from "./routes/routes.ts";
import { type SignInOptions, signIn } from "./routes/sign-in.ts";
import { type StreamOptions, streams } from "./streams/streams.ts";

/** What each part of the API is given. */
export interface ApiOptions {
  readonly browserRules?: BrowserRuleOptions;
  readonly loadShedding?: LoadSheddingOptions;
  readonly rateLimit: RateLimitOptions;
  readonly identity: IdentityOptions;
  readonly tenant: TenantOptions;
  readonly audit: AuditOptions;
  readonly idempotency: IdempotencyOptions;
  readonly probes: ProbeOptions;
  readonly signIn: SignInOptions;
  readonly console: ConsoleOptions;
  readonly metrics: MetricsOptions;
  readonly routes: ContractRouteOptions;
  readonly streams: StreamOptions;
  readonly agents: AgentSocketOptions;
  readonly relay: RelaySocketOptions;
}

/** All that is served, in the order in which a request meets it. */
export const api = fp<ApiOptions>(async (app, options) => {
  await app.register(problem);
  await app.register(schemas);
  await app.register(webSockets);
  await app.register(browserRules, options.browserRules ?? {});
  await app.register(loadShedding, options.loadShedding ?? {});
  await app.register(cookie);
  await app.register(rateLimit, options.rateLimit);
  await app.register(identity, options.identity);
  await app.register(tenant, options.tenant);
  await app.register(audit, options.audit);
  await app.register(idempotency, options.idempotency);
  await app.register(probes, options.probes);
  await app.register(docs);
  await app.register(signIn, options.signIn);
  await app.register(webConsole, options.console);
  await app.register(metrics, options.metrics);
  await app.register(contractRoutes, options.routes);
  await app.register(streams, options.streams);
  await app.register(agentSocket, options.agents);
  await app.register(relaySocket, options.relay);
});

export interface AppOptions extends ApiOptions {
  readonly log: FastifyBaseLogger;
  /** Addresses and networks of proxies whose word is taken for where a request is from. @default none */
  readonly trustedProxies?: readonly string[];
}

/** The HTTP application. It listens to nothing: see `listener.ts`. */
export async function buildApp({ log, trustedProxies = [], ...options }: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: log,
    bodyLimit: BODY_BYTES_MAX,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => newId("req"),
    frameworkErrors: sendProblem,
    clientErrorHandler: refuseUnread,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
  });
  await app.register(api, options);
  await app.ready();
  return app;
}
