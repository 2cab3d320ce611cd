import { AuditResult, type ErrorCode, type TenantId } from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";

/** Somebody comes in, or goes. */
export interface SignIn {
  readonly by: Pick<Actor, "subject" | "from">;
  readonly time: string;
  readonly action: "sign-in" | "sign-out";
  /** By which way: a browser, a device's code, a provider's name. Never a credential. */
  readonly details: Readonly<Record<string, string>>;
  /** Tenants where they have something to say, and whose log says so too. */
  readonly tenants: readonly TenantId[];
  /** Why they did not get in. Whoever calls bounds how often that is told. */
  readonly refused?: ErrorCode;
}

/** Logs that are told of one sign-in beside the platform's. */
const TENANTS_MAX = 16;

/** Puts a sign-in on record, in the transaction of the session that it makes. */
export async function recordSignIn(tx: PlatformTransaction, { by, time, action, details, tenants, refused }: SignIn): Promise<void> {
  const entry = entryOf({
    ...{ time, by, action: `auth.${action}`, details: { ...details } },
    ...(refused && { result: AuditResult.Refused, reason: refused }),
  });
  tx.audit.append(entry);
  for (const id of tenants.slice(0, TENANTS_MAX)) {
    (await tx.enter(id)).audit.append(entry);
  }
}
