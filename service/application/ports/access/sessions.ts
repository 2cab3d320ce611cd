import type { SessionId } from "../../../../sdk/contract/index.ts";
import type { SessionRow } from "../../../domain/access/session.ts";

/** The sessions of all people, which are of no tenant. One that is ended is there no more. */
export interface SessionRepository {
  insert(session: SessionRow, keyDigest: string): Promise<void>;
  /** By SHA-256, hex, of what goes with requests. */
  byKey(keyDigest: string): Promise<SessionRow | undefined>;
  find(id: SessionId): Promise<SessionRow | undefined>;
  /** Held until the transaction ends. Not one whose token holds no more. */
  lock(id: SessionId, now: string): Promise<SessionRow | undefined>;
  /** Those of one subject, used last first, without those whose token holds no more: another may have the name since. */
  of(subject: string, limit: number, now: string): Promise<readonly SessionRow[]>;
  used(id: SessionId, at: string): Promise<void>;
  renewed(id: SessionId, renewed: { readonly rotation: number; readonly at: string; readonly keyDigest: string }): Promise<void>;
  end(id: SessionId): Promise<void>;
  /**
   * Ends all but the newest of a subject's, those whose token holds no more, and a bounded number of anybody's that expired. Others that would do so for
   * this subject wait until the transaction ends. @returns those that had not expired
   */
  trim(subject: string, keep: number, now: string): Promise<readonly SessionRow[]>;
}
