import {
  AgentPhase,
  AgentReason,
  type AgentStatus,
  type Condition,
  ConditionReason,
  ConditionType,
  InstancePhase,
  ProvisionReason,
} from "../../../sdk/contract/index.ts";
import { rulesAt } from "../runtimes/runtimes.ts";
import { withChannels } from "./channels-condition.ts";
import { type NewCondition, notProvisioned, withCondition } from "./conditions.ts";
import { FOLLOW_SECONDS, isDelivered, OWN_WORD, syncedCondition, type Wanted, wayOf } from "./delivery.ts";
import type { Findings } from "./findings.ts";
import type { AgentReport, Instance, InstanceMark, InstanceState } from "./instance.ts";
import type { PodReport } from "./pod.ts";

/** Back-off of failed attempts: 2 s doubling to 5 min. */
const FIRST_RETRY_SECONDS = 2;
const MAX_RETRY_SECONDS = 300;
/** Its cluster says when a pod has ended: this is for what it does not get to say. */
const POD_ENDING_SECONDS = 15;

const repaired = { type: ConditionType.Drifted, status: "False", reason: ConditionReason.Repaired, message: "" } as const;

const applying = {
  type: ConditionType.ConfigSynced,
  status: "Unknown",
  reason: ConditionReason.Applying,
  message: "it has not taken its new configuration over yet",
} as const;

const restarting = { reason: AgentReason.Restarting, message: "it is restarted, as somebody asked" } as const;

/** On a host a claw that is stopped has no process, and so no agent; it is no more than its files. */
const stopped = {
  ready: { type: ConditionType.Ready, status: "False", reason: ConditionReason.Stopped, message: "Stopped as declared." },
  agent: { type: ConditionType.AgentConnected, status: "False", reason: ConditionReason.Stopped, message: "a stopped claw has no agent" },
  config: {
    type: ConditionType.ConfigSynced,
    status: "Unknown",
    reason: ConditionReason.Stopped,
    message: "it reads its configuration when it starts",
  },
  channels: { type: ConditionType.ChannelsReady, status: "Unknown", reason: ConditionReason.Stopped, message: "a stopped claw has none" },
} as const;

/** Failures that only another specification mends, whatever happens elsewhere. */
const FINAL_REASONS = new Set<string>([
  ProvisionReason.VersionNotFound,
  ProvisionReason.PlaceholderPackage,
  ProvisionReason.NodeUnsupported,
]);

/** What an operation on an instance's resources came to. */
export type OperationOutcome =
  | {
      readonly ok: true;
      readonly generation: number;
      readonly configVersion: number | undefined;
      /** Of the files that were written, for a claw that says which ones it uses. */
      readonly configDigest: string | undefined;
      /** What the stack holds now of what only the engine changes; absent of one that has left it. */
      readonly frame?: string | undefined;
    }
  /** `final` failures are not tried again until something changes: a config that can't be resolved, a version that does not exist. */
  | {
      readonly ok: false;
      readonly generation: number;
      readonly reason: string;
      readonly message: string;
      readonly final: boolean;
      /** What the stack holds still, where the operation was to change nothing of it. */
      readonly frame?: string | undefined;
    }
  /** Nothing failed: somebody else's operation is under way on the stack, or a pod that is to go still ends. */
  | {
      readonly ok: false;
      readonly waitsFor: typeof ConditionReason.StackLocked | typeof ConditionReason.StillEnding;
      readonly message: string;
      readonly frame?: string | undefined;
    };

/** Whether no operation on it is due or under way. */
export function isSettled(instance: InstanceMark): boolean {
  return instance.deletedAt === undefined && instance.movedFrom === undefined && instance.status.observedGeneration === instance.generation;
}

/** Whether trying again is of no use. What is to go is tried again for ever: nothing else brings it to an end. */
export function isFinal(instance: Instance, reason: string): boolean {
  return FINAL_REASONS.has(reason) && instance.deletedAt === undefined && instance.movedFrom === undefined;
}

/** The state when an operation begins: until it has ended nothing is delivered, which it could undo. */
export function afterBegin(instance: Instance, { handed, generation }: Wanted, now: string): InstanceState {
  return derive(instance, { ...instance.status, delivery: { handed, generation } }, now);
}

/** The state once it is known what an instance is to have: what can be delivered is waited for, everything else is the engine's at once. */
export function afterConsidered(instance: Instance, wanted: Wanted, now: string): InstanceState {
  const state = instance.status;
  const way = wayOf(wanted, state);
  const { handed, generation } = wanted;
  const delivery = { handed, generation, ...(way !== "engine" && { frame: wanted.frame }) };
  return derive(instance, { ...state, delivery, ...(way !== "delivery" && { nextAttemptAt: undefined }) }, now);
}

/** The state when what an instance is to have can't be worked out: the reconciler says why. */
export function afterUnresolved(instance: Instance): InstanceState {
  const { delivery } = instance.status;
  return { ...instance.status, nextAttemptAt: undefined, delivery: delivery && { ...delivery, generation: instance.generation } };
}

/** The state after an engine operation ended. */
export function afterOperation(instance: Instance, outcome: OperationOutcome, now: string): InstanceState {
  const before = instance.status;
  const state = { ...before, delivery: before.delivery && { ...before.delivery, frame: outcome.frame } };
  if (outcome.ok) {
    const changes: NewCondition[] = [
      {
        type: ConditionType.Provisioned,
        status: "True",
        reason: ConditionReason.Applied,
        message: `generation ${outcome.generation} is applied`,
      },
      ...(state.drift.length > 0 ? [repaired] : []),
      ...(isOfOtherFiles(state, outcome.configDigest) ? [applying] : []),
    ];
    return derive(
      instance,
      {
        ...state,
        // It began by reading what there is, and made that what is declared.
        drift: [],
        conditions: changes.reduce((all, condition) => withCondition(all, condition, now), state.conditions),
        observedGeneration: outcome.generation,
        configVersion: outcome.configVersion,
        attempts: 0,
        nextAttemptAt: undefined,
      },
      now,
    );
  }
  if ("waitsFor" in outcome) {
    const condition = { type: ConditionType.Provisioned, status: "Unknown", reason: outcome.waitsFor, message: outcome.message } as const;
    return {
      ...state,
      conditions: withCondition(state.conditions, condition, now),
      // The other one may be making its resources.
      attempts: Math.max(state.attempts, 1),
      nextAttemptAt: inSeconds(now, isEnding(outcome.waitsFor) && state.pod ? POD_ENDING_SECONDS : FIRST_RETRY_SECONDS),
    };
  }
  const attempts = state.attempts + 1;
  const delaySeconds = Math.min(FIRST_RETRY_SECONDS * 2 ** (attempts - 1), MAX_RETRY_SECONDS);
  const conditions = withCondition(
    state.conditions,
    { type: ConditionType.Provisioned, status: "False", reason: outcome.reason, message: outcome.message },
    now,
  );
  const next: InstanceState = {
    ...state,
    conditions,
    attempts,
    observedGeneration: outcome.final ? outcome.generation : state.observedGeneration,
    nextAttemptAt: outcome.final ? undefined : inSeconds(now, delaySeconds),
  };
  return derive(instance, next, now);
}

function inSeconds(now: string, seconds: number): string {
  return new Date(Date.parse(now) + seconds * 1000).toISOString();
}

function isEnding(reason: string): boolean {
  return reason === ConditionReason.StillEnding;
}

/** Whether its stack has nothing of it any more, and only what ends by itself, such as a pod, is waited for. */
export function hasLeft({ status: { conditions, attempts } }: Instance): boolean {
  // Attempts are counted per wish: another one since is the stack's to carry out.
  return (
    attempts > 0 &&
    conditions.some(({ type, status, reason }) => type === ConditionType.Provisioned && status === "Unknown" && isEnding(reason))
  );
}

/** The state after its agent reported. */
export function afterReport(instance: Instance, agent: AgentReport, now: string): InstanceState {
  if (isOfBefore(instance, agent.connectedAt)) {
    return instance.status;
  }
  const conditions = withCondition(
    instance.status.conditions,
    { type: ConditionType.AgentConnected, status: "True", reason: ConditionReason.Connected, message: "" },
    now,
  );
  const config = configCondition(instance.status, agent);
  const configured = config ? withCondition(conditions, config, now) : conditions;
  const next = { ...instance.status, conditions: withChannels(configured, agent, now), agent };
  const isNewlyDelivered = isDelivered(instance, next) && !isDelivered(instance, instance.status) && !isSettled(instance);
  // Until then the stack's operation was put off.
  const nextAttemptAt = isNewlyDelivered ? inSeconds(now, FOLLOW_SECONDS) : next.nextAttemptAt;
  return derive(instance, { ...next, nextAttemptAt }, now);
}

/** What is told of a connection that its agent has since replaced by another, which may be to another replica. */
function isOfBefore({ status }: Instance, connectedAt: string | undefined): boolean {
  return connectedAt !== undefined && connectedAt < (status.agent?.connectedAt ?? "");
}

/** What the claw last said of its configuration is not about the files that it has now. */
function isOfOtherFiles({ agent }: InstanceState, configDigest: string | undefined): boolean {
  return agent?.stored === undefined && agent?.config !== undefined && configDigest !== undefined && agent.config.digest !== configDigest;
}

/** Whether the claw uses the configuration that is declared, by its own word: undefined when there is nothing new to say. Of an agent that does not say what it has. */
function configCondition(before: InstanceState, agent: AgentStatus): NewCondition | undefined {
  if (agent.stored !== undefined) {
    return undefined;
  }
  const { config } = agent;
  if (config) {
    const known = before.agent?.config;
    // Said again, it is of before the last operation; the condition may know better.
    const isNew = config.digest !== known?.digest || config.state !== known.state;
    return isNew ? { type: ConditionType.ConfigSynced, ...OWN_WORD[config.state], message: config.message } : undefined;
  }
  const isStarting = agent.phase === AgentPhase.Starting && before.conditions.some(({ type }) => type === ConditionType.ConfigSynced);
  return isStarting ? { type: ConditionType.ConfigSynced, ...OWN_WORD.pending, message: "it is starting" } : undefined;
}

/** The state after its cluster showed its pod; a pod that is gone leaves its last word to the agent. */
export function afterPodReport(instance: Instance, pod: PodReport | undefined, now: string): InstanceState {
  const condition = pod
    ? { type: ConditionType.PodReady, status: pod.ready ? ("True" as const) : ("False" as const), reason: pod.reason, message: pod.message }
    : {
        type: ConditionType.PodReady,
        status: "False" as const,
        reason: ConditionReason.NoPod,
        message: instance.spec.running ? "there is no pod" : "",
      };
  const known = withCondition(instance.status.conditions, condition, now);
  const conditions = pod ? known : withChannels(known, { phase: AgentPhase.Stopped }, now);
  const nextAttemptAt = !pod && hasLeft(instance) ? undefined : instance.status.nextAttemptAt;
  return derive(instance, { ...instance.status, conditions, pod, nextAttemptAt }, now);
}

/** The state after its host was found to have neither agent nor claw of it, as declared; its agent may have died before it could say so. */
export function afterStop(instance: Instance, now: string): InstanceState {
  const { agent } = instance.status;
  if (!agent || instance.spec.running || !isSettled(instance)) {
    return instance.status;
  }
  const { pid: _pid, port: _port, config: _config, channels: _channels, ...last } = agent;
  const { reason, message } = stopped.ready;
  return derive(instance, { ...instance.status, agent: { ...last, phase: AgentPhase.Stopped, reason, message, since: now } }, now);
}

/** The state after it was looked at what its claw is configured with. */
export function afterChecked(instance: Instance, consistency: Findings, now: string): InstanceState {
  return derive(instance, { ...instance.status, consistency }, now);
}

/** The state after its agent's connection was lost: what it last said still stands, since instances outlive connections. */
export function afterDisconnect(instance: Instance, now: string, connectedAt?: string): InstanceState {
  if (isDown(instance, instance.status.phase) || isOfBefore(instance, connectedAt)) {
    return instance.status;
  }
  const conditions = withCondition(
    instance.status.conditions,
    {
      type: ConditionType.AgentConnected,
      status: "False",
      reason: ConditionReason.Disconnected,
      message: "the agent is not connected; the instance may well be running",
    },
    now,
  );
  return derive(instance, { ...instance.status, conditions }, now);
}

/** The state after its cluster was found to answer, or not to. */
export function afterReach(instance: Instance, reach: NewCondition, now: string): InstanceState {
  return derive(instance, { ...instance.status, conditions: withCondition(instance.status.conditions, reach, now) }, now);
}

/** Why nobody can tell how it is: its cluster does not answer, and its agent is not connected either. */
function untold({ conditions }: InstanceState): Condition | undefined {
  const isConnected = conditions.some(({ type, status }) => type === ConditionType.AgentConnected && status === "True");
  return isConnected ? undefined : conditions.find(({ type, status }) => type === ConditionType.ClusterReachable && status === "False");
}

function derive(instance: Instance, before: InstanceState, now: string): InstanceState {
  const synced = syncedCondition(instance, before, now);
  const state = synced ? { ...before, conditions: withCondition(before.conditions, synced, now) } : before;
  const phase = phaseOf(instance, state);
  if (isDown(instance, phase)) {
    const ofOwnWord = [stopped.config, stopped.channels].filter((condition) =>
      state.conditions.some(({ type }) => type === condition.type),
    );
    const conditions = [stopped.ready, stopped.agent, ...ofOwnWord].reduce(
      (all, condition) => withCondition(all, condition, now),
      state.conditions,
    );
    return { ...state, phase, conditions, lastTransitionTime: phase === state.phase ? state.lastTransitionTime : now };
  }
  const { awaited, isReady, restartedAt } = rulesAt(instance.cluster);
  const restarted = restartedAt(state);
  // What still runs is what is to be restarted; an agent of before can't tell.
  const isOld = restarted !== undefined && restarted !== (instance.restartedAt ?? "");
  const ready = isReady(state) && instance.spec.running && !isOld;
  const cause = notProvisioned(state) ?? (isOld && isReady(state) ? restarting : (state.pod ?? state.agent));
  const unknown = untold(state);
  const conditions = withCondition(
    state.conditions,
    unknown
      ? { type: ConditionType.Ready, status: "Unknown", reason: unknown.reason, message: unknown.message }
      : {
          type: ConditionType.Ready,
          status: ready ? "True" : "False",
          reason: ready ? ConditionReason.Ready : (cause?.reason ?? ConditionReason.Pending),
          message: ready ? "" : (cause?.message ?? `waiting for ${awaited}`),
        },
    now,
  );
  return { ...state, phase, conditions, lastTransitionTime: phase === state.phase ? state.lastTransitionTime : now };
}

/** Whether it is to be stopped and is, with nobody left to tell of it. */
function isDown(instance: Instance, phase: InstancePhase): boolean {
  return rulesAt(instance.cluster).stopsAgent && !instance.spec.running && phase === InstancePhase.Stopped;
}

function phaseOf(instance: Instance, state: InstanceState): InstancePhase {
  return instance.deletedAt === undefined ? rulesAt(instance.cluster).phaseOf(instance, state) : state.phase;
}
