import { z } from "zod";

/**
 * The protocol between an agent and the control plane: one WebSocket that the agent dials (`GET /agent/v1`, bearer = agent token),
 * JSON text frames. The agent reports its status; the control plane opens channels on the agent. Either side closes a channel.
 * Idea: ssh's connection protocol, with named channels in place of ports.
 *
 * Each channel has a window each way (see {@link Outflow}): who receives grants by `credit` frames what it has taken. The two sides are not
 * upgraded together, so each says that it grants: the agent by `grants` of its hello, upon which its first grant says that a channel is open;
 * the control plane by the `window` of an open. To a side that says nothing no credit is sent, and none is expected of it.
 *
 * What an instance's claw is to run with is delivered beside the channels: a `notice` says by its digest what the agent is to have, the agent pulls
 * what it does not have, and its status says what it has stored. A notice may come at any time and again; only the newest counts.
 *
 * A frame that can't be read ends the channel that it names, and is dropped where it names none.
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

/**
 * What keeps a claw of a host away from the control plane and from other tenants': a Unix user of its tenant's, a sandbox of bubblewrap, or
 * nothing.
 */
export const ConfinementSchema = z.enum(["user", "sandbox", "none"]);

/** What an agent knows of its claw. Sent on connect, on every change and every 30 s. */
export const AgentStatusSchema = z.object({
  phase: z.enum(AgentPhase),
  /** An `AgentReason`, one that its claw type names for an exit code, or one of an agent of another version. */
  reason: z.string(),
  message: z.string(),
  /** Digest of the process specification that it runs. */
  specDigest: z.string(),
  /** Digest of the specification that it has stored, with its files: what the claw runs after its next start, if not now. Absent of agents that nothing can be delivered to. */
  stored: z.string().max(200).optional(),
  /** What was delivered and could not be stored, and why. */
  unstored: z.object({ digest: z.string().max(200), message: z.string().max(1000) }).optional(),
  pid: z.int().optional(),
  port: z.int().optional(),
  version: z.string().optional(),
  restarts: z.int(),
  /** The specification's `restartedAt` that the running claw was started for, empty where there was none; absent while it is not known. */
  restartedAt: z.string().optional(),
  lastExitCode: z.int().optional(),
  /** How the running claw is confined on its host; absent in a pod, and of one that an earlier version started. */
  confinement: ConfinementSchema.optional(),
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
  /** What stands in its config files now, beside what was stored there; absent of agents that do not look. */
  disk: z
    .object({
      /** Of their contents, where any is not as it was stored: others have another. Else empty. */
      digest: z.string().max(200),
      /** Paths of those that are not as they were stored. */
      altered: z.array(z.string().max(500)).max(1000),
    })
    .optional(),
  /** How the running claw's channels are; absent while it does not run, and of one without channels or that can't be asked. */
  channels: z
    .array(
      z.object({
        /** `telegram`, or `telegram/work` for one of several accounts. */
        name: z.string().max(200),
        /** `unknown`: the claw did not say. */
        state: z.enum(["working", "starting", "failed", "unknown"]),
        /** Why it does not work. */
        message: z.string().max(1000),
      }),
    )
    .max(100)
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

const side = z.int().min(1).max(1000);
/** A terminal's size. */
export const TerminalSizeSchema = z.object({ cols: side, rows: side });
export type TerminalSize = z.infer<typeof TerminalSizeSchema>;

/** Longest text of a chat message. */
export const MESSAGE_CHARS_MAX = 256 * 1024;

/** How far a stream has been read: given back as it came, it goes on from there. */
export const PositionSchema = z
  .string()
  .max(200)
  .regex(/^[\w.:-]+$/, "is no position that a stream has told");

/** The name of a conversation turn, which its asker chooses: nobody else has one of the same name. */
export const TurnSchema = z
  .string()
  .min(8)
  .max(64)
  .regex(/^[\w-]+$/, "is no name of a turn: give a random one of letters, digits, - and _");

/** SHA-256 in hex of what a client presents to a claw in place of the claw's own token. */
export const PassDigestSchema = z
  .string()
  .max(64)
  .regex(/^[0-9a-f]{64}$/, "is no SHA-256 digest in hex");

/** What a log gives. */
export const LogItemSchema = z.discriminatedUnion("type", [
  /** Whole lines; `position` is behind the last of them, and absent where the source can't tell. */
  z.object({ type: z.literal("lines"), lines: z.array(z.string()), position: PositionSchema.optional() }),
  /** What was written between is not there any more. */
  z.object({ type: z.literal("gap"), message: z.string(), position: PositionSchema.optional() }),
]);
export type LogItem = z.infer<typeof LogItemSchema>;

const channelId = z.string().min(1).max(64);
const specDigest = z.string().min(1).max(200);
const credit = z
  .int()
  .min(1)
  .max(2 ** 30);

/** What a channel is for, with its parameters. */
export const ChannelOpenSchema = z.discriminatedUnion("channel", [
  /**
   * The last `tailLines` lines of the log, or those behind the position `after`, then what follows until the channel closes. With `items` data
   * frames carry {@link LogItemSchema} as JSON text, without they are log text.
   */
  z.object({
    channel: z.literal("logs"),
    tailLines: z.int().min(0),
    follow: z.boolean(),
    after: PositionSchema.optional(),
    items: z.literal(true).optional(),
  }),
  /** A terminal; data is base64 of the raw bytes both ways, `resize` frames set its size. */
  TerminalSizeSchema.extend({ channel: z.literal("console") }),
  /**
   * A TCP connection to the claw's port; data is base64 of the raw bytes both ways. With a `pass`, which the other side knows by its digest only, whoever
   * presents it to a claw that has a sign-in is signed in by the agent.
   */
  z.object({ channel: z.literal("tcp"), pass: PassDigestSchema.optional() }),
  /**
   * One conversation turn; data frames carry {@link ChatEventSchema} as JSON text. One with a `turn` outlives its channel for a while: who opens the
   * same again gets its events behind `after`, and asks the claw nothing. With `after` and no such turn there is a `gap`.
   */
  z.object({
    channel: z.literal("chat"),
    message: z.string(),
    session: z.string(),
    turn: TurnSchema.optional(),
    after: z.int().min(0).optional(),
  }),
  /** What its claw runs with: data is the JSON text of a {@link ConfigViewSchema}, in pieces; then it closes. */
  z.object({ channel: z.literal("config") }),
  /** Acts on the claw at once and closes: `kill` is SIGKILL to its process group. */
  z.object({ channel: z.literal("signal"), action: z.enum(["restart", "kill"]) }),
]);
export type ChannelOpen = z.infer<typeof ChannelOpenSchema>;

/** What a claw runs with, as its agent finds it. */
export const ConfigViewSchema = z.object({
  /** As in the agent's status. */
  stored: z.string().max(200),
  disk: AgentStatusSchema.shape.disk.unwrap(),
  /** Those that are not as they were stored. */
  files: z
    .array(
      z.object({
        path: z.string().max(500),
        /** Absent where there is none, or none that can be shown: it is too large, or no regular file. */
        content: z.string().optional(),
        changedAt: z.iso.datetime().optional(),
        /** Whose it is, where that says who wrote it. */
        by: z.string().max(100).optional(),
      }),
    )
    .max(1000),
  /** The claw's own word, where it can be asked. What it does not show of its config is not in it. */
  live: z
    .discriminatedUnion("state", [
      z.object({ state: z.literal("applied"), config: z.record(z.string(), z.unknown()) }),
      z.object({ state: z.enum(["pending", "refused", "unknown"]) }),
    ])
    .optional(),
});
export type ConfigView = z.infer<typeof ConfigViewSchema>;

export const ServerFrameSchema = z.discriminatedUnion("type", [
  /** `window`: what the agent may send before it is granted more; absent of a control plane that grants nothing. */
  z.object({ type: z.literal("open"), id: channelId, open: ChannelOpenSchema, window: credit.optional() }),
  z.object({ type: z.literal("data"), id: channelId, data: z.string() }),
  z.object({ type: z.literal("credit"), id: channelId, credit }),
  TerminalSizeSchema.extend({ type: z.literal("resize"), id: channelId }),
  /** With `keep` what goes on in it is kept for who comes back: it was lost, and not left. */
  z.object({ type: z.literal("close"), id: channelId, keep: z.literal(true).optional() }),
  /** What the agent is to have: one that has something else pulls it. */
  z.object({
    type: z.literal("notice"),
    digest: specDigest,
    /** It is to be stored once more where its files are not as they were stored. */
    anew: z.literal(true).optional(),
  }),
  /** The answer to a pull: `content` is a {@link Handing} as JSON text. */
  z.object({ type: z.literal("handing"), digest: specDigest, content: z.string() }),
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
    /** It grants credit; absent of agents before that. */
    grants: z.literal(true).optional(),
    /** Its logs come as items, and from a position on, and answers that broke off go on; absent of agents before that. */
    resumes: z.literal(true).optional(),
    /** It takes deliveries: it pulls what a notice is about. Absent of agents before that. */
    delivers: z.literal(true).optional(),
  }),
  /** `usage` where the agent can tell, at most every few seconds. */
  z.object({ type: z.literal("status"), status: AgentStatusSchema, usage: UsageSchema.optional() }),
  z.object({ type: z.literal("data"), id: channelId, data: z.string() }),
  z.object({ type: z.literal("credit"), id: channelId, credit }),
  z.object({ type: z.literal("pull"), digest: specDigest }),
  /** `error` says why when the channel did not end by itself. */
  z.object({ type: z.literal("close"), id: channelId, error: z.string().optional(), exitCode: z.int().optional() }),
]);
export type AgentFrame = z.infer<typeof AgentFrameSchema>;

/** A frame of the agent protocol, or the channel that one which can't be read is about, where it names any. */
export function readFrame<T>(
  schema: z.ZodType<T>,
  data: { toString(): string },
  isBinary: boolean,
): { readonly frame: T } | { readonly frame: undefined; readonly channel: string | undefined } {
  const json = isBinary ? undefined : parseJson(data.toString());
  const parsed = schema.safeParse(json);
  return parsed.success ? { frame: parsed.data } : { frame: undefined, channel: z.object({ id: channelId }).safeParse(json).data?.id };
}

/** The value of a JSON text; undefined of any other. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const TokenUsageSchema = z.object({ inputTokens: z.int(), outputTokens: z.int(), totalTokens: z.int() });
export type TokenUsage = z.infer<typeof TokenUsageSchema>;

/** The number of an event in its turn, from 1; absent of a turn without a name. */
const numbered = { seq: z.int().min(1).optional() };

/** What comes back for a chat message, in order: any number of deltas, then one `done` or `error`. */
export const ChatEventSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("delta"), text: z.string(), ...numbered }),
  z.object({ type: z.literal("done"), usage: TokenUsageSchema.optional(), ...numbered }),
  z.object({ type: z.literal("error"), message: z.string(), ...numbered }),
  /** What came between is not kept any more; the answer as a whole is in the session. */
  z.object({ type: z.literal("gap"), message: z.string(), ...numbered }),
]);
export type ChatEvent = z.infer<typeof ChatEventSchema>;

/** Whether nothing more comes of the turn. */
export function endsTurn({ type }: { readonly type: string }): boolean {
  return type === "done" || type === "error";
}

/** A session that whoever has the permission `instances.share` may take part in. */
export const SHARED_SESSION = "shared:";
const SessionSchema = z
  .string()
  .max(200)
  .describe("keeps a conversation together; one's own, unless its name begins with `shared:`. `default` when absent");

/** A session in which one has talked to an instance, and can go on. */
export const ChatSessionSchema = z.object({ name: z.string(), lastUsedAt: z.iso.datetime() });
export type ChatSession = z.infer<typeof ChatSessionSchema>;
/** Up to 200 of one's own and 200 that are shared, the last used first. */
export const ChatSessionsSchema = z.object({ items: z.array(ChatSessionSchema) });
export type ChatSessions = z.infer<typeof ChatSessionsSchema>;

/** What a client sends on `WS /instances/:id/stream`. */
export const ChatRequestSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("message"),
    text: z.string().min(1).max(MESSAGE_CHARS_MAX),
    session: SessionSchema.optional(),
    /** By this name the answer can be had again; one that is under way already is not asked for twice. */
    turn: TurnSchema.optional(),
    /** It was sent on a stream that broke off: an agent that is not back yet may be answering, so the stream is closed to be tried again. */
    again: z.boolean().optional(),
  }),
  /** Goes on with the answer of a turn, behind the event with that number. */
  z.object({ type: z.literal("resume"), turn: TurnSchema, after: z.int().min(0), session: SessionSchema.optional() }),
]);
export type ChatRequest = z.infer<typeof ChatRequestSchema>;
