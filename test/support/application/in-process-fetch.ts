import { Readable } from "node:stream";
import type { z } from "zod";
import {
  BODY_BYTES_MAX,
  ClawError,
  errorCatalogue,
  isStateWrite,
  PreviewSchema,
  type Route,
  type RouteId,
  routes,
} from "../../../sdk/contract/index.ts";
import type { AnswerFile, RequestContext, RouteHandlers } from "../../../service/application/resources/route-handlers.ts";
import { answerByFile, withReceived } from "../../../service/http/files.ts";
import { serializing, validatorCompiler } from "../../../service/http/validation.ts";
import { faultOf } from "../described-answers.ts";

const BASE = "/api/v1";

/**
 * A `fetch` that calls use cases in this process: requests are parsed and answers stripped by the contract's schemas, and there is no server,
 * no socket and no token between.
 */
export function inProcessFetch(handlers: RouteHandlers, contextOf: (route: Route) => Promise<RequestContext>): typeof fetch {
  return async (input, init = {}) => {
    const { pathname, searchParams } = new URL(String(input));
    const method = init.method ?? "GET";
    const [id, route, params] = match(method, pathname.slice(BASE.length));
    try {
      const ctx = { ...(await contextOf(route)), ifMatch: ifMatchOf(new Headers(init.headers)) };
      const query = parse(route.query, Object.fromEntries(searchParams)) as { readonly preview?: boolean } | undefined;
      const text = typeof init.body === "string" ? init.body : undefined;
      const isPreview = isStateWrite(route) && query?.preview === true;
      const serialize = isPreview ? serializing(PreviewSchema) : route.response && serializing(route.response);
      const handle = handlers[id] as (ctx: RequestContext, input: unknown) => Promise<unknown>;
      const serve = (body: unknown, file?: AnswerFile) =>
        handle(
          { ...ctx, assertAnswerable: (given) => void (route.response && serializing(route.response)(given)) },
          { params: parse(route.params, params), query, body, answer: file },
        );
      if (route.answersFile) {
        const { bytes } = await answerByFile((file) => serve(undefined, file));
        return new Response(Readable.toWeb(bytes) as ReadableStream, { status: route.success });
      }
      const answer = route.takesFile
        ? await withReceived(Readable.from(text ?? ""), BODY_BYTES_MAX, (file) => serve(file))
        : await serve(parse(route.body, text === undefined ? undefined : JSON.parse(text)));
      const headers = { "content-type": "application/json" };
      const content = route.answersFile && !isPreview ? (answer as Uint8Array<ArrayBuffer>) : (serialize?.(answer) ?? null);
      return described(method, pathname, new Response(content, { status: isPreview ? 200 : route.success, headers }));
    } catch (error) {
      if (error instanceof ClawError) {
        return described(method, pathname, problem(error));
      }
      throw error;
    }
  };
}

/** @throws when it is not as the OpenAPI document says */
async function described(method: string, path: string, response: Response): Promise<Response> {
  const fault = await faultOf(method, path, response.clone());
  if (fault !== undefined) {
    throw new Error(fault);
  }
  return response;
}

function match(method: string, path: string): [RouteId, Route, Readonly<Record<string, string>>] {
  for (const [id, route] of Object.entries(routes) as [RouteId, Route][]) {
    const found = route.method === method && new RegExp(`^${route.path.replace(":id", "(?<id>[^/]+)")}$`).exec(path);
    if (found) {
      return [id, route, Object.fromEntries(Object.entries({ ...found.groups }).map(([key, value]) => [key, decodeURIComponent(value)]))];
    }
  }
  throw new Error(`no route ${method} ${path}`);
}

function ifMatchOf(headers: Headers): readonly string[] | undefined {
  const header = headers.get("if-match");
  return header === null ? undefined : [header.replaceAll('"', "")];
}

/** @throws {ClawError} `request.invalid`, as the service refuses what its schema does */
function parse(schema: z.ZodType | undefined, given: unknown): unknown {
  if (!schema) {
    return undefined;
  }
  const result = (validatorCompiler({ schema } as never) as (data: unknown) => { value?: unknown; error?: Error })(given);
  if (result.error) {
    throw result.error;
  }
  return result.value;
}

function problem(error: ClawError): Response {
  const { title, status, retryable } = errorCatalogue[error.code];
  const body = {
    type: `https://clusterclaw.io/errors/${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    retryable,
    errors: error.issues,
  };
  return Response.json(body, { status, headers: { "content-type": "application/problem+json" } });
}
