import type { LettingGo } from "../../domain/change.ts";
import { rulesAt } from "../../domain/runtimes/runtimes.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { everyOf } from "../resources/pages.ts";
import { invalid } from "../resources/refusals.ts";

/** Whether nothing can be ended on a cluster: it does not answer, or is not known any more. One that was not asked yet is not lost. */
export async function isLost(tx: PlatformTransaction, cluster: string): Promise<boolean> {
  if (rulesAt(cluster).isBesideControlPlane) {
    return false;
  }
  const known = await tx.clusters.find(cluster);
  return known === undefined || known.state.reachable === false;
}

/** @throws {ClawError} `request.invalid` for a cluster whose instances can be ended */
export async function assertLost(tx: PlatformTransaction, cluster: string): Promise<void> {
  if (!(await isLost(tx, cluster))) {
    throw invalid("forget", `'${cluster}' is not known to be out of reach, so what is there can be ended`, "leave 'forget' out");
  }
}

/** What is on a cluster is destroyed when that is let go of; what was moved away from it begins where it goes to. */
export async function* lettingGoOf(tx: PlatformTransaction, cluster: string): AsyncIterable<LettingGo & { readonly tenant: string }> {
  for await (const { tenant, instance: name } of everyOf((page) => tx.clusters.users(cluster, page))) {
    yield { action: "let-go", kind: "ClawInstance", name, tenant, cluster };
  }
}
