import {
  type AgentStatus,
  type InstanceEvent,
  type InstanceId,
  type InstancePhase,
  newId,
  type TenantId,
} from "../../sdk/contract/index.ts";
import type { Instance, InstanceState } from "../domain/instances/instance.ts";
import { afterDisconnect, afterPodReport, afterReport, afterStop } from "../domain/instances/phase.ts";
import type { PodReport } from "../domain/instances/pod.ts";
import { redact } from "../domain/redact.ts";
import type { TenantTransaction, Transactions } from "./ports/transactions.ts";

/** Writes what became of an instance, and an event when its phase changed. The status, the event and its publication are one transaction. */
export async function recordState(
  tx: TenantTransaction,
  id: InstanceId,
  change: (instance: Instance) => InstanceState,
  now: string,
): Promise<void> {
  let before: Instance | undefined;
  let after: InstanceState | undefined;
  const known = await tx.instances.updateStatus(id, (instance) => {
    before = instance;
    after = change(instance);
    return after;
  });
  if (!known || !before || !after || before.status.phase === after.phase) {
    return;
  }
  const ready = after.conditions.find((condition) => condition.type === "Ready");
  const request = after.phase === "Failed" ? undefined : await requestOf(tx, id, before.status.phase);
  const why = ready && ready.status !== "True" ? `${ready.reason}${ready.message === "" ? "" : `: ${ready.message}`}` : "by itself";
  await recordEvent(
    tx,
    id,
    {
      type: after.phase === "Failed" ? "Warning" : "Normal",
      reason: "PhaseChanged",
      message: `${before.status.phase} → ${after.phase} (${request ? `${request.message}, by ${request.actor}` : why})`,
      ...(request?.actor !== undefined && { actor: request.actor }),
    },
    now,
  );
  await tx.publish({
    id: newId("evt"),
    aggregate: "instance",
    event: "phase-changed",
    time: now,
    data: { uid: id, name: before.name, from: before.status.phase, to: after.phase, reason: ready?.reason },
  });
}

/** Events that are looked through for the one that a transition comes from. */
const RECENT_EVENTS = 20;

/** What somebody asked for since the instance came to its phase; one that is on its way comes to the next by the same request. */
async function requestOf(tx: TenantTransaction, id: InstanceId, phase: InstancePhase): Promise<InstanceEvent | undefined> {
  const { items } = await tx.events.list(id, RECENT_EVENTS);
  let transitions = phase === "Creating" ? 1 : 0;
  for (const event of items) {
    if (event.reason !== "PhaseChanged") {
      if (event.actor !== undefined) {
        return event;
      }
    } else if (transitions-- === 0) {
      return undefined;
    }
  }
  return undefined;
}

/** Appends an event that people read with `claw events`. */
export async function recordEvent(
  tx: TenantTransaction,
  id: InstanceId,
  event: { readonly type: "Normal" | "Warning"; readonly reason: string; readonly message: string; readonly actor?: string },
  now: string,
): Promise<void> {
  await tx.events.append(id, { id: newId("evt"), time: now, ...event, message: redact(event.message) });
}

/** What agents and clusters tell of instances. */
export function createReports(deps: { readonly transactions: Transactions; readonly clock: () => Date }) {
  const write = (tenantId: TenantId, id: InstanceId, change: (instance: Instance, now: string) => InstanceState) => {
    const now = deps.clock().toISOString();
    return deps.transactions.tenant(tenantId, (tx) => recordState(tx, id, (instance) => change(instance, now), now));
  };
  return {
    status: (tenantId: TenantId, id: InstanceId, status: AgentStatus) =>
      write(tenantId, id, (instance, now) => afterReport(instance, status, now)),
    /** Of a pod that a cluster has; one that is on its way to or from another cluster is told of by that one. */
    pod: (tenantId: TenantId, id: InstanceId, cluster: string, pod: PodReport | undefined) =>
      write(tenantId, id, (instance, now) =>
        (instance.movedFrom ?? instance.cluster) === cluster ? afterPodReport(instance, pod, now) : instance.status,
      ),
    /** Of a claw of a host that is to be stopped, and was found to be. */
    stopped: (tenantId: TenantId, id: InstanceId) => write(tenantId, id, afterStop),
    disconnected: (tenantId: TenantId, id: InstanceId) => write(tenantId, id, afterDisconnect),
  };
}
