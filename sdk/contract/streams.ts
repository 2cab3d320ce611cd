import { z } from "zod";
import { ChatEventSchema, ChatRequestSchema, TerminalSizeSchema } from "./agent.ts";
import type { Permission } from "./permissions.ts";

/** A WebSocket as data. */
export interface Stream {
  /** Relative to `/api/v1`, with `:id` for the instance. */
  readonly path: string;
  readonly summary: string;
  /** What it takes in the instance's project. */
  readonly permission: Permission;
  readonly query: z.ZodObject;
  /** Schemas of JSON text frames; raw frames are told by the summary. A frame that is of neither kind ends the stream with status 422. */
  readonly receives?: z.ZodType;
  readonly sends?: z.ZodType;
}

/** The tenant of browsers, which can't set `X-Claw-Tenant` on a WebSocket. */
const streamQuery = z.strictObject({ tenant: z.string().max(63).optional().describe("for browsers: the tenant's name") });
const side = (fallback: number) => z.coerce.number().int().min(1).max(1000).default(fallback);

/** How many log lines a read or a stream of logs begins with. */
export const TailLinesSchema = z.coerce.number().int().min(0).max(10_000).default(200);

/**
 * WebSocket routes; the token goes in `Authorization` or, for browsers, in the subprotocol `bearer.<token>`. A handshake that is refused
 * answers a problem document. A stream that ends by an error is closed with {@link STREAM_ERROR_CLOSE} + the HTTP status and the reason
 * `<error code>: <detail>`.
 */
export const webSockets = {
  stream: {
    path: "/instances/:id/stream",
    summary: "Chat with an instance: messages in, events of the answer out",
    permission: "instances.chat",
    query: streamQuery,
    receives: ChatRequestSchema,
    sends: ChatEventSchema,
  },
  logs: {
    path: "/instances/:id/logs/stream",
    summary: "Follow an instance's log: a text frame is a line",
    permission: "instances.logs",
    query: streamQuery.extend({ tailLines: TailLinesSchema }),
  },
  console: {
    path: "/instances/:id/console/stream",
    summary: "A terminal inside an instance: binary frames both ways, a text frame resizes it",
    permission: "instances.console",
    query: streamQuery.extend({ cols: side(80), rows: side(24) }),
    receives: TerminalSizeSchema,
  },
  connect: {
    path: "/instances/:id/connect",
    summary: "A TCP connection to an instance's port: binary frames both ways",
    permission: "instances.connect",
    query: streamQuery,
  },
} as const satisfies Record<string, Stream>;

/** Longest frame of any WebSocket of the service, either way. */
export const FRAME_BYTES_MAX = 1024 * 1024;
/** Streams of one tenant that may be open at once, at each replica of the service. */
export const STREAMS_PER_TENANT_MAX = 256;

/** Base of the close codes of streams that fail: 4404 is a stream that ends with status 404. */
export const STREAM_ERROR_CLOSE = 4000;
