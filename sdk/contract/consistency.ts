import { z } from "zod";
import { ListQuerySchema } from "./meta.ts";

/** Whose a key is: nobody's but the platform's, whoever configures the instance, or the claw's own, which may write it. */
export const ConfigOwnerSchema = z.enum(["platform", "tenant", "agent"]);

/** Values are JSON texts, shortened where they are long and masked where they are secret. */
const value = z.string().optional();

export const ConfigDifferenceSchema = z.object({
  /** In the config directory. */
  file: z.string(),
  /** As the claw's own config has it; the file's path where that is compared as a whole. */
  key: z.string(),
  /** The key by which it is declared, where that is another. */
  declaredBy: z.string().optional(),
  owner: ConfigOwnerSchema,
  /** Absent where nothing is declared. */
  declared: value,
  /** What stands in the file; absent where nothing does. */
  disk: value,
  /** What the claw says that it runs with; absent where it does not say so. */
  live: value,
  secret: z.boolean(),
  /** `differs`: somebody is to do something about it. `own`: the claw may write it. */
  state: z.enum(["differs", "ignored", "own"]),
  ignoredUntil: z.iso.datetime().optional(),
});
export type ConfigDifference = z.infer<typeof ConfigDifferenceSchema>;

/** What an instance's claw is configured with, against what is declared. */
export const ConsistencySchema = z.object({
  instance: z.string(),
  uid: z.string(),
  project: z.string(),
  /** `unknown`: nobody can tell now; the differences are those that were found last. */
  state: z.enum(["consistent", "differs", "unknown"]),
  /** Why nobody can tell; empty otherwise. */
  message: z.string(),
  /** When what it runs with was last looked at; absent where that was never necessary. */
  checkedAt: z.iso.datetime().optional(),
  /** The claw's own word: `none` of a type that can't be asked. */
  live: z.enum(["applied", "pending", "refused", "unknown", "none"]),
  /** Files that are not as they were stored. */
  files: z.array(z.object({ path: z.string(), changedAt: z.iso.datetime().optional(), by: z.string().optional() })),
  differences: z.array(ConfigDifferenceSchema),
  /** How many there are, shown or not, by state. */
  counts: z.object({ differs: z.int(), ignored: z.int(), own: z.int() }),
  /** Somebody wants it as it is declared, and it is not yet. */
  reverting: z.object({ by: z.string(), at: z.iso.datetime() }).optional(),
});
export type Consistency = z.infer<typeof ConsistencySchema>;

/** Instances are asked: so many at a time. */
export const CONSISTENCY_PAGE_MAX = 100;
export const ConsistencyListQuerySchema = ListQuerySchema.pick({ labelSelector: true, fieldSelector: true, cursor: true }).extend({
  limit: z.coerce.number().int().min(1).max(CONSISTENCY_PAGE_MAX).default(50),
});
/** With the first few differences of each. */
export const ConsistencyPageSchema = z.object({ items: z.array(ConsistencySchema), nextCursor: z.string().optional() });
