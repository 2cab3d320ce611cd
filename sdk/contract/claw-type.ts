import { z } from "zod";
import { JsonValueSchema } from "./bounds.ts";

/** What claws of some types can do and those of others can't, and what it is. */
export const capabilities = {
  "hot-reload": "a running claw takes over a changed configuration without a restart",
  health: "it says when it has started, is ready and lives",
  chat: "it can be talked to",
  usage: "it says how many tokens a turn took",
  drain: "it is given time to end what it is at before it is stopped",
  console: "a terminal can be opened inside it",
  "config-check": "it says whether it uses the configuration that was declared",
  channels: "it says which of its channels work",
  skills: "it has skills, which policies can allow",
  plugins: "it has plugins, which are installed with it",
  upgrade: "its version can be changed",
} as const satisfies Record<string, string>;
export type CapabilityName = keyof typeof capabilities;
export const CAPABILITIES = Object.keys(capabilities) as [CapabilityName, ...CapabilityName[]];

const ClawTypeSummarySchema = z.object({ type: z.string(), adapter: z.string(), version: z.string(), description: z.string() });

/** Claw types and the versions that they are pinned to. */
export const ClawTypeListSchema = z.object({ items: z.array(ClawTypeSummarySchema) });

export const ClawTypeDescriptionSchema = ClawTypeSummarySchema.extend({
  /** Every capability that there is: what a type can't do is told as well. */
  capabilities: z.array(
    z.object({
      name: z.enum(CAPABILITIES),
      supported: z.boolean(),
      /** How it does it, or what it can't. */
      detail: z.string(),
      /** Of `hot-reload`: keys of the configuration that need no restart. */
      keys: z.array(z.string()).optional(),
    }),
  ),
  /** Keys of the configuration that need no template, with the value that each has unless somebody gives one. */
  defaults: z.record(z.string(), JsonValueSchema),
  /** Keys whose values are secret; `*` stands for one segment. */
  secretKeys: z.array(z.string()),
  /** Keys that platform administrators alone set. */
  platformKeys: z.array(z.string()),
});
export type ClawTypeDescription = z.infer<typeof ClawTypeDescriptionSchema>;
