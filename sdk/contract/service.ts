import { z } from "zod";

/** The body of an action that takes nothing. */
export const EmptyRequestSchema = z.strictObject({});

/** Claw types and the versions that they are pinned to. */
export const ClawTypeListSchema = z.object({
  items: z.array(z.object({ type: z.string(), adapter: z.string(), version: z.string(), description: z.string() })),
});

export const ServiceVersionSchema = z.object({ version: z.string(), apiVersion: z.string() });

/** Whom a token belongs to. */
export const IdentitySchema = z.object({ subject: z.string(), platform: z.boolean(), tenant: z.string().optional() });
