import type { Logger } from "pino";
import { type InstanceId, LOCAL_CLUSTER } from "../../sdk/contract/index.ts";
import type { UsageSample } from "../application/ports/instances/agents.ts";
import type { Runtimes } from "../application/ports/runtimes/runtime.ts";
import type { Transactions } from "../application/ports/transactions.ts";
import { type Loop, startLoop } from "./loop.ts";

/** How often this host is asked, and samples are written, all that came in one statement. */
const FLUSH_MS = 5_000;

export interface UsageRecorder extends Loop {
  /** Takes what was measured. */
  note(samples: readonly UsageSample[]): void;
}

export interface UsageRecorderDependencies {
  readonly transactions: Transactions;
  readonly runtimes: Runtimes;
  readonly log: Logger;
}

/** Keeps the newest sample of what each instance takes. A sample is no change: nothing is published, and no version moves. */
export function startUsageRecorder({ transactions, runtimes, log }: UsageRecorderDependencies): UsageRecorder {
  const newest = new Map<InstanceId, UsageSample>();
  const note = (samples: readonly UsageSample[]) => {
    for (const sample of samples) {
      newest.set(sample.instance, sample);
    }
  };
  const record = async (batch: readonly UsageSample[]): Promise<void> => {
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
      note(await runtimes.at(LOCAL_CLUSTER).usage(undefined));
      const batch = [...newest.values()];
      newest.clear();
      if (batch.length > 0) {
        await record(batch);
      }
      return false;
    },
    log,
  );
  return { ...loop, note };
}
