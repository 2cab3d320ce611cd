import { z } from "zod";
import { AgentStatusSchema } from "./agent.ts";
import { ClawRuntimeSchema } from "./runtime.ts";

/** As an `agentUrl`: there is none to dial, the agent supervises its claw alone. */
export const NO_CONTROL_PLANE = "";

/**
 * What an agent supervises, resolved for one host: the content of `<runDir>/process.json` (mode 0600, it holds secrets).
 * The provider of `clusterclaw:process:Process` writes it, the agent interprets it.
 */
export const ProcessSpecSchema = z.object({
  instanceUid: z.string().min(1),
  runtime: ClawRuntimeSchema.omit({ files: true }),
  /** Absolute paths. `hostDir` is what all instances of a host share: claimed ports, start slots, caches. */
  dirs: z.object({
    hostDir: z.string(),
    runDir: z.string(),
    configDir: z.string(),
    dataDir: z.string(),
    /** Absent when the software is inline. */
    softwareDir: z.string().optional(),
  }),
  /** Where the control plane is, or {@link NO_CONTROL_PLANE}. */
  agentUrl: z.string(),
  agentToken: z.string(),
  running: z.boolean(),
  /** A change asks for a restart. */
  restartedAt: z.string().optional(),
  /** Digest of the files in the config directory. A change alone restarts nothing; it lets a claw that failed try again. */
  configDigest: z.string(),
  /** Path in the config directory → SHA-256 of what was stored there; absent of one that an earlier version wrote. */
  files: z.record(z.string(), z.string()).optional(),
  /** Digest of all of the above. */
  specDigest: z.string(),
});
export type ProcessSpec = z.infer<typeof ProcessSpecSchema>;

/**
 * The agent's control socket: one JSON request a line, one answer a line with the same `id`. `stop` answers when the claw has
 * ended, after which the agent ends too; `dial` says where the control plane is now; `shutdown` ends the agent and leaves the claw running; `apply`
 * answers once the specification is stored.
 */
export const ControlRequestSchema = z.discriminatedUnion("method", [
  z.object({ id: z.int(), method: z.literal("status") }),
  z.object({ id: z.int(), method: z.literal("apply"), spec: ProcessSpecSchema }),
  z.object({ id: z.int(), method: z.literal("dial"), agentUrl: z.string() }),
  z.object({ id: z.int(), method: z.literal("stop") }),
  z.object({ id: z.int(), method: z.literal("kill") }),
  z.object({ id: z.int(), method: z.literal("shutdown") }),
]);
export type ControlRequest = z.infer<typeof ControlRequestSchema>;

export const ControlResponseSchema = z.discriminatedUnion("ok", [
  z.object({ id: z.int(), ok: z.literal(true), status: AgentStatusSchema }),
  z.object({ id: z.int(), ok: z.literal(false), error: z.string() }),
]);
export type ControlResponse = z.infer<typeof ControlResponseSchema>;

/**
 * `<runDir>/agent.json`: where the agent of a run directory listens. `startTime` tells its pid from a later one. An agent takes it away when its
 * claw is to be stopped and is: where the file lies, an agent is, or died and may have left its claw.
 */
export const AgentAddressSchema = z.object({ pid: z.int(), startTime: z.string(), socket: z.string() });
export type AgentAddress = z.infer<typeof AgentAddressSchema>;
