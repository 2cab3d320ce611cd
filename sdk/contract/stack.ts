import { z } from "zod";
import { boundedRecord } from "./bounds.ts";
import { DriftSchema } from "./instance.ts";
import { LOCAL_CLUSTER } from "./local.ts";
import { pageOf } from "./meta.ts";

/** What keeps a stack's state and runs its operations. */
export const StackEngineSchema = z.enum(["embedded", "cli"]);
export type StackEngine = z.infer<typeof StackEngineSchema>;

/**
 * Name of the stack that holds a tenant's instances of one cluster: the tenant's own for the control plane's host, else
 * `<tenant>.<cluster>`. Both names are DNS labels, so no two stacks have a name in common.
 */
export function stackNameOf(tenant: string, cluster: string): string {
  return cluster === LOCAL_CLUSTER ? tenant : `${tenant}.${cluster}`;
}

/** The tenant and the cluster that a stack's name stands for. */
export function stackPlaceOf(name: string): { readonly tenant: string; readonly cluster: string } {
  const [tenant = "", ...cluster] = name.split(".");
  return { tenant, cluster: cluster.join(".") || LOCAL_CLUSTER };
}

/** More than a tenant's part of a cluster comes to. */
const RESOURCES_MAX = 200_000;
const StackResourceSchema = z.looseObject({ urn: z.string().min(1).max(4096), type: z.string().min(1).max(1024) });

/** Of the file that an export gives and an import takes. */
export const STACK_BYTES_MAX = 512 * 1024 * 1024;

/** A stack's state in Pulumi's own form: what `pulumi stack export` prints and `pulumi stack import` takes. */
export const StackExportSchema = z.object({
  version: z.int(),
  features: z.array(z.string().max(256)).max(100).optional(),
  deployment: z.looseObject({
    manifest: z.looseObject({ magic: z.string().max(256).optional(), version: z.string().max(256).optional() }).optional(),
    secrets_providers: z
      .looseObject({ type: z.string().max(256), state: boundedRecord(z.string().max(256), z.unknown(), 100).optional() })
      .optional(),
    resources: z.array(StackResourceSchema).max(RESOURCES_MAX).optional(),
    pending_operations: z
      .array(z.looseObject({ type: z.string().max(256), resource: StackResourceSchema }))
      .max(RESOURCES_MAX)
      .optional(),
  }),
});
export type StackExport = z.infer<typeof StackExportSchema>;

/** One operation that a stack's engine ran. */
export const StackUpdateSchema = z.object({
  /** Counts the stack's operations; 0 on the CLI's self-managed backends, which don't. */
  version: z.int(),
  kind: z.string(),
  result: z.enum(["succeeded", "failed", "in-progress"]),
  startTime: z.iso.datetime(),
  endTime: z.iso.datetime(),
  message: z.string(),
  /** Operation → how many resources: `{ "update": 1, "same": 5 }`. */
  resourceChanges: z.record(z.string(), z.int()),
});
export type StackUpdate = z.infer<typeof StackUpdateSchema>;
export const StackUpdatePageSchema = pageOf(StackUpdateSchema);

export const StackImportedSchema = z.object({
  resources: z.int(),
  /** What to know of it, where the stack's cluster can't be asked. */
  warning: z.string().optional(),
});

export const StackCancelledSchema = z.object({
  /** Which worker ran it; absent when nothing was running. */
  holder: z.string().optional(),
  /** False when it did not stop in time: the stack was taken from it, and it can write nothing more. */
  stopped: z.boolean(),
});

export const StackRefreshedSchema = z.object({
  /** How many were read. */
  resources: z.int(),
  /** How many there are of what is listed below, whether there was room for it or not. */
  summary: z.object({ drift: z.int(), skipped: z.int() }),
  /**
   * What is not as declared, 256 kB of it; each instance's status has all of its own. Resources that instances share are listed with each of
   * them.
   */
  drift: z.array(DriftSchema.extend({ instance: z.string() })),
  /** Instances that an operation is due for: they were left alone. At most 64 kB of names. */
  skipped: z.array(z.string()),
});

export const StackUnlockedSchema = z.object({ holder: z.string().optional() });

export const StackMigrateRequestSchema = z.strictObject({ engine: StackEngineSchema });
export const StackMigratedSchema = z.object({ from: StackEngineSchema, to: StackEngineSchema, resources: z.int() });
