import { type IncomingMessage, request } from "node:http";
import { StringDecoder } from "node:string_decoder";
import type { ChatEvent, TokenUsage } from "../../../sdk/contract/index.ts";
import type { AttendedClaw } from "../attended-claw.ts";
import { type ChannelContext, type ChannelHandler, runningPort } from "./channel.ts";
import { Turn, Turns } from "./turns.ts";

const SILENCE_TIMEOUT_MS = 600_000;
const ERROR_BODY_MAX = 16 * 1024;
/** Longest event of a stream, and longest answer that is none. */
const ANSWER_CHARS_MAX = 4 * 1024 * 1024;
/** Keeps frames far below any limit of the other side. */
const DELTA_CHARS = 16 * 1024;
const FORGOTTEN = "the answer is not kept any more: it is in the session";

interface OpenChat {
  readonly message: string;
  readonly session: string;
  readonly turn?: string | undefined;
  readonly after?: number | undefined;
}

/** They outlive the connection that they were asked over. */
const kept = new WeakMap<AttendedClaw, Turns>();

/** One conversation turn over the claw's OpenAI-compatible endpoint, or the rest of one that broke off. */
export function openChat(ctx: ChannelContext, open: OpenChat): ChannelHandler {
  const turns = kept.get(ctx.claw) ?? new Turns();
  kept.set(ctx.claw, turns);
  const turn = (open.turn === undefined ? undefined : turns.find(open.session, open.turn)) ?? begin(ctx, open, turns);
  if (!turn) {
    return { closed: () => {} };
  }
  void turn.attach(ctx, open.after ?? 0);
  return { closed: (isKept = false) => turn.detach(ctx, isKept) };
}

/** Asks the claw; undefined where it can't be asked, which the channel is ended with. */
function begin(ctx: ChannelContext, open: OpenChat, turns: Turns): Turn | undefined {
  const { chat } = ctx.claw;
  if (open.after !== undefined) {
    ctx.send(JSON.stringify({ type: "gap", message: FORGOTTEN } satisfies ChatEvent));
    ctx.send(JSON.stringify({ type: "error", message: FORGOTTEN } satisfies ChatEvent));
    ctx.end();
    return undefined;
  }
  if (!chat) {
    ctx.end({ error: "this type of claw can't be talked to" });
    return undefined;
  }
  const port = runningPort(ctx);
  if (port === undefined) {
    return undefined;
  }
  if (ctx.claw.status.phase === "Starting") {
    ctx.end({ error: "the instance is still starting; try again when it is ready" });
    return undefined;
  }
  const req = request({
    host: "127.0.0.1",
    port,
    method: "POST",
    path: chat.path,
    agent: false,
    timeout: SILENCE_TIMEOUT_MS,
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      ...(chat.token === undefined ? {} : { authorization: `Bearer ${chat.token}` }),
    },
  });
  const turn = new Turn(open.turn !== undefined, () => {
    answer.abandon();
    req.destroy();
  });
  const answer = new ChatAnswer(turn);
  if (open.turn !== undefined) {
    turns.keep(open.session, open.turn, turn);
  }
  req.on("timeout", () => req.destroy(new Error(`no answer for ${SILENCE_TIMEOUT_MS / 1000} s`)));
  req.on("error", (err) => answer.fail(err.message));
  req.on("response", (res) => answer.read(res));
  req.end(
    JSON.stringify({
      model: chat.model,
      stream: true,
      stream_options: { include_usage: true },
      user: open.session,
      messages: [{ role: "user", content: open.message }],
    }),
  );
  return turn;
}

/** Reads the answer: server-sent events, or one JSON body from a claw that does not stream. */
class ChatAnswer {
  readonly #turn: Turn;
  #usage: TokenUsage | undefined;
  /** When to read on, if not at once. */
  #room: Promise<void> | undefined;
  #isOver = false;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  read(res: IncomingMessage): void {
    const isStream = res.headers["content-type"]?.startsWith("text/event-stream") === true && res.statusCode === 200;
    const decoder = new StringDecoder("utf8");
    let text = "";
    res.on("data", (bytes: Buffer) => {
      text += decoder.write(bytes);
      if (isStream) {
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) {
          this.#line(line.trimEnd());
        }
      } else if (res.statusCode !== 200) {
        text = text.slice(0, ERROR_BODY_MAX);
      }
      if (text.length > ANSWER_CHARS_MAX) {
        this.fail(`the instance's answer is longer than ${ANSWER_CHARS_MAX} characters`);
        res.destroy();
      } else if (this.#room) {
        res.pause();
        void this.#room.then(() => res.resume());
      }
    });
    res.on("error", (err) => this.fail(err.message));
    res.on("end", () => {
      if (isStream) {
        this.fail("the instance ended its answer too early");
      } else if (res.statusCode === 200) {
        this.#chunk(text, "message");
        this.#finish();
      } else {
        this.fail(errorMessage(res.statusCode ?? 0, text));
      }
    });
  }

  fail(message: string): void {
    this.#emit({ type: "error", message });
    this.#isOver = true;
  }

  abandon(): void {
    this.#isOver = true;
  }

  #line(line: string): void {
    if (!line.startsWith("data:")) {
      return;
    }
    const data = line.slice(5).trim();
    if (data === "[DONE]") {
      this.#finish();
    } else {
      this.#chunk(data, "delta");
    }
  }

  #chunk(json: string, part: "delta" | "message"): void {
    const chunk = parseObject(json);
    if (!chunk) {
      this.fail("the instance's answer is not JSON");
      return;
    }
    const error = asObject(chunk["error"]);
    if (error) {
      this.fail(String(error["message"] ?? "the instance reports an error"));
      return;
    }
    const choices = chunk["choices"];
    const choice = Array.isArray(choices) ? asObject(choices[0]) : undefined;
    const content = asObject(choice?.[part])?.["content"];
    for (let at = 0; typeof content === "string" && at < content.length; at += DELTA_CHARS) {
      this.#emit({ type: "delta", text: content.slice(at, at + DELTA_CHARS) });
    }
    this.#usage = toUsage(asObject(chunk["usage"])) ?? this.#usage;
  }

  #finish(): void {
    this.#emit({ type: "done", ...(this.#usage ? { usage: this.#usage } : {}) });
    this.#isOver = true;
  }

  #emit(event: ChatEvent): void {
    if (!this.#isOver) {
      this.#room = this.#turn.push(event);
    }
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

function parseObject(json: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(json));
  } catch {
    return undefined;
  }
}

function toUsage(usage: Record<string, unknown> | undefined): TokenUsage | undefined {
  const input = usage?.["prompt_tokens"];
  const output = usage?.["completion_tokens"];
  if (!Number.isInteger(input) || !Number.isInteger(output)) {
    return undefined;
  }
  const total = usage?.["total_tokens"];
  return {
    inputTokens: input as number,
    outputTokens: output as number,
    totalTokens: Number.isInteger(total) ? (total as number) : (input as number) + (output as number),
  };
}

function errorMessage(status: number, body: string): string {
  const json = parseObject(body);
  const error = asObject(json?.["error"]);
  const message = error?.["message"] ?? json?.["message"];
  return typeof message === "string" ? message.slice(0, 500) : `the instance answered ${status}`;
}
