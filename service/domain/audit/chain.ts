import {
  type AuditHead,
  type AuditRecord,
  AuditResult,
  auditHeadText,
  type PLATFORM_CHAIN,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import type { Actor } from "../access/actor.ts";
import { digestOf } from "../digest.ts";
import { shortText } from "./audited-diff.ts";

/** A tenant's chain of records, or the platform's. */
export type ChainId = TenantId | typeof PLATFORM_CHAIN;

/** The hash before the first record. */
export const GENESIS = "0".repeat(64);

/** The record that the platform's chain has of each one's beginning, its own among them. */
export const OPENED = "audit.open";

/** The record that the service itself makes where a chain's end is not as it was signed. */
export const BROKEN = "audit.broken";

/** The record that says which ones before it were removed for their age. */
export const REMOVED = "audit.remove";

/** The platform's record that a chain began, told again where the one that said so was removed. */
export const CARRIED = "audit.carry";

/** What somebody did, before it has its place in a chain. */
export type AuditEntry = Omit<AuditRecord, "sequence" | "hash">;

/** What has to be said of something that was done; the rest says itself. */
export type Told = Pick<AuditEntry, "time" | "action"> &
  Partial<Omit<AuditEntry, "actor" | "from" | "resource">> & {
    readonly by: Pick<Actor, "subject" | "from">;
    readonly resource?: {
      readonly kind: string;
      readonly name: string;
      readonly uid?: string | undefined;
      readonly tenant?: string | undefined;
    };
  };

/** A record to be: its texts cleaned and cut, whoever gave them. */
export function entryOf({ time, by, action, resource, result = AuditResult.Success, diff = [], details = {}, ...rest }: Told): AuditEntry {
  return {
    time,
    actor: shortText(by.subject, 512),
    action,
    ...(resource && { resource: texts(resource, 256) as AuditEntry["resource"] }),
    result,
    ...rest,
    from: texts(by.from ?? {}, 256),
    diff,
    details: texts(details, 512),
  };
}

function texts<T extends object>(values: T, max: number): T {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([key, value]) => [key, shortText(String(value), max)])) as T;
}

/** Where a chain is, before that is signed. */
export type UnsignedHead = Omit<AuditHead, "signature">;

/** A record's hash. */
export function hashOf(previous: string, record: Omit<AuditRecord, "hash">): string {
  return digestOf([previous, record]);
}

/** The head of a chain that has no record yet. */
export function emptyHead(chain: string, time: string, opened: number): UnsignedHead {
  return { chain, start: { sequence: 0, hash: GENESIS }, sequence: 0, hash: GENESIS, time, opened };
}

/** A chain with more records at its end. */
export function extended(
  head: UnsignedHead,
  entries: readonly AuditEntry[],
  now: string,
): { readonly head: UnsignedHead; readonly records: readonly AuditRecord[] } {
  const records: AuditRecord[] = [];
  let { sequence, hash } = head;
  for (const entry of entries) {
    sequence += 1;
    const record = { sequence, ...entry };
    hash = hashOf(hash, record);
    records.push({ ...record, hash });
  }
  return { head: { ...head, sequence, hash, time: now }, records };
}

interface Verifier {
  verify(text: string, signature: string): boolean;
}

/** What is wrong with a head by itself. */
export function headFault(head: AuditHead, signer: Verifier): string | undefined {
  return signer.verify(auditHeadText(head), head.signature) ? undefined : "the head of the chain is not as it was signed";
}

/** As far as a chain is whole. */
export interface Position {
  readonly sequence: number;
  readonly hash: string;
}

/** What is wrong with records that are to follow a position; where they end when nothing is. */
export function follow(
  from: Position,
  records: readonly AuditRecord[],
): Position | { readonly sequence: number; readonly message: string } {
  let { sequence, hash } = from;
  for (const { hash: stored, ...record } of records) {
    if (record.sequence !== sequence + 1) {
      return { sequence: sequence + 1, message: `record ${sequence + 1} is missing: after ${sequence} comes ${record.sequence}` };
    }
    if (hashOf(hash, record) !== stored) {
      return { sequence: record.sequence, message: `record ${record.sequence} is not what was written, or not where it was` };
    }
    sequence = record.sequence;
    hash = stored;
  }
  return { sequence, hash };
}
