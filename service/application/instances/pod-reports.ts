import type { InstanceId, TenantId } from "../../../sdk/contract/index.ts";
import { afterPodReport } from "../../domain/instances/phase.ts";
import { inWordsOf, type PodReport } from "../../domain/instances/pod.ts";
import type { ClawTypes } from "../ports/instances/claw-adapter.ts";
import type { TenantTransaction, Transactions } from "../ports/transactions.ts";
import { recordStates } from "./report-status.ts";

interface PodReportDependencies {
  readonly transactions: Transactions;
  readonly types: ClawTypes;
  readonly clock: () => Date;
}

/** Writes what a cluster shows of an instance's pod; of one that is on its way to or from another cluster that one tells. */
export function createPodReports({ transactions, types, clock }: PodReportDependencies) {
  const inWordsOfItsType = async (tx: TenantTransaction, id: InstanceId, pod: PodReport) => {
    const instance = await tx.instances.find(id);
    return inWordsOf(instance && (await types.find(instance.spec.type, tx))?.exitCodes, pod);
  };
  return (tenantId: TenantId, id: InstanceId, cluster: string, pod: PodReport | undefined): Promise<void> => {
    const now = clock().toISOString();
    return transactions.tenant(tenantId, async (tx) => {
      const told = pod?.exit ? await inWordsOfItsType(tx, id, pod) : pod;
      await recordStates(
        tx,
        [id],
        (instance) => ((instance.movedFrom ?? instance.cluster) === cluster ? afterPodReport(instance, told, now) : instance.status),
        now,
      );
    });
  };
}
