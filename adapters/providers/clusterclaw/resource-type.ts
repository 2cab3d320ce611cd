import type { z } from "zod";
import type { PropertyMap } from "../../engine/contract/values.ts";

export interface CallOptions {
  readonly signal: AbortSignal | undefined;
}

/** One resource type of the package. Every call may be repeated after a crash: it adopts what is there. */
export interface ResourceType<I = unknown> {
  readonly schema: z.ZodType<I>;
  /** Inputs whose change makes it another resource. */
  readonly replaceOn: readonly string[];
  /** Input → another that differs whenever it does, and is told of instead: one change is shown once. */
  readonly toldBy?: Readonly<Record<string, string>>;
  /** Whether the old one must be gone before the new one is made. */
  readonly deleteBeforeReplace: boolean;
  /** The id that a creation with these inputs, all of them known, gives. */
  idOf(inputs: PropertyMap): string;
  /** The outputs as far as they follow from the inputs, which may hold unknowns: what a preview shows. */
  plan(inputs: PropertyMap): PropertyMap;
  create(inputs: I, options: CallOptions): Promise<PropertyMap>;
  /** What is really there; undefined when it is gone. */
  read(inputs: I): Promise<{ inputs: PropertyMap; outputs: PropertyMap } | undefined>;
  update(olds: I, news: I, options: CallOptions): Promise<PropertyMap>;
  delete(inputs: I, options: CallOptions): Promise<void>;
}
