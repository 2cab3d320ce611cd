import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { isStateWrite, PreviewSchema, type Route, type RouteId, routes } from "../../../sdk/contract/index.ts";
import type { RequestContext } from "../../application/resources/route-handlers.ts";
import { type AppDependencies, authenticate, contextOf, tenantHeaderOf } from "../context.ts";
import { etagOf, ifMatchOf } from "../headers.ts";
import { type Answer, onceForKey } from "../idempotency.ts";
import { documentValidatorCompiler, serializing } from "../validation.ts";

const NoQuerySchema = z.strictObject({});

/** Every route of the contract: its use case, served under its method and path. */
export function registerRoutes(app: FastifyInstance, deps: AppDependencies): void {
  for (const [id, route] of Object.entries(routes) as [RouteId, Route][]) {
    register(app, id, route, deps);
  }
}

function register(app: FastifyInstance, id: RouteId, route: Route, deps: AppDependencies): void {
  const serialize = route.response && serializing(route.response);
  app.route({
    method: route.method,
    url: `/api/v1${route.path}`,
    config: { operationId: id, scope: route.scope },
    schema: {
      querystring: route.query ?? NoQuerySchema,
      ...(route.params && { params: route.params }),
      ...(route.body && { body: route.body }),
      response: responsesOf(route),
    },
    ...(route.bodyBytesMax !== undefined && { bodyLimit: route.bodyBytesMax }),
    ...(route.isDocument && { validatorCompiler: documentValidatorCompiler }),
    onRequest: (request) => authenticate(request, route.scope, deps),
    handler: async (request, reply) => {
      const ctx = {
        ...(await contextOf(request, route.scope, deps, tenantHeaderOf(request), ifMatchOf(request, route))),
        ...(serialize && { assertAnswerable: (answer: unknown) => void serialize(answer) }),
      };
      const handle = deps.routes[id] as (ctx: RequestContext, input: unknown) => Promise<unknown>;
      const serve = async (): Promise<Answer> => {
        const { params, query, body } = request;
        const isPreview = isStateWrite(route) && (query as { preview?: boolean }).preview === true;
        return { status: isPreview ? 200 : route.success, body: await handle(ctx, { params, query, body }) };
      };
      const { status, body } = route.method === "GET" ? await serve() : await onceForKey(request, ctx, deps.transactions, serve);
      const etag = etagOf(body);
      return (etag === undefined ? reply : reply.header("etag", etag)).code(status).send(body ?? undefined);
    },
  });
}

/** Schemas of the answers by status; a write that is asked for as a preview answers 200. */
function responsesOf(route: Route): Record<number, z.ZodType> {
  const own = route.response && { [route.success]: route.response };
  if (!isStateWrite(route)) {
    return own ?? {};
  }
  return { ...own, 200: route.success === 200 && route.response ? z.union([route.response, PreviewSchema]) : PreviewSchema };
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** The contract's operation that the route serves. */
    operationId?: RouteId;
    scope?: Route["scope"];
  }
}
