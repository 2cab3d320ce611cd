import type { Visit, VisitId } from "../../../domain/instances/visit.ts";

/** Browsers at instances' own origins. One that has ended is there no more. */
export interface VisitRepository {
  /** @param ticketDigest SHA-256, hex, of what the link brings */
  insert(visit: Visit, ticketDigest: string): Promise<void>;
  /** Begins the visit that a link is for, once: the ticket is spent. @param since links of before are not good any more */
  begin(begun: {
    readonly ticketDigest: string;
    readonly label: string;
    readonly keyDigest: string;
    readonly now: string;
    readonly since: string;
  }): Promise<Visit | undefined>;
  /** By SHA-256, hex, of what the browser brings with every request. */
  byKey(keyDigest: string, label: string): Promise<Visit | undefined>;
  used(id: VisitId, at: string): Promise<void>;
  /** Ends all but the newest of a subject's, and a bounded number of anybody's that expired. */
  trim(subject: string, keep: number, now: string): Promise<void>;
}
