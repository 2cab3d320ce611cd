import type { Logger } from "pino";
import type { Transactions } from "../application/ports/transactions.ts";
import { type Loop, startLoop } from "./loop.ts";

const IDLE_MS = 10_000;

/** Says where the other replicas reach this one, for as long as it is there. */
export function startReplicaTeller({
  url,
  transactions,
  log,
}: {
  readonly url: string;
  readonly transactions: Transactions;
  readonly log: Logger;
}): Loop {
  const turn = async () => {
    await transactions.platform((tx) => tx.replicas.tell(url));
    return false;
  };
  const loop = startLoop("replica-teller", IDLE_MS, turn, log);
  return {
    ...loop,
    async stop() {
      await loop.stop();
      await transactions
        .platform((tx) => tx.replicas.leave(url))
        .catch((err: unknown) => log.warn({ err }, "others will ask here in vain for a while"));
    },
  };
}
