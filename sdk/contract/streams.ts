import { z } from "zod";
import { ChatEventSchema, ChatRequestSchema, LogItemSchema, PassDigestSchema, PositionSchema, TerminalSizeSchema } from "./agent.ts";
import type { ErrorCode } from "./errors.ts";
import { ClawInstanceSchema, InstancePhase } from "./instance.ts";
import { ListQuerySchema, QuantitySchema } from "./meta.ts";
import type { Permission } from "./permissions.ts";

/** A WebSocket as data. */
export interface Stream {
  /** Relative to `/api/v1`, with `:id` for the instance where it is to one. */
  readonly path: string;
  readonly summary: string;
  /** What it takes in the instance's project. */
  readonly permission: Permission;
  readonly query: z.ZodObject;
  /** Schemas of JSON text frames; raw frames are told by the summary. A frame that is of neither kind ends the stream with status 422. */
  readonly receives?: z.ZodType;
  readonly sends?: z.ZodType;
  /** Asked for without an upgrade, it is server-sent events: the data are what `sends` says, the id is a position. */
  readonly events?: true;
  /** What `receives` describes may be posted instead, without an upgrade: what is sent for it comes as server-sent events. */
  readonly posts?: true;
  /** Endings of its own, beside those that every stream may have. */
  readonly errors?: readonly ErrorCode[];
}

/** The tenant of browsers, which can't set `X-Claw-Tenant` on a WebSocket. */
const streamQuery = z.strictObject({ tenant: z.string().max(63).optional().describe("for browsers: the tenant's name") });
const side = (fallback: number) => z.coerce.number().int().min(1).max(1000).default(fallback);

/** Another token of whoever opened a stream, by which it goes on: without one it ends with the token that it was opened with. */
export const StreamTokenSchema = z.strictObject({ token: z.string().min(1).max(8192) });

/** What a client sends to a terminal as text. */
export const TerminalRequestSchema = z.union([TerminalSizeSchema, StreamTokenSchema]);

/** How many log lines a read or a stream of logs begins with. */
export const TailLinesSchema = z.coerce.number().int().min(0).max(10_000).default(200);

/** So often something comes on a stream of items: whoever hears nothing for twice as long has lost it. */
export const HEARTBEAT_MS = 15_000;
const HeartbeatSchema = z.object({ type: z.literal("heartbeat") });
/** Nothing more will come. A stream that ends without it has broken off, and is to be opened again behind the last position. */
const EndSchema = z.object({ type: z.literal("end") });

export const LogStreamItemSchema = z.discriminatedUnion("type", [...LogItemSchema.options, HeartbeatSchema, EndSchema]);
export type LogStreamItem = z.infer<typeof LogStreamItemSchema>;

export const ChatStreamItemSchema = z.discriminatedUnion("type", [...ChatEventSchema.options, HeartbeatSchema, EndSchema]);

/** What an instance does and takes. */
export const MetricsItemSchema = z.object({
  type: z.literal("metrics"),
  phase: z.enum(InstancePhase),
  ready: z.boolean(),
  restarts: z.int(),
  /** As it was last measured; absent where nobody measures it, or has not lately. */
  usage: z.object({ cpu: QuantitySchema, memory: QuantitySchema, time: z.iso.datetime() }).optional(),
});
export type MetricsItem = z.infer<typeof MetricsItemSchema>;
export const MetricsStreamItemSchema = z.discriminatedUnion("type", [MetricsItemSchema, HeartbeatSchema, EndSchema]);
export type MetricsStreamItem = z.infer<typeof MetricsStreamItemSchema>;

/** Instances as they are, and that some are gone; `synced` when all that there are have been told. */
export const WatchStreamItemSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("instances"), items: z.array(ClawInstanceSchema) }),
  z.object({ type: z.literal("gone"), uids: z.array(z.string()) }),
  z.object({ type: z.literal("synced") }),
  HeartbeatSchema,
  EndSchema,
]);
export type WatchStreamItem = z.infer<typeof WatchStreamItemSchema>;

/**
 * WebSocket routes; the token goes in `Authorization` or, for browsers, in the subprotocol `bearer.<token>`. A handshake that is refused
 * answers a problem document. A stream that ends by an error is closed with {@link STREAM_ERROR_CLOSE} + the HTTP status and the reason
 * `<error code>: <detail>`.
 */
export const webSockets = {
  watch: {
    path: "/watch/instances",
    summary: "Watch instances: all that a list would have, then each that changes, and which are gone",
    permission: "instances.read",
    query: streamQuery.extend(ListQuerySchema.pick({ labelSelector: true, fieldSelector: true }).shape),
    sends: WatchStreamItemSchema,
    events: true,
  },
  stream: {
    path: "/instances/:id/stream",
    summary: "Chat with an instance: messages in, events of the answer out",
    permission: "instances.chat",
    errors: ["instance.unsupported"],
    query: streamQuery,
    receives: ChatRequestSchema,
    sends: ChatStreamItemSchema,
    posts: true,
  },
  logs: {
    path: "/instances/:id/logs/stream",
    summary: "Follow an instance's log: its last lines, or those behind a position, and each line as it is written",
    permission: "instances.logs",
    query: streamQuery.extend({
      tailLines: TailLinesSchema,
      after: PositionSchema.optional().describe("the position that was told last; of server-sent events Last-Event-ID says the same"),
    }),
    sends: LogStreamItemSchema,
    events: true,
  },
  metrics: {
    path: "/instances/:id/metrics/stream",
    summary: "Follow what an instance does and takes: how it is now, and each change within seconds",
    permission: "instances.read",
    query: streamQuery,
    sends: MetricsStreamItemSchema,
    events: true,
  },
  console: {
    path: "/instances/:id/console/stream",
    summary: "A terminal inside an instance: binary frames both ways; a text frame resizes it, or brings a renewed token",
    permission: "instances.console",
    query: streamQuery.extend({ cols: side(80), rows: side(24) }),
    receives: TerminalRequestSchema,
    errors: ["console.idle", "console.not_recorded"],
  },
  connect: {
    path: "/instances/:id/connect",
    summary: "A TCP connection to an instance's port: binary frames both ways; a text frame brings a renewed token",
    permission: "instances.connect",
    query: streamQuery.extend({
      pass: PassDigestSchema.optional().describe(
        "SHA-256 in hex of a secret of the client's own: where that is presented to a claw in place of the claw's token, it is signed in (HTTP and WebSockets)",
      ),
    }),
    receives: StreamTokenSchema,
  },
} as const satisfies Record<string, Stream>;

/** Longest frame of any WebSocket of the service, either way. */
export const FRAME_BYTES_MAX = 1024 * 1024;
/** Streams of one tenant that may be open at once, at each replica of the service. */
export const STREAMS_PER_TENANT_MAX = 256;

/** Base of the close codes of streams that fail: 4404 is a stream that ends with status 404. */
export const STREAM_ERROR_CLOSE = 4000;
