import { z } from "zod";
import { type ErrorCode, errorCatalogue, IssueSchema, ResourceProgressSchema } from "../../sdk/contract/index.ts";
import type { StackOperation, TenantStack } from "../../service/application/ports/stacks/stack-operations.ts";
import type { StateJobs } from "./stack-state.ts";

const STATE_JOBS = [
  "exportState",
  "listHeld",
  "importState",
  "forget",
  "history",
  "migrate",
  "releaseLock",
] as const satisfies readonly (keyof StateJobs)[];
const OPERATION_KINDS = ["preview", "up", "refresh", "destroy", "scan"] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

const tenantStack = z.object({ tenantId: z.string(), stack: z.string() }) satisfies z.ZodType<TenantStack>;
/** Taken over as it is: the service has built it, and it may be large. */
const operation = z.custom<StackOperation>(
  (value) => z.looseObject({ tenantId: z.string(), spec: z.looseObject({}) }).safeParse(value).success,
);

/** What goes to a worker process. */
export const WorkerRequestSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("operation"), kind: z.enum(OPERATION_KINDS), operation }),
  z.object({ type: z.literal("state"), job: z.enum(STATE_JOBS), stack: tenantStack, args: z.array(z.unknown()).readonly() }),
]);
export type WorkerRequest = z.infer<typeof WorkerRequestSchema>;

/** What the process holds by then. */
const residentBytes = z.number().nonnegative();

/** What a worker process says. */
export const WorkerReplySchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  /** Of the operation that it is in. */
  z.object({ type: z.literal("progress"), news: z.array(ResourceProgressSchema.extend({ instance: z.string() })) }),
  z.object({ type: z.literal("result"), result: z.unknown(), residentBytes }),
  z.object({
    type: z.literal("error"),
    code: z.enum(Object.keys(errorCatalogue) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    issues: z.array(IssueSchema).readonly(),
    residentBytes,
  }),
]);
export type WorkerReply = z.infer<typeof WorkerReplySchema>;
