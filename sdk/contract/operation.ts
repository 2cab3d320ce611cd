import { z } from "zod";
import { ResourceChangeSchema } from "./preview.ts";

/** So many of an instance's operations are kept, the newest ones. */
export const OPERATIONS_MAX = 5;
/** More than an instance is made of. */
export const OPERATION_RESOURCES_MAX = 100;

/** How far an operation is with one resource. Nothing of what the resource holds is in it, so no secret either. */
export const ResourceProgressSchema = z.object({
  type: z.string().max(1024),
  name: z.string().max(1024),
  /** 0 for the instance itself, 1 for what it is made of. */
  level: z.int().min(0).max(32),
  /** What is done with it; absent until its turn has come. */
  op: ResourceChangeSchema.shape.op.optional(),
  /** `pending` in an operation that has ended: it never came to it. `interrupted`: what became of it is found out by the next operation. */
  state: z.enum(["pending", "running", "done", "failed", "interrupted"]),
  startedAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime().optional(),
});
export type ResourceProgress = z.infer<typeof ResourceProgressSchema>;

/** A run of the engine for an instance, as far as it has come. */
export const InstanceOperationSchema = z.object({
  id: z.string(),
  /** `remove`: the instance leaves its cluster, since it is destroyed or moves. */
  kind: z.enum(["apply", "remove"]),
  /** The instance's generation that it brings about. */
  generation: z.int(),
  /** `interrupted`: whoever ran it died, or was stopped; it is tried again. */
  state: z.enum(["running", "succeeded", "failed", "interrupted"]),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  /** The instance itself first. */
  resources: z.array(ResourceProgressSchema).max(OPERATION_RESOURCES_MAX),
});
export type InstanceOperation = z.infer<typeof InstanceOperationSchema>;

/** The newest first. */
export const InstanceOperationsSchema = z.object({ items: z.array(InstanceOperationSchema).max(OPERATIONS_MAX) });
export type InstanceOperations = z.infer<typeof InstanceOperationsSchema>;
