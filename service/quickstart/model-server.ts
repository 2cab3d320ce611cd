import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export interface ModelServer {
  /** OpenAI-compatible base URL: `http://127.0.0.1:PORT/v1`. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

const MODEL = "standin-1";
/** So that an answer is seen to stream. */
const WORD_DELAY_MS = 20;
/** What OpenClaw says in the user's name: the time before a message, a paragraph on its runtime after it, and messages of context. */
const ADDED_BY_OPENCLAW = /^\[[^\]]*\d:\d\d[^\]]*\] |\n\nRuntime: [\s\S]*|<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>[\s\S]*/g;

interface ChatRequest {
  readonly model?: string;
  readonly stream?: boolean;
  readonly messages?: readonly { readonly role?: string; readonly content?: unknown }[];
}

/**
 * A local OpenAI-compatible model server, so that the tour and the tests work without a paid model. Its answers quote the last thing
 * that the user said; a token is taken for four characters.
 */
export async function startModelServer(
  options: { readonly host?: string; readonly port?: number; readonly wordDelayMs?: number } = {},
): Promise<ModelServer> {
  const { host = "127.0.0.1" } = options;
  const server = createServer((req, res) => {
    answer(req, res, options.wordDelayMs ?? WORD_DELAY_MS).catch((error: unknown) =>
      sendJson(res, 400, { error: { message: String(error) } }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}/v1`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(req: IncomingMessage, res: ServerResponse, wordDelayMs: number): Promise<void> {
  if (req.method === "GET" && req.url === "/v1/models") {
    sendJson(res, 200, { object: "list", data: [{ id: MODEL, object: "model", owned_by: "local" }] });
  } else if (req.method === "POST" && req.url === "/v1/chat/completions") {
    await complete(JSON.parse(await textOfBody(req)), res, wordDelayMs);
  } else {
    sendJson(res, 404, { error: { message: `there is no ${req.method} ${req.url}` } });
  }
}

async function complete(request: ChatRequest, res: ServerResponse, wordDelayMs: number): Promise<void> {
  const reply = replyTo(request);
  const promptTokens = tokensOf(JSON.stringify(request.messages ?? []));
  const completionTokens = tokensOf(reply);
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
  const envelope = { id: "chatcmpl-standin", created: 0, model: request.model ?? MODEL };
  if (request.stream !== true) {
    const choices = [{ index: 0, message: { role: "assistant", content: reply }, finish_reason: "stop" }];
    sendJson(res, 200, { ...envelope, object: "chat.completion", choices, usage });
    return;
  }
  res.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const send = (choices: unknown[], more = {}) =>
    res.write(`data: ${JSON.stringify({ ...envelope, object: "chat.completion.chunk", choices, ...more })}\n\n`);
  for (const word of reply.match(/\S+\s*/g) ?? []) {
    send([{ index: 0, delta: { content: word }, finish_reason: null }]);
    await delay(wordDelayMs);
  }
  send([{ index: 0, delta: {}, finish_reason: "stop" }]);
  send([], { usage });
  res.end("data: [DONE]\n\n");
}

function replyTo({ model = MODEL, messages = [] }: ChatRequest): string {
  const said = messages
    .filter((message) => message.role === "user")
    .map((message) => textOf(message.content).replace(ADDED_BY_OPENCLAW, "").trim())
    .findLast((text) => text !== "");
  return said === undefined ? `I am ${model}. Say something.` : `I am ${model}, a local stand-in. You said: "${said}"`;
}

function textOf(content: unknown): string {
  if (Array.isArray(content)) {
    return content.map((part: { text?: unknown }) => (typeof part.text === "string" ? part.text : "")).join("");
  }
  return typeof content === "string" ? content : "";
}

function tokensOf(text: string): number {
  return Math.ceil(text.length / 4);
}

async function textOfBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

function sendJson(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
