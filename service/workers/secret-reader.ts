import type { Logger } from "pino";
import { type ReadSecretDependencies, readSecret } from "../application/configs/read-secret.ts";
import { type Loop, startLoop } from "./loop.ts";

const IDLE_MS = 2_000;
const AT_A_TIME = 20;
/** Longer than any source is waited for: after that another replica reads it. */
const CLAIM_SECONDS = 60;

/** Reads the sources of secrets when they are due: each is one replica's at a time. */
export function startSecretReader({ log, ...deps }: ReadSecretDependencies & { readonly log: Logger }): Loop {
  const turn = async () => {
    const claimed = await deps.transactions.platform((tx) => tx.work.claimSecrets(AT_A_TIME, CLAIM_SECONDS));
    await Promise.all(
      claimed.map(({ tenant, id }) =>
        readSecret(tenant, id, deps).catch((err: unknown) =>
          log.warn({ err, tenantId: tenant.id, secret: id }, "a secret's source could not be read"),
        ),
      ),
    );
    return claimed.length === AT_A_TIME;
  };
  return startLoop("secret-reader", IDLE_MS, turn, log);
}
