import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { ClawError, errorCatalogue, type Issue, newId, type Problem, redact } from "../../../sdk/contract/index.ts";

const DOCS = "https://clusterclaw.io/errors/";
/** Of what says nothing more exact. */
const RETRY_AFTER_SECONDS = "1";

/** Answers what fails, and what there is no route for, with a problem document. Every answer names its request. */
export const problem = fp(
  async (app) => {
    app.setErrorHandler(sendProblem);
    app.setNotFoundHandler((request, reply) =>
      sendProblem(new ClawError("route.not_found", `there is no ${request.method} ${request.url}`), request, reply),
    );
    app.addHook("onSend", async (request, reply) => {
      reply.header("x-request-id", request.id);
    });
  },
  { name: "problem" },
);

/** Any failure as the error that callers are told. What nobody expected is an internal error without detail. */
function toClawError(error: FastifyError | Error): ClawError {
  if (error instanceof ClawError) {
    return error;
  }
  const status = "statusCode" in error ? (error.statusCode ?? 500) : 500;
  if (status < 400 || status >= 500) {
    return new ClawError("service.internal", "something went wrong on our side", { cause: error });
  }
  // What Fastify itself refuses.
  switch (status) {
    case 413:
      return refusal("request.too_large", error, "send less, or in several requests");
    case 415:
      return refusal("request.unsupported_media_type", error, "send JSON, with 'content-type: application/json'");
    default:
      return refusal("request.malformed", error, "send one JSON document, to a URL that is percent-encoded");
  }
}

function refusal(
  code: "request.too_large" | "request.unsupported_media_type" | "request.malformed",
  { message }: Error,
  fix: string,
): ClawError {
  return new ClawError(code, message, { issues: [{ path: "", message, fix }] });
}

/** All that it says is redacted here: a message may quote a driver, npm, an engine, or what the caller gave. */
export function toProblem(error: ClawError, requestId: string): Problem {
  const { title, status, retryable } = errorCatalogue[error.code];
  return {
    type: `${DOCS}${error.code}`,
    title,
    status,
    detail: redact(error.message),
    code: error.code,
    requestId,
    retryable,
    ...(error.issues.length > 0 && { errors: error.issues.map(redactIssue) }),
  };
}

function redactIssue({ path, message, fix }: Issue): Issue {
  return { path: redact(path), message: redact(message), ...(fix !== undefined && { fix: redact(fix) }) };
}

export function sendProblem(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const failure = toClawError(error);
  // That an agent is away is a state of its instance, told to the caller and by a condition.
  if (failure.status >= 500 && failure.code !== "instance.unreachable") {
    request.log.error({ err: failure.cause ?? failure }, "a request failed");
  }
  const body = toProblem(failure, request.id);
  // Of what never came to a route no hook is told.
  reply.header("x-request-id", request.id);
  // What is refused before its body came is not read on, and a connection that was to become a stream is of no other use.
  if (request.ws || (!request.raw.complete && hasBody(request))) {
    reply.header("connection", "close");
  }
  if ((body.status === 429 || body.status === 503) && !reply.hasHeader("retry-after")) {
    reply.header("retry-after", RETRY_AFTER_SECONDS);
  }
  return reply.code(body.status).header("content-type", "application/problem+json").serializer(JSON.stringify).send(body);
}

/** Answers what came over a connection and is no request, or not all of one: nothing of it reaches a route. */
export function refuseUnread(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const failure =
    error.code === "HPE_HEADER_OVERFLOW"
      ? new ClawError("request.too_large", "the headers come to more than 16 KiB; send less")
      : new ClawError(
          "request.malformed",
          error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "the request did not come whole in time" : "this is no HTTP request",
        );
  endWith(failure, socket);
}

/** Answers who wanted a WebSocket and does not ask for one as it is asked for. */
export function refuseHandshake({ message }: Error, socket: Socket): void {
  const failure = new ClawError("request.malformed", `the WebSocket is not asked for as it should be: ${message}`);
  endWith(failure, socket, ["sec-websocket-version: 13, 8"]);
}

function endWith(failure: ClawError, socket: Socket, headers: readonly string[] = []): void {
  const requestId = newId("req");
  const body = JSON.stringify(toProblem(failure, requestId));
  const head = [
    `HTTP/1.1 ${failure.status} ${errorCatalogue[failure.code].title}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    "connection: close",
    ...headers,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}
