import { z } from "zod";

export const PropertyDiffSchema = z.object({
  /** Dotted path in the manifest or the resource's inputs. */
  path: z.string(),
  kind: z.enum(["add", "delete", "update"]),
  /** JSON text; `[secret]` for secrets. */
  before: z.string().optional(),
  after: z.string().optional(),
  /** Whether this property forces a replacement. */
  replaces: z.boolean().optional(),
});
export type PropertyDiff = z.infer<typeof PropertyDiffSchema>;

export const FileDiffSchema = z.object({
  path: z.string(),
  /** Unified diff text, secrets masked; empty when the file is unchanged. */
  diff: z.string(),
});
export type FileDiff = z.infer<typeof FileDiffSchema>;
