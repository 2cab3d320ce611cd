import { newId, type SecretId } from "../../../sdk/contract/index.ts";
import { CONTROL_PLANE } from "../../domain/access/actor.ts";
import { isSealed } from "../../domain/sealed.ts";
import { afterReading } from "../../domain/secrets/secret.ts";
import type { Tallies } from "../../domain/tallies.ts";
import type { Tenant } from "../../domain/tenancy/tenant.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { SecretSources } from "../ports/secrets/secret-sources.ts";
import type { Transactions } from "../ports/transactions.ts";
import { reviseUsers } from "./secret-users.ts";

export interface ReadSecretDependencies {
  readonly transactions: Transactions;
  readonly cipher: SecretCipher;
  readonly sources: SecretSources;
  readonly clock: () => Date;
  readonly tallies: Pick<Tallies, "count">;
  /** The reconciler looks at once. */
  readonly wake: () => void;
}

/** After a failure a source is asked sooner than it would be, and never more often than it was asked for. */
const RETRY_SECONDS = 60;

/**
 * Reads a secret's source, and has those reconciled who use it when that gives another value. What can't be read keeps the value that it had. Safe to repeat, and
 * to be killed at: what was read is written with what follows from it, or not at all.
 */
export async function readSecret(home: Pick<Tenant, "id" | "name">, id: SecretId, deps: ReadSecretDependencies): Promise<void> {
  const { transactions, cipher, sources, clock } = deps;
  const secret = await transactions.tenant(home.id, (tx) => tx.secrets.find(id));
  if (!secret?.spec.source) {
    return;
  }
  const given = await sources.read(secret.spec.source, home.name);
  const [source = ""] = Object.keys(secret.spec.source);
  deps.tallies.count("claw_secret_reads_total", { source, result: "value" in given ? "ok" : given.reason });
  const isRevised = await transactions.platform(async (tx) => {
    const scope = await tx.enter(home.id);
    const current = await scope.secrets.find(id);
    if (current?.resourceVersion !== secret.resourceVersion) {
      return false;
    }
    const now = clock().toISOString();
    const known = current.state.value;
    const isSame = "value" in given && isSealed(known) && cipher.decrypt(known.$sealed) === JSON.stringify(given.value);
    const sealed = (value: string) => (isSame && known ? known : { $sealed: cipher.encrypt(JSON.stringify(value)) });
    const state = afterReading(current.state, "value" in given ? { value: sealed(given.value) } : given, now);
    const { refreshSeconds } = current.spec;
    const isWritten = await scope.secrets.updateState(
      current,
      state,
      "value" in given ? refreshSeconds : Math.min(refreshSeconds, RETRY_SECONDS),
    );
    if (!isWritten || !("value" in given) || isSame) {
      return false;
    }
    await reviseUsers(tx, current, home, now, CONTROL_PLANE.subject);
    const data = { uid: current.id, name: current.name, tenant: home.name };
    await (await tx.enter(home.id)).publish({ id: newId("evt"), event: "secret.changed", time: now, data });
    return true;
  });
  if (isRevised) {
    deps.wake();
  }
}
