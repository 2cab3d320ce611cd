import { z } from "zod";
import { ListQuerySchema } from "./meta.ts";

/** What one terminal's recording comes to at most: a terminal whose recording is full ends. */
export const RECORDING_BYTES_MAX = 16 * 1024 * 1024;

/** How long nothing may be typed into a terminal of a tenant that says nothing of it. */
export const CONSOLE_IDLE_MINUTES = 30;

/** What holds for terminals of a tenant. */
export const ConsoleRulesSchema = z.strictObject({
  /** What they show is recorded, and kept with the tenant's data. What is typed is not, but for what the terminal shows of it. */
  record: z.boolean().optional(),
  /** One into which nothing is typed for so long ends; 30 when absent. */
  idleMinutes: z.int().min(1).max(1440).optional(),
});

/** What a terminal inside an instance has shown. */
export const RecordingSchema = z.object({
  id: z.string(),
  instance: z.object({ name: z.string(), uid: z.string() }),
  /** Whose terminal it was. */
  actor: z.string(),
  startedAt: z.iso.datetime(),
  /** Absent while it goes on, and where the service was ended with it. */
  endedAt: z.iso.datetime().optional(),
  /** What there is of it by now. */
  bytes: z.int(),
});
export type Recording = z.infer<typeof RecordingSchema>;
export const RecordingPageSchema = z.object({ items: z.array(RecordingSchema), nextCursor: z.string().optional() });

export const RecordingQuerySchema = ListQuerySchema.pick({ limit: true, cursor: true }).extend({
  instance: z.string().max(128).optional().describe("only of this one, by its uid, or of all that had this name"),
});
export type RecordingQuery = z.infer<typeof RecordingQuerySchema>;

/** Some lines of a recording. */
export const CastPartSchema = z.object({
  /** asciicast v2: a header and an event a line, each with a line end. */
  text: z.string(),
  /** Ask for what follows with this as `after`; absent where there is no more by now. */
  next: z.int().optional(),
});
export const CastQuerySchema = z.strictObject({
  after: z.coerce.number().int().min(0).max(1_000_000).optional().describe("go on behind this: what the last answer said"),
});
