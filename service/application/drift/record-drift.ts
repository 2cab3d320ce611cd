import { ConditionReason, ConditionType, type Drift, EventReason, EventType, newId } from "../../../sdk/contract/index.ts";
import { digestOf } from "../../domain/digest.ts";
import { withCondition } from "../../domain/instances/conditions.ts";
import type { Instance, InstanceMark, InstanceState } from "../../domain/instances/instance.ts";
import { isSettled } from "../../domain/instances/phase.ts";
import { recordEvent } from "../instances/report-status.ts";
import type { DeclaredOf, DeclaredResource, Deviation, SeenObject } from "../ports/clusters/clusters.ts";
import type { TenantTransaction, Transactions } from "../ports/transactions.ts";
import { pagesOf } from "../resources/pages.ts";

export interface DriftDependencies {
  readonly transactions: Transactions;
  readonly clock: () => Date;
  /** What the stack of a tenant's instances on a cluster holds. */
  readonly declared: DeclaredOf;
}

/** Instances that an object is part of: one, or all of its tenant on the cluster. */
export async function instancesOf(tx: TenantTransaction, cluster: string, { uid }: SeenObject): Promise<readonly InstanceMark[]> {
  const found = uid === undefined ? await marksOn(tx, cluster) : [await tx.instances.find(uid)];
  return found.filter((instance) => instance !== undefined).filter((instance) => instance.cluster === cluster);
}

/** A few bytes of each that is on a cluster, or has not left it yet. */
export async function marksOn(tx: TenantTransaction, cluster: string): Promise<readonly InstanceMark[]> {
  const marks: InstanceMark[] = [];
  for await (const page of pagesOf((query) => tx.instances.listMarks({ cluster }, query))) {
    marks.push(...page);
  }
  return marks;
}

/** While an operation is due or under way, what is seen may be its own doing. */
export function isUnderWay(instance: InstanceMark): boolean {
  return !isSettled(instance);
}

/**
 * Writes that somebody changed what was declared, or that it is as declared again: a condition, an event for people, one for the bus. By
 * the instance's policy it is due to be repaired. @returns what the policy says that follows, once this is committed
 */
export async function recordDrift(
  tx: TenantTransaction,
  instance: Instance,
  resource: Pick<DeclaredResource, "urn" | "type" | "id">,
  deviation: Deviation | undefined,
  now: string,
): Promise<"repair" | "adopt" | undefined> {
  const drift: Drift | undefined = deviation && {
    urn: resource.urn,
    resource: `${resource.type.split(":").slice(1).join("/")} ${resource.id}`,
    ...deviation,
    detectedAt: now,
  };
  let isNew = false;
  await tx.instances.updateStatus(instance.id, ({ status }) => {
    const others = status.drift.filter(({ urn }) => urn !== resource.urn);
    const before = status.drift.find(({ urn }) => urn === resource.urn);
    const { notAdopted: _, ...known } = before ?? {};
    isNew = drift !== undefined && digestOf({ ...known, detectedAt: "" }) !== digestOf({ ...drift, detectedAt: "" });
    return !isNew && drift ? status : withDrift(status, drift ? [...others, drift] : others, now);
  });
  const { drift: policy } = instance.spec;
  if (!isNew || !drift) {
    // What is adopted goes away: what is there still is tried again.
    return drift && policy === "adopt" ? "adopt" : undefined;
  }
  const { id, name } = instance;
  await recordEvent(tx, id, { type: EventType.Warning, reason: EventReason.Drifted, message: summaryOf(drift) }, now);
  const { detectedAt: _, ...data } = drift;
  await tx.publish({ id: newId("evt"), event: "instance.drifted", time: now, data: { uid: id, name, ...data } });
  if (policy !== "repair") {
    return policy === "adopt" ? "adopt" : undefined;
  }
  await tx.instances.requestReconcile([id]);
  return "repair";
}

function withDrift(status: InstanceState, drift: readonly Drift[], now: string): InstanceState {
  return { ...status, drift, conditions: withCondition(status.conditions, driftedCondition(drift), now) };
}

export function driftedCondition(drift: readonly Drift[]) {
  return drift.length > 0
    ? {
        type: ConditionType.Drifted,
        status: "True" as const,
        reason: ConditionReason.ChangedOutside,
        message: drift.map(summaryOf).join("; "),
      }
    : { type: ConditionType.Drifted, status: "False" as const, reason: ConditionReason.AsDeclared, message: "" };
}

/** `apps/v1/StatefulSet claw-acme/web: spec.replicas 1 → 3, by kubectl at …` */
function summaryOf({ resource, op, diffs, manager, time, notAdopted }: Drift): string {
  const what =
    op === "deleted" ? "was deleted" : diffs.map(({ path, before = "-", after = "-" }) => `${path} ${before} → ${after}`).join(", ");
  return `${resource}: ${what}${manager === undefined ? "" : `, by ${manager}`}${time === undefined ? "" : ` at ${time}`}${notAdopted === undefined ? "" : ` (not adopted: ${notAdopted})`}`;
}
