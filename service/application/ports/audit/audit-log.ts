import type { AuditHead, AuditQuery, AuditRecord } from "../../../../sdk/contract/index.ts";
import type { AuditEntry, ChainId, Position } from "../../../domain/audit/chain.ts";
import type { Page } from "../resources/page.ts";

/** One chain of records: a tenant's, or the platform's. */
export interface AuditLog {
  /** Puts it on record when the transaction commits, and only then: as the last thing that is written in it, in the order of commits. */
  append(entry: AuditEntry): void;
  list(query: AuditQuery): Promise<Page<AuditRecord>>;
  head(): Promise<AuditHead | undefined>;
  /** Those after a sequence, as they are stored. */
  following(sequence: number, limit: number): Promise<readonly AuditRecord[]>;
}

/** All chains. */
export interface AuditChains {
  /** Any tenant's, whether there is that tenant or not. */
  of(chain: string): Pick<AuditLog, "list" | "head" | "following">;
  /** Sequences of the platform's records that say that a chain was begun, or said so before they were removed. */
  openings(chain: string): Promise<readonly number[]>;
  /** Ids of chains that there are, and of those that the platform's says have been begun, in their order. */
  list(limit: number, cursor?: string): Promise<Page<{ readonly chain: string; readonly sequence?: number; readonly time?: string }>>;
  /**
   * The first chain behind another whose oldest record is to be removed, for longer than a day. @param days how long records are kept of the platform, and of
   * tenants that are no more; for ever when undefined
   */
  findOld(after: string, now: string, days: number | undefined): Promise<{ readonly chain: ChainId; readonly days: number } | undefined>;
  /** Nobody else writes to it until the transaction ends. */
  lock(chain: ChainId): Promise<void>;
  /** Removes all up to a record when the transaction commits. @param entries what is put on record of it, {@link REMOVED} last */
  remove(chain: ChainId, upTo: Position, entries: readonly AuditEntry[]): void;
}
