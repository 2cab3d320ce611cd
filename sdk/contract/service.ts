import { z } from "zod";

/** The body of an action that takes nothing. */
export const EmptyRequestSchema = z.strictObject({});

export const ServiceVersionSchema = z.object({ version: z.string(), apiVersion: z.string() });

/** How the control plane does, as the replica sees it that answers. */
export const ServiceStatusSchema = z.object({
  version: z.string(),
  uptimeSeconds: z.number(),
  residentBytes: z.number(),
  eventLoopDelayMs: z.object({ mean: z.number(), p99: z.number() }).describe("how late the event loop was lately"),
  database: z.object({ milliseconds: z.number().describe("what asking it took") }),
  replicas: z.array(z.object({ name: z.string().describe("host and process id"), version: z.string() })),
  clusters: z
    .array(z.object({ name: z.string(), reachable: z.boolean().optional(), reason: z.string().optional() }))
    .describe("the first 200"),
  dependencies: z
    .array(
      z.object({
        dependency: z.string(),
        state: z.enum(["closed", "open", "half-open"]).describe("open: refused at once, after failures in a row"),
        failures: z.number(),
        message: z.string().optional().describe("what the last failure said"),
      }),
    )
    .describe("what it connects to, as far as that was needed by now"),
});
