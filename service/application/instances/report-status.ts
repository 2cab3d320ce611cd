import {
  ConditionReason,
  ConditionType,
  EventReason,
  EventType,
  type InstanceEvent,
  type InstanceId,
  InstancePhase,
  newId,
  redact,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import type { AgentReport, Instance, InstanceState } from "../../domain/instances/instance.ts";
import { afterDisconnect, afterReport, afterStop } from "../../domain/instances/phase.ts";
import type { TenantTransaction, Transactions } from "../ports/transactions.ts";

/** Writes what became of instances, and an event of each whose phase changed. Statuses, events and their publication are one transaction. */
export async function recordStates(
  tx: TenantTransaction,
  ids: readonly InstanceId[],
  change: (instance: Instance) => InstanceState,
  now: string,
): Promise<void> {
  const after = new Map<InstanceId, InstanceState>();
  const known = await tx.instances.updateStatuses(ids, (instance) => {
    const state = change(instance);
    after.set(instance.id, state);
    return state;
  });
  const changed = known.flatMap((before) => {
    const state = after.get(before.id);
    return state ? [{ before, state }] : [];
  });
  const moved = changed.filter(({ before, state }) => before.status.phase !== state.phase);
  const told = changed.flatMap(({ before, state }) => toldOfChannels(before, state) ?? []);
  const recent = await tx.events.listRecent(
    [...new Set([...moved.map(({ before }) => before.id), ...told.map(({ instance }) => instance.id)])],
    RECENT_EVENTS,
  );
  const events: EventOf[] = [];
  for (const { before, state } of moved) {
    const ready = state.conditions.find((condition) => condition.type === ConditionType.Ready);
    const request = state.phase === InstancePhase.Failed ? undefined : requestOf(recent.get(before.id) ?? [], before.status.phase);
    const why = ready && ready.status !== "True" ? `${ready.reason}${ready.message === "" ? "" : `: ${ready.message}`}` : "by itself";
    events.push({
      instance: before.id,
      type: state.phase === InstancePhase.Failed ? EventType.Warning : EventType.Normal,
      reason: EventReason.PhaseChanged,
      message: `${before.status.phase} → ${state.phase} (${request ? `${request.message}, by ${request.actor}` : why})`,
      ...(request?.actor !== undefined && { actor: request.actor }),
    });
    await tx.publish({
      id: newId("evt"),
      event: "instance.phase-changed",
      time: now,
      data: { uid: before.id, name: before.name, from: before.status.phase, to: state.phase, reason: ready?.reason },
    });
  }
  for (const { instance, working, reason, message } of told) {
    // A channel that is tried again and again begins anew each time: that it does not work is told once, and then that it does.
    const last = recent.get(instance.id)?.find((event) => CHANNEL_REASONS.has(event.reason));
    if (last?.reason === reason || (working && !last)) {
      continue;
    }
    events.push({ instance: instance.id, type: working ? EventType.Normal : EventType.Warning, reason, message });
    const data = { uid: instance.id, name: instance.name, working, message: redact(message) };
    await tx.publish({ id: newId("evt"), event: "instance.channels-changed", time: now, data });
  }
  await recordEvents(tx, [...changed.flatMap(({ before, state }) => endedEvent(before, state) ?? []), ...events], now);
}

const CHANNEL_REASONS: ReadonlySet<string> = new Set([ConditionReason.ChannelFailed, ConditionReason.ChannelsConnected]);

/** That a claw's channels came to work, or one of them not to. What lies between is not worth telling. */
function toldOfChannels(instance: Instance, after: InstanceState) {
  const of = ({ conditions }: InstanceState) => conditions.find(({ type }) => type === ConditionType.ChannelsReady);
  const now = of(after);
  if (!now || now.status === "Unknown" || now.status === of(instance.status)?.status) {
    return undefined;
  }
  return { instance, working: now.status === "True", reason: now.reason, message: now.message };
}

/** Of a claw that ended and is started again, which is no change of its instance's phase as long as it comes back. */
function endedEvent({ id, status }: Instance, state: InstanceState): EventOf | undefined {
  // In a pod both count, and the cluster is who knows.
  const [before, after] = state.pod ? [status.pod, state.pod] : [status.agent, state.agent];
  if (!before || !after || after.restarts <= before.restarts) {
    return undefined;
  }
  return {
    instance: id,
    type: EventType.Warning,
    reason: EventReason.Ended,
    message: `${after.reason}${after.message === "" ? "" : `: ${after.message}`}`,
  };
}

/** Ways into an instance, by the reason of their events: they ask nothing of it. */
export const WAYS_IN = { console: EventReason.ConsoleOpened, connect: EventReason.Connected, chat: EventReason.ChatOpened } as const;
const ENTRY_REASONS: ReadonlySet<string> = new Set(Object.values(WAYS_IN));

/** Events that are looked through for the one that a transition comes from. */
const RECENT_EVENTS = 20;

/** What somebody asked for since the instance came to its phase; one that is on its way comes to the next by the same request. */
function requestOf(recent: readonly InstanceEvent[], phase: InstancePhase): InstanceEvent | undefined {
  let transitions = phase === InstancePhase.Creating ? 1 : 0;
  for (const event of recent) {
    if (event.reason !== EventReason.PhaseChanged) {
      if (event.actor !== undefined && !ENTRY_REASONS.has(event.reason)) {
        return event;
      }
    } else if (transitions-- === 0) {
      return undefined;
    }
  }
  return undefined;
}

/** An event that people read with `claw events`. */
interface EventOf {
  readonly instance: InstanceId;
  readonly type: EventType;
  /** An {@link EventReason}, or the reason of what failed. */
  readonly reason: string;
  readonly message: string;
  readonly actor?: string;
}

export async function recordEvents(tx: TenantTransaction, events: readonly EventOf[], now: string): Promise<void> {
  if (events.length > 0) {
    await tx.events.appendAll(events.map((event) => ({ id: newId("evt"), time: now, ...event, message: redact(event.message) })));
  }
}

export function recordEvent(tx: TenantTransaction, instance: InstanceId, event: Omit<EventOf, "instance">, now: string): Promise<void> {
  return recordEvents(tx, [{ instance, ...event }], now);
}

/** What agents tell of instances. */
export function createReports(deps: { readonly transactions: Transactions; readonly clock: () => Date }) {
  const write = (tenantId: TenantId, id: InstanceId, change: (instance: Instance, now: string) => InstanceState) => {
    const now = deps.clock().toISOString();
    return deps.transactions.tenant(tenantId, (tx) => recordStates(tx, [id], (instance) => change(instance, now), now));
  };
  return {
    status: (tenantId: TenantId, id: InstanceId, report: AgentReport) =>
      write(tenantId, id, (instance, now) => afterReport(instance, report, now)),
    /** Of a claw of a host that is to be stopped, and was found to be. */
    stopped: (tenantId: TenantId, id: InstanceId) => write(tenantId, id, afterStop),
    disconnected: (tenantId: TenantId, id: InstanceId, connectedAt?: string) =>
      write(tenantId, id, (instance, now) => afterDisconnect(instance, now, connectedAt)),
  };
}
