import { z } from "zod";
import { ChannelOpenSchema, type InstanceId, TerminalSizeSchema } from "../../../../sdk/contract/index.ts";
import type { AgentChannel } from "./agents.ts";

/** Where a replica is asked for the agents that are connected to it. */
export const RELAY_PATH = "/relay/v1";
/** What the token is derived for by which replicas know one another. */
export const RELAY_PURPOSE = "replica-relay";

/** What a replica sends to the one that an agent is connected to: `open` first, and once. */
export const RelayRequestSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("open"), open: ChannelOpenSchema }),
  z.object({ type: z.literal("data"), data: z.string() }),
  TerminalSizeSchema.extend({ type: z.literal("resize") }),
  z.object({ type: z.literal("close"), keep: z.boolean() }),
]);
export type RelayRequest = z.infer<typeof RelayRequestSchema>;

/** What it is answered: `here` before it has asked for anything, then whether its channel is open, then what comes on it, and how it ended. */
export const RelayAnswerSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("here") }),
  z.object({ type: z.literal("opened") }),
  z.object({ type: z.literal("refused"), message: z.string() }),
  z.object({ type: z.literal("data"), data: z.string() }),
  z.object({ type: z.literal("end"), error: z.string().optional(), exitCode: z.int().optional(), isLost: z.literal(true).optional() }),
]);
export type RelayAnswer = z.infer<typeof RelayAnswerSchema>;

/** The agents that are connected to other replicas. */
export interface Relay {
  /** Opens a channel on an agent; undefined where it is connected to no replica that answers. @throws {ClawError} `instance.unreachable` when its agent can't open it */
  open(instanceId: InstanceId, channel: z.infer<typeof ChannelOpenSchema>): Promise<AgentChannel | undefined>;
}
