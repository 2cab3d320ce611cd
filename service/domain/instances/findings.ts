import type { ConfigDifference } from "../../../sdk/contract/index.ts";

/** A difference as it is kept: what it takes to adopt it is with it, and whether it is ignored is not. */
export type FoundDifference = Omit<ConfigDifference, "state" | "ignoredUntil"> & {
  /** What stands in the file, of what is not secret and not too large; absent also where nothing stands there. */
  readonly value?: unknown;
  readonly isRemoved?: true;
};

/** What a claw was found to be configured with, against what its agent has stored. */
export interface Findings {
  readonly checkedAt: string;
  /** Of the agent's status: which files this is about, and what was stored. */
  readonly disk: string;
  readonly stored: string;
  readonly live: "applied" | "pending" | "refused" | "unknown" | "none";
  readonly files: readonly { readonly path: string; readonly changedAt?: string | undefined; readonly by?: string | undefined }[];
  readonly differences: readonly FoundDifference[];
  /** Differences that are not among them: there are too many. */
  readonly more: number;
  /** When it is to be looked at again though its files have not changed. */
  readonly again?: string | undefined;
  /** Who wants it as it is declared, since when. */
  readonly revert?: { readonly by: string; readonly at: string } | undefined;
}
