import type { BoundaryChange, PreviewItem, Verdict } from "../../../sdk/contract/index.ts";
import type { PlannedChange } from "../../domain/change.ts";
import type { ConfigIssue } from "../../domain/configs/resolve-config.ts";
import type { Hold } from "../../domain/room.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import type { Stamp, Written } from "./kind.ts";

/**
 * What changes mean beyond the resources that they name: in instances that they touch. Looked at before they are made, worked out inside
 * their transaction, shown outside it.
 */
export interface Consequences {
  observe(tx: PlatformTransaction, changes: readonly PlannedChange[], purpose: Purpose): Promise<Observation>;
}

/** What is only written is told apart by digests: of a fleet, what its instances resolve to is kept where it is to be shown, in the room that there is for it. */
export type Purpose = "write" | { readonly show: Pick<Hold, "take"> };

/** What stood before changes were made. */
export interface Observation {
  /** Once they are made, in the same transaction. */
  compare(tx: PlatformTransaction, written: readonly Written[], stamp: Stamp): Promise<Effects>;
}

/** What changes come to. */
export interface Effects {
  /** Of quota and policies. */
  readonly verdicts: readonly Verdict[];
  /** What must be found out before any of it can be relied on, outside of the transaction; the changes are made anew then. */
  readonly findOut: (() => Promise<void>) | undefined;
  /** What nobody has checked, and why. */
  readonly unchecked: readonly { readonly name: string; readonly why: string }[];
  /** What is wrong with what the changes name, and with what they would break; what is only waited for is `pending`. */
  readonly problems: readonly ConfigIssue[];
  /** How many instances they would break of those that they touch without naming them. */
  readonly broken?: { readonly instances: number; readonly of: number };
  /** Of everything that they touch, as it is resolved. */
  readonly digests: readonly string[];
  /** What has to be known to show them, asked in the same transaction. */
  trace(tx: PlatformTransaction): Promise<Trace>;
}

export interface Trace {
  /** What the effects were computed from, by key: a plan holds while all of it is the same. */
  readonly base: readonly (readonly [key: string, version: string])[];
  /** Asks the engine, of changes that were made to be shown. Outside any transaction. @throws {ClawError} `engine.failed` */
  show(): Promise<Shown>;
}

/** What a preview says of a resource beside its own differences. */
export type ItemEffects = Omit<PreviewItem, "kind" | "name" | "tenant" | "op" | "diffs" | "cut">;

export interface Shown {
  of(written: Written): ItemEffects;
  /** Resources that change though no manifest names them. */
  others(): Promise<readonly PreviewItem[]>;
  readonly boundaries: readonly BoundaryChange[];
}
