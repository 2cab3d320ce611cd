import { z } from "zod";
import { RelativePathSchema } from "./identifiers.ts";
import { ClawRuntimeSchema, HttpProbeSchema } from "./runtime.ts";

/**
 * What the agent beside a claw in a pod is given: the content of its boot file, which holds secrets. Nothing is left to be resolved:
 * paths are the containers', and a pod's ports are its own.
 */
export const PodBootSchema = z.object({
  instanceUid: z.string(),
  agentUrl: z.string(),
  agentToken: z.string(),
  /** The software's version. */
  version: z.string(),
  dirs: z.object({ configDir: z.string(), dataDir: z.string(), runDir: z.string() }),
  /** The claw's config files: path relative to the config directory → content. */
  files: z.record(RelativePathSchema, z.string()),
  ports: z.object({
    /** Where the claw listens, on the loopback interface. */
    claw: z.int(),
    /** Where the agent answers the kubelet's probes. */
    agent: z.int(),
    /** Where the agent forwards connections to the claw from outside the pod; absent when it is not exposed. */
    exposed: z.int().optional(),
  }),
  probes: z.object({ startup: HttpProbeSchema, readiness: HttpProbeSchema, liveness: HttpProbeSchema }),
  chat: ClawRuntimeSchema.shape.chat.unwrap().omit({ tokenEnv: true }).extend({ token: z.string().optional() }).optional(),
  /** As the runtime's `configCheck` and `channelCheck`, with the token itself. */
  configCheck: ClawRuntimeSchema.shape.configCheck.unwrap().omit({ tokenEnv: true }).extend({ token: z.string() }).optional(),
  channelCheck: ClawRuntimeSchema.shape.channelCheck.unwrap().omit({ tokenEnv: true }).extend({ token: z.string() }).optional(),
  /** What of the claw's is secret, to be taken out of what it says. */
  secrets: z.array(z.string()).optional(),
  /** Digest of all of the above. */
  specDigest: z.string(),
});
export type PodBoot = z.infer<typeof PodBootSchema>;
