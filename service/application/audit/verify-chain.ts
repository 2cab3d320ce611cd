import { type AuditHead, type AuditVerification, ClawError, PLATFORM_CHAIN } from "../../../sdk/contract/index.ts";
import { follow, headFault, OPENED, type Position } from "../../domain/audit/chain.ts";
import type { AuditSigner } from "../ports/audit/audit-signer.ts";
import type { PlatformTransaction, Transactions } from "../ports/transactions.ts";

export interface VerifyDependencies {
  readonly transactions: Transactions;
  readonly auditSigner: AuditSigner;
}

export interface VerifyQuestion {
  readonly chain: string;
  /** Where to go on: what an answer said. */
  readonly from?: string | undefined;
  /** What somebody has kept of it, elsewhere. */
  readonly known?: Position | undefined;
}

const BATCH = 1000;
/** Records that one request looks at: a second or two of work. */
const RECORDS_MAX = 50_000;

class Fault extends Error {
  readonly sequence: number | undefined;

  constructor(message: string, sequence?: number) {
    super(message);
    this.sequence = sequence;
  }
}

/** Looks for the first thing in a chain that is not as it was written. Some records at a time, each batch in a transaction of its own: others go on writing. */
export async function verifyChain(question: VerifyQuestion, deps: VerifyDependencies): Promise<AuditVerification> {
  const { publicKey } = deps.auditSigner;
  let head: AuditHead | undefined;
  let checked = 0;
  const told = () => ({ checked, ...(head && { head, ...unprovenOf(question.known, head) }), publicKey });
  try {
    head = await deps.transactions.platform((tx) => soundHead(tx, question, deps.auditSigner));
    if (!head) {
      return { valid: true, ...told() };
    }
    let at = question.from === undefined ? head.start : positionOf(question.from);
    while (at.sequence < head.sequence && checked < RECORDS_MAX) {
      const limit = Math.min(BATCH, head.sequence - at.sequence);
      const records = await deps.transactions.platform((tx) => tx.auditChains.of(question.chain).following(at.sequence, limit));
      const end = records.length === 0 ? missing(at.sequence + 1) : follow(at, records);
      if ("message" in end) {
        throw new Fault(end.message, end.sequence);
      }
      assertKnown(question.known, [at, ...records, end]);
      checked += records.length;
      at = end;
    }
    if (at.sequence < head.sequence) {
      return { valid: true, ...told(), next: textOf(at) };
    }
    await assertEnd(at, head, question, deps);
    return { valid: true, ...told() };
  } catch (error) {
    if (!(error instanceof Fault)) {
      throw error;
    }
    const { message, sequence } = error;
    return { valid: false, ...told(), fault: { message, ...(sequence !== undefined && { sequence }) } };
  }
}

function missing(sequence: number) {
  return { sequence, message: `record ${sequence} is missing, and all after it: the chain was cut off` };
}

/** The head, once everything that can be said of it without the records holds. Undefined for a chain that never began. @throws {Fault} */
async function soundHead(tx: PlatformTransaction, { chain, known }: VerifyQuestion, signer: AuditSigner): Promise<AuditHead | undefined> {
  const head = await tx.auditChains.of(chain).head();
  const openings = await tx.auditChains.openings(chain);
  if (!head) {
    const [left] = await tx.auditChains.of(chain).following(0, 1);
    if (openings.length > 0 || left || known) {
      throw new Fault("the head of the chain is gone: the chain was deleted, or its end is");
    }
    return undefined;
  }
  const fault = headFault(head, signer) ?? (head.chain === chain ? undefined : "the head is that of another chain");
  if (fault !== undefined) {
    throw new Fault(fault);
  }
  const root = chain === PLATFORM_CHAIN ? head : await tx.auditChains.of(PLATFORM_CHAIN).head();
  if (!root) {
    throw new Fault("the platform's chain, which says when this one began, is gone");
  }
  if (String(openings) !== String([head.opened])) {
    throw new Fault(
      openings.length > 1
        ? `the chain was begun anew by the platform's record ${openings.at(-1)}: the one before was deleted`
        : `the platform's record ${head.opened}, which says that this chain began, is gone (${OPENED})`,
    );
  }
  return head;
}

/** @throws {Fault} when what somebody knew of the chain is not in it any more */
function assertKnown(known: Position | undefined, seen: readonly Position[]): void {
  const found = known && seen.find(({ sequence }) => sequence === known.sequence);
  if (known && found && found.hash !== known.hash) {
    throw new Fault(`record ${known.sequence} is another than the one that was known: the chain was written anew`, known.sequence);
  }
}

/** What was known is of before the chain's start: that it was another chain can't be ruled out, and is no fault either. */
function unprovenOf(known: Position | undefined, { start }: AuditHead): Pick<AuditVerification, "unproven"> {
  if (!known || known.sequence >= start.sequence) {
    return {};
  }
  const message = `record ${known.sequence} was removed by retention, as were all up to ${start.sequence}: what was known of it can't be compared`;
  return { unproven: { sequence: known.sequence, message } };
}

/** That the last record is the one that the head was signed for, and what was known is not beyond it. @throws {Fault} */
async function assertEnd(
  at: Position,
  head: AuditHead,
  { chain, known }: VerifyQuestion,
  { transactions }: VerifyDependencies,
): Promise<void> {
  if (at.hash !== head.hash) {
    throw new Fault(`the chain was written anew: its record ${at.sequence} is not the one that was signed`, at.sequence);
  }
  if (known && known.sequence > head.sequence) {
    throw new Fault(`record ${known.sequence} was known, and the chain ends at ${head.sequence}: it was put back to an earlier state`);
  }
  const { beyond, now } = await transactions.platform(async (tx) => {
    const log = tx.auditChains.of(chain);
    const [record] = await log.following(head.sequence, 1);
    return { beyond: record, now: await log.head() };
  });
  // Others may have written meanwhile, and their head says so.
  if (beyond && (now?.sequence ?? 0) < beyond.sequence) {
    throw new Fault(`record ${beyond.sequence} is beyond the chain's end: it was added, or the head was put back`, beyond.sequence);
  }
}

function textOf({ sequence, hash }: Position): string {
  return `${sequence}.${hash}`;
}

function positionOf(text: string): Position {
  const [, sequence, hash] = /^(\d{1,15})\.([0-9a-f]{64})$/.exec(text) ?? [];
  if (sequence === undefined || hash === undefined) {
    const message = "this is not where a verification can go on";
    throw new ClawError("request.invalid", message, { issues: [{ path: "from", message, fix: "start again without it" }] });
  }
  return { sequence: Number(sequence), hash };
}
