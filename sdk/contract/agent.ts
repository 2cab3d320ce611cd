import { z } from "zod";

/**
 * The protocol between an agent and the control plane: one WebSocket that the agent dials (`GET /agent/v1`, bearer = agent token),
 * JSON text frames. The agent reports its status; the control plane opens channels on the agent. Either side closes a channel.
 * Idea: ssh's connection protocol, with named channels in place of ports.
 */
export const AgentPhase = {
  /** Waiting for a start slot, or starting and not ready yet. */
  Starting: "Starting",
  Ready: "Ready",
  /** Running, but its readiness probe fails. */
  Unready: "Unready",
  Stopping: "Stopping",
  Stopped: "Stopped",
  /** Waiting for the next start after a crash. */
  BackOff: "BackOff",
  /** Will not be started again until its specification changes: a config error, a port in use. */
  Failed: "Failed",
} as const;
export type AgentPhase = (typeof AgentPhase)[keyof typeof AgentPhase];

/** What an agent knows of its claw. Sent on connect, on every change and every 30 s. */
export const AgentStatusSchema = z.object({
  phase: z.enum(AgentPhase),
  /** CamelCase reason of the phase: `Started`, `CrashLoop`, `ConfigError`, `PortInUse`, `StartTimeout`, `ExitedAtOnce` … */
  reason: z.string(),
  message: z.string(),
  /** Digest of the process specification that it runs. */
  specDigest: z.string(),
  pid: z.int().optional(),
  port: z.int().optional(),
  version: z.string().optional(),
  restarts: z.int(),
  lastExitCode: z.int().optional(),
  /** Whether the running claw uses its config files as they are now; absent while it does not run, and of one that can't be asked. */
  config: z
    .object({
      /** The runtime's `configCheck.digest`: which files this is about. */
      digest: z.string(),
      /** `unknown`: it did not say. */
      state: z.enum(["pending", "applied", "refused", "unknown"]),
      message: z.string(),
    })
    .optional(),
  since: z.iso.datetime(),
});
export type AgentStatus = z.infer<typeof AgentStatusSchema>;

/** What a claw and all that it started take. */
export const UsageSchema = z.object({
  /** Cores, over the time since the sample before. */
  cpu: z.number().nonnegative().max(1e6),
  memoryBytes: z
    .int()
    .nonnegative()
    .max(2 ** 50),
  time: z.iso.datetime(),
});
export type Usage = z.infer<typeof UsageSchema>;

/** What a channel is for, with its parameters. */
export const ChannelOpenSchema = z.discriminatedUnion("channel", [
  /** Log text: the last `tailLines` lines, then what follows until the channel closes. */
  z.object({ channel: z.literal("logs"), tailLines: z.int().min(0), follow: z.boolean() }),
  /** A terminal; data is base64 of the raw bytes both ways, `resize` frames set its size. */
  z.object({ channel: z.literal("console"), cols: z.int(), rows: z.int() }),
  /** A TCP connection to the claw's port; data is base64 of the raw bytes both ways. */
  z.object({ channel: z.literal("tcp") }),
  /** One conversation turn; data frames carry {@link ChatEventSchema} as JSON text. */
  z.object({ channel: z.literal("chat"), message: z.string(), session: z.string() }),
  /** Acts on the claw at once and closes: `kill` is SIGKILL to its process group. */
  z.object({ channel: z.literal("signal"), action: z.enum(["restart", "kill"]) }),
]);
export type ChannelOpen = z.infer<typeof ChannelOpenSchema>;

export const ServerFrameSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("open"), id: z.string(), open: ChannelOpenSchema }),
  z.object({ type: z.literal("data"), id: z.string(), data: z.string() }),
  z.object({ type: z.literal("resize"), id: z.string(), cols: z.int(), rows: z.int() }),
  z.object({ type: z.literal("close"), id: z.string() }),
]);
export type ServerFrame = z.infer<typeof ServerFrameSchema>;

export const AgentFrameSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("hello"),
    instanceUid: z.string(),
    protocol: z.literal(1),
    bootId: z.string(),
    status: AgentStatusSchema,
    usage: UsageSchema.optional(),
  }),
  /** `usage` where the agent can tell, at most every few seconds. */
  z.object({ type: z.literal("status"), status: AgentStatusSchema, usage: UsageSchema.optional() }),
  z.object({ type: z.literal("data"), id: z.string(), data: z.string() }),
  /** `error` says why when the channel did not end by itself. */
  z.object({ type: z.literal("close"), id: z.string(), error: z.string().optional(), exitCode: z.int().optional() }),
]);
export type AgentFrame = z.infer<typeof AgentFrameSchema>;

export const TokenUsageSchema = z.object({ inputTokens: z.int(), outputTokens: z.int(), totalTokens: z.int() });
export type TokenUsage = z.infer<typeof TokenUsageSchema>;

/** What comes back for a chat message, in order: any number of deltas, then one `done` or `error`. */
export const ChatEventSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("delta"), text: z.string() }),
  z.object({ type: z.literal("done"), usage: TokenUsageSchema.optional() }),
  z.object({ type: z.literal("error"), message: z.string() }),
]);
export type ChatEvent = z.infer<typeof ChatEventSchema>;

/** What a client sends on `WS /instances/:id/stream`. `session` keeps a conversation together; `default` when absent. */
export const ChatRequestSchema = z.object({
  type: z.literal("message"),
  text: z.string().min(1),
  session: z.string().optional(),
});
export type ChatRequest = z.infer<typeof ChatRequestSchema>;
