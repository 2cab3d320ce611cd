import type { Logger } from "pino";
import type { InstanceId, Usage } from "../../sdk/contract/index.ts";
import type { Transactions } from "../application/ports/transactions.ts";
import { type Loop, startLoop } from "./loop.ts";

/** How often samples are written, all that came in one statement. */
const FLUSH_MS = 5_000;

export interface UsageRecorder extends Loop {
  /** Takes what was measured of an instance. */
  note(instance: InstanceId, usage: Usage): void;
}

/** Keeps the newest sample of what each instance takes. A sample is no change: nothing is published, and no version moves. */
export function startUsageRecorder({ transactions, log }: { readonly transactions: Transactions; readonly log: Logger }): UsageRecorder {
  const samples = new Map<InstanceId, Usage>();
  const record = async (batch: readonly (Usage & { readonly instance: InstanceId })[]): Promise<void> => {
    try {
      await transactions.platform((tx) => tx.work.recordUsage(batch));
    } catch (err) {
      const [first] = batch;
      if (batch.length === 1 && first) {
        log.warn({ err, instance: first.instance }, "a sample was not written");
        return;
      }
      // What is wrong with one instance's must not cost the others theirs.
      for (const sample of batch) {
        await record([sample]);
      }
    }
  };
  const loop = startLoop(
    "usage-recorder",
    FLUSH_MS,
    async () => {
      const batch = [...samples].map(([instance, usage]) => ({ instance, ...usage }));
      samples.clear();
      if (batch.length > 0) {
        await record(batch);
      }
      return false;
    },
    log,
  );
  return { ...loop, note: (instance, usage) => void samples.set(instance, usage) };
}
