import { AuditResult } from "../../../sdk/contract/index.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import type { NoteRefusal, Refused } from "../../domain/audit/refused.ts";
import type { Tallies } from "../../domain/tallies.ts";
import type { Transactions } from "../ports/transactions.ts";

/** Refusals of the same thing are told together for so long. */
const TOGETHER_MS = 5 * 60_000;
/** Repetitions are told sooner where there are so many, ten times as many, and so on: most of a flood is on record whatever becomes of a replica. */
const FLOOD = 10;
/** Things that one subject is refused meanwhile whose names are told; beyond them the action alone is. */
const NAMED_MAX = 32;
/** Things of one subject, of all service accounts of a tenant, and of all, that are told apart at all: who makes accounts takes no room from other tenants. */
const PER_SUBJECT_MAX = 128;
const PER_TENANT_MAX = 512;
const KEPT_MAX = 10_000;

export interface RefusalDependencies {
  readonly transactions: Transactions;
  readonly clock: () => Date;
  readonly tallies: Pick<Tallies, "count">;
}

interface Kept {
  readonly refused: Refused;
  readonly since: number;
  /** How often again, and how much of that is on record by now. */
  more: number;
  told: number;
}

/**
 * Puts on record what people are refused: the first time at once, and how often again when five minutes are over, and at ten, a hundred, a thousand
 * repetitions. So a loop of refusals comes to a handful of records in that time at each replica, and one that is killed loses what it counted since:
 * of more than ten repetitions nine tenths at most, and never the first.
 */
export class Refusals implements NoteRefusal {
  readonly #deps: RefusalDependencies;
  readonly #kept = new Map<string, Kept>();
  readonly #things = new Map<string, number>();

  constructor(deps: RefusalDependencies) {
    this.#deps = deps;
  }

  async note(asked: Refused): Promise<void> {
    this.#deps.tallies.count("claw_audit_refusals_total", { reason: asked.reason });
    const [things = 0, ofTenant = 0] = ownersOf(asked).map((owner) => this.#things.get(owner));
    const nameless = { ...asked, resource: undefined };
    const known = this.#kept.get(keyOf(asked)) ?? this.#kept.get(keyOf(nameless));
    if (known) {
      known.more += 1;
      await (isRound(known.more) ? this.#tellSooner(known) : undefined);
      return;
    }
    if (things >= PER_SUBJECT_MAX || ofTenant >= PER_TENANT_MAX || this.#kept.size >= KEPT_MAX) {
      return;
    }
    const refused = things < NAMED_MAX ? asked : nameless;
    const kept = { refused, since: this.#deps.clock().getTime(), more: 0, told: 0 };
    this.#keep(kept);
    try {
      await this.#write([kept]);
    } catch (error) {
      this.#forget(kept);
      throw error;
    }
  }

  /** Tells how often again, where that is due. @param isLast of all, whether it is or not */
  async tell(isLast = false): Promise<void> {
    const now = this.#deps.clock().getTime();
    const over = [...this.#kept.values()].filter(({ since }) => isLast || now - since >= TOGETHER_MS);
    for (const kept of over) {
      this.#forget(kept);
    }
    try {
      await this.#write(
        over.filter(({ more, told }) => more > told),
        now,
      );
    } catch (error) {
      for (const kept of over) {
        this.#keep(kept);
      }
      throw error;
    }
  }

  #keep(kept: Kept): void {
    const key = keyOf(kept.refused);
    const meanwhile = this.#kept.get(key);
    if (!meanwhile) {
      for (const owner of ownersOf(kept.refused)) {
        this.#things.set(owner, (this.#things.get(owner) ?? 0) + 1);
      }
    }
    this.#kept.set(key, { ...kept, more: kept.more + (meanwhile?.more ?? 0), told: kept.told + (meanwhile?.told ?? 0) });
  }

  async #tellSooner(kept: Kept): Promise<void> {
    const { more, told } = kept;
    kept.told = more;
    try {
      await this.#write([{ ...kept, more, told }], this.#deps.clock().getTime());
    } catch (error) {
      kept.told = told;
      throw error;
    }
  }

  #forget({ refused }: Kept): void {
    if (!this.#kept.delete(keyOf(refused))) {
      return;
    }
    for (const owner of ownersOf(refused)) {
      const left = (this.#things.get(owner) ?? 0) - 1;
      if (left > 0) {
        this.#things.set(owner, left);
      } else {
        this.#things.delete(owner);
      }
    }
  }

  async #write(told: readonly Kept[], now?: number): Promise<void> {
    if (told.length === 0) {
      return;
    }
    await this.#deps.transactions.platform(async (tx) => {
      for (const { refused, since, more, told: before } of told) {
        const { actor, tenant, action, permission, reason, resource } = refused;
        const entry = entryOf({
          time: new Date(now ?? since).toISOString(),
          by: actor,
          action,
          ...(resource && { resource: { ...resource, tenant: tenant?.name } }),
          result: AuditResult.Refused,
          reason,
          ...(now !== undefined && { count: more - before }),
          details: { ...(permission && { permission }), ...(now !== undefined && { since: new Date(since).toISOString() }) },
        });
        (tenant ? (await tx.enter(tenant.id)).audit : tx.audit).append(entry);
      }
    });
  }
}

function isRound(count: number): boolean {
  return count >= FLOOD && Number.isInteger(Math.log10(count));
}

/** Whose things are counted: the subject's, and those of the tenant that it is of. */
function ownersOf({ actor: { subject, tenantId } }: Refused): string[] {
  return [`subject ${subject}`, ...(tenantId === undefined ? [] : [`tenant ${tenantId}`])];
}

function keyOf({ actor, tenant, action, permission, reason, resource }: Refused): string {
  return JSON.stringify([actor.subject, tenant?.id, action, permission, reason, resource?.kind, resource?.name]);
}
