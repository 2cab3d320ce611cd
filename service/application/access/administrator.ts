import { ClawError, PERMISSIONS } from "../../../sdk/contract/index.ts";
import { CONTROL_PLANE } from "../../domain/access/actor.ts";
import { digestToken } from "../../domain/access/tokens.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { PlatformTransaction, Transactions } from "../ports/transactions.ts";
import type { RequestContext } from "../resources/route-handlers.ts";

/** Whose the administrator's token is, as records name it. */
const ADMINISTRATOR = "admin";

/** Derived, so that every replica and the host know it and it is kept nowhere. */
function tokenOf(cipher: SecretCipher, generation: number): string {
  return cipher.derive(generation === 0 ? "admin-token" : `admin-token ${generation}`);
}

/** The administrator's token at a start. */
export interface StartToken {
  /** Undefined once it is retired. */
  readonly token: string | undefined;
  /** Whether it was made just now: it is shown this once. */
  readonly isNew: boolean;
}

/** Lets in who holds the administrator's token, unless that has been retired. @param given by the settings, in the place of one of our own */
export async function admitAdministrator(tx: PlatformTransaction, cipher: SecretCipher, given: string | undefined): Promise<StartToken> {
  const known = await tx.access.lockAdministrator();
  const token = given ?? tokenOf(cipher, known.generation);
  const digest = digestToken(token);
  if (known.retired && known.digest === digest) {
    return { token: undefined, isNew: false };
  }
  await tx.access.setAdministrator({ generation: known.generation, digest, retired: false }, ADMINISTRATOR);
  return { token, isNew: given === undefined && known.digest === undefined };
}

/** Makes another token in the place of one that is lost, known to others or retired. The former is refused at once. */
export function resetAdministrator(transactions: Transactions, cipher: SecretCipher): Promise<string> {
  return transactions.platform(async (tx) => {
    const generation = (await tx.access.lockAdministrator()).generation + 1;
    const token = tokenOf(cipher, generation);
    await tx.access.setAdministrator({ generation, digest: digestToken(token), retired: false }, ADMINISTRATOR);
    // Whoever has the host and the service's settings: who that is nothing here knows.
    const details = { by: "claw-server token reset" };
    tx.audit.append(entryOf({ time: new Date().toISOString(), by: CONTROL_PLANE, action: "administrator.reset", details }));
    return token;
  });
}

/**
 * Refuses the administrator's token from now on. Only somebody else may ask for it who may do everything: that they could ask shows that the
 * platform is not locked.
 */
export function retireAdministrator({ actor }: RequestContext, transactions: Transactions): Promise<undefined> {
  const mayDoAll = PERMISSIONS.every((permission) => actor.grants.platform.has(permission));
  if (actor.keys.length === 0 || !mayDoAll) {
    throw new ClawError(
      "token.still_needed",
      `'${actor.subject}' can't retire the administrator's token: somebody who is platform-admin by a role binding has to, for then nobody is locked out`,
    );
  }
  return transactions.platform(async (tx) => {
    const { generation, digest } = await tx.access.lockAdministrator();
    if (digest !== undefined) {
      await tx.access.setAdministrator({ generation, digest, retired: true }, ADMINISTRATOR);
      tx.audit.append(entryOf({ time: new Date().toISOString(), by: actor, action: "administrator.retire" }));
    }
    return undefined;
  });
}
