import { ClawError, EventReason, EventType, type InstanceId, type InstanceSpec } from "../../../sdk/contract/index.ts";
import { relaying } from "../../domain/access/actor.ts";
import { withCondition } from "../../domain/instances/conditions.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import { runtimeAt } from "../../domain/runtimes/runtimes.ts";
import type { Tenant } from "../../domain/tenancy/tenant.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import { presentInstance } from "../instances/present-instance.ts";
import { recordEvent } from "../instances/report-status.ts";
import { assertAllowed, makeChanges } from "../resources/changes.ts";
import { carryOut } from "../resources/requests.ts";
import { driftedCondition, isUnderWay } from "./record-drift.ts";

/**
 * Takes what somebody changed of an instance into its specification, as a write like any other: quota and policies have their say. What
 * has no place there, or is refused, stays a drift with the reason.
 */
export async function adoptDrift(tenant: Tenant, id: InstanceId, deps: ApplicationDependencies): Promise<void> {
  const instance = await deps.transactions.tenant(tenant.id, (tx) => tx.instances.find(id));
  if (!instance || isUnderWay(instance) || instance.spec.drift !== "adopt") {
    return;
  }
  const reasons = new Map<string, string>();
  const adopted = new Set<string>();
  let { spec } = instance;
  let manager: string | undefined;
  for (const drift of instance.status.drift) {
    const adoption = deps.adoptionOf(runtimeAt(instance.cluster), spec, drift);
    spec = adoption.spec;
    for (const path of adoption.adopted) {
      adopted.add(path);
      manager ??= drift.manager;
    }
    if (adoption.reasons.length > 0) {
      reasons.set(drift.urn, adoption.reasons.join("; "));
    }
  }
  if (adopted.size > 0) {
    try {
      await adopt(tenant, instance, { spec, adopted: [...adopted], manager, left: new Set(reasons.keys()) }, deps);
    } catch (error) {
      if (!(error instanceof ClawError) || error.code === "resource.version_conflict") {
        throw error;
      }
      for (const { urn } of instance.status.drift) {
        reasons.set(urn, reasons.get(urn) ?? error.message);
      }
    }
  }
  await explain(tenant, instance, reasons, deps);
}

interface Adopted {
  readonly spec: InstanceSpec;
  readonly adopted: readonly string[];
  readonly manager: string | undefined;
  /** URNs of what can't be adopted, or not as a whole. */
  readonly left: ReadonlySet<string>;
}

async function adopt(tenant: Tenant, instance: Instance, { spec, adopted, manager, left }: Adopted, deps: ApplicationDependencies) {
  const actor = relaying(`drift:${manager ?? "unknown"}`);
  const now = deps.clock().toISOString();
  const { kind, apiVersion, metadata } = presentInstance(instance, tenant.name);
  // With its version: what somebody writes meanwhile comes first.
  const manifest = { kind, apiVersion, metadata, spec: presentInstance({ ...instance, spec }, tenant.name).spec };
  const change = { action: "apply", manifest, tenant: tenant.name, expect: "present" } as const;
  const message = `${adopted.join(", ")} ${adopted.length === 1 ? "is" : "are"} now as somebody made it`;
  const { written } = await deps.transactions.platform(async (tx) => {
    const outcome = await makeChanges(tx, [change], { now, actor, ids: {} }, deps);
    assertAllowed(outcome, deps);
    const scope = await tx.enter(tenant.id);
    // No drift any more: an operation that did not read it first applies it again, which makes it ours.
    await scope.instances.updateStatus(instance.id, ({ status }) => {
      const drift = status.drift.filter(({ urn }) => left.has(urn));
      return { ...status, drift, conditions: withCondition(status.conditions, driftedCondition(drift), now) };
    });
    await recordEvent(scope, instance.id, { type: EventType.Normal, reason: EventReason.DriftAdopted, message, actor: actor.subject }, now);
    return outcome;
  });
  await carryOut(written, deps);
}

/** Writes why what is left can't be adopted; an event for each reason that is new. */
async function explain(tenant: Tenant, instance: Instance, reasons: ReadonlyMap<string, string>, deps: ApplicationDependencies) {
  const fresh = instance.status.drift.filter(({ urn, notAdopted }) => reasons.get(urn) !== notAdopted);
  if (fresh.length === 0) {
    return;
  }
  const now = deps.clock().toISOString();
  await deps.transactions.tenant(tenant.id, async (tx) => {
    await tx.instances.updateStatus(instance.id, ({ status }) => {
      const drift = status.drift.map(({ notAdopted: _, ...found }) => {
        const reason = reasons.get(found.urn);
        return { ...found, ...(reason !== undefined && { notAdopted: reason }) };
      });
      return { ...status, drift, conditions: withCondition(status.conditions, driftedCondition(drift), now) };
    });
    for (const { urn, resource } of fresh) {
      const reason = reasons.get(urn);
      if (reason !== undefined) {
        await recordEvent(
          tx,
          instance.id,
          { type: EventType.Warning, reason: EventReason.DriftNotAdopted, message: `${resource}: ${reason}` },
          now,
        );
      }
    }
  });
}
