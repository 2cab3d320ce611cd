import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import { z } from "zod";
import { isStateWrite, PreviewSchema, type Route, type RouteId, routes } from "../../../sdk/contract/index.ts";
import type { Answer } from "../../application/ports/resources/idempotency-repository.ts";
import type { RequestContext, RouteHandlers } from "../../application/resources/route-handlers.ts";
import { answerByFile, leaveUnparsed, withReceived } from "../files.ts";
import { etagOf, ifMatchOf, warningOf } from "../headers.ts";
import { serializing } from "../validation.ts";

const NoQuerySchema = z.strictObject({});

export interface ContractRouteOptions {
  readonly handlers: RouteHandlers;
}

/** Every route of the contract: its use case, served under its method and path. */
export const contractRoutes: FastifyPluginAsync<ContractRouteOptions> = async (app, { handlers }) => {
  for (const [id, route] of Object.entries(routes) as [RouteId, Route][]) {
    if (route.takesFile) {
      await app.register(async (part) => {
        leaveUnparsed(part);
        register(part, id, route, handlers[id] as Handle);
      });
    } else {
      register(app, id, route, handlers[id] as Handle);
    }
  }
};

type Handle = (ctx: RequestContext, input: unknown) => Promise<unknown>;

function register(app: FastifyInstance, id: RouteId, route: Route, handle: Handle): void {
  const serialize = route.response && serializing(route.response);
  app.route({
    method: route.method,
    url: `/api/v1${route.path}`,
    config: { operationId: id, scope: route.scope, permission: route.permission, route },
    schema: {
      querystring: route.query ?? NoQuerySchema,
      ...(route.params && { params: route.params }),
      ...(route.body && !route.takesFile && { body: route.body }),
      response: responsesOf(route),
    },
    ...(route.bodyBytesMax !== undefined && { bodyLimit: route.bodyBytesMax }),
    handler: async (request, reply) => {
      const { actor, tenant, id: requestId } = request;
      const warnings: string[] = [];
      const ctx: RequestContext = {
        actor,
        tenant,
        requestId,
        ifMatch: ifMatchOf(request, route),
        warn: (text) => void warnings.push(text),
        ...(serialize && { assertAnswerable: (answer: unknown) => void serialize(answer) }),
      };
      const serve = async (body: unknown): Promise<Answer> => {
        const { params, query } = request;
        const isPreview = isStateWrite(route) && (query as { preview?: boolean }).preview === true;
        return { status: isPreview ? 200 : route.success, body: await handle(ctx, { params, query, body }), warnings };
      };
      if (route.answersFile) {
        const { params, query } = request;
        const { bytes, length } = await answerByFile((answer) => handle(ctx, { params, query, answer }));
        return reply.type("application/json; charset=utf-8").header("content-length", length).code(route.success).send(bytes);
      }
      const serveOnce = (given: unknown, digested = given) => app.onceForKey(request, ctx, digested, () => serve(given));
      const {
        status,
        body,
        warnings: told,
      } = route.method === "GET"
        ? await serve(undefined)
        : route.answersSecret
          ? await serve(request.body)
          : route.takesFile
            ? await withReceived(request.body, request.routeOptions.bodyLimit, serveOnce)
            : await serveOnce(request.body);
      const headers = Object.entries({ etag: etagOf(body), warning: warningOf(told) });
      return reply
        .headers(Object.fromEntries(headers.filter(([, value]) => value !== undefined)))
        .code(status)
        .send(body ?? undefined);
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
  }
}
