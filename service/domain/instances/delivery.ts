import {
  AgentPhase,
  type AgentStatus,
  type ClawRuntime,
  ConditionReason,
  ConditionType,
  type ResolvedInstance,
} from "../../../sdk/contract/index.ts";
import { digestOf } from "../digest.ts";
import type { NewCondition } from "./conditions.ts";
import { alteredCondition } from "./consistency.ts";
import type { Instance, InstanceState } from "./instance.ts";

/** Longer than a delivery takes: until then the engine leaves to it what can be delivered. */
export const DELIVERY_SECONDS = 5;
/** The stack follows a delivery that late, so that one operation takes what was delivered at about the same time. */
export const FOLLOW_SECONDS = 1;

/** What an instance resolves to, by digests. */
export interface Wanted {
  readonly frame: string;
  readonly handed: string;
  /** What it was worked out for. */
  readonly generation: number;
}

/** Digest of what of an instance only the engine changes: everything but what its runtime delivers. Files that come or go are the engine's too: it knows which are there. */
export function frameOf(cluster: string, { runtime, ...rest }: ResolvedInstance, delivers: readonly (keyof ClawRuntime)[]): string {
  const own = Object.entries(runtime).filter(([key]) => !(delivers as readonly string[]).includes(key));
  return digestOf([cluster, rest, Object.fromEntries(own), runtime.files.map(({ path }) => path).sort()]);
}

/** By which way an instance comes to what is wanted of it: its agent has it, or takes it, or the engine has to make it. */
export function wayOf(wanted: Wanted, { delivery, agent }: Pick<InstanceState, "delivery" | "agent">): "none" | "delivery" | "engine" {
  if (delivery?.frame !== wanted.frame || agent?.stored === undefined) {
    return "engine";
  }
  return agent.stored === wanted.handed ? "none" : "delivery";
}

/** Whether its agent has what it is to have, though the stack does not hold that yet. */
export function isDelivered(
  { generation }: Pick<Instance, "generation">,
  { delivery, agent }: Pick<InstanceState, "delivery" | "agent">,
): boolean {
  return delivery !== undefined && delivery.generation === generation && agent?.stored === delivery.handed;
}

const type = ConditionType.ConfigSynced;
const applying = { type, status: "Unknown", reason: ConditionReason.Applying } as const;

/** Whether a claw uses what is declared: what its agent has against what it is to have. Undefined of an agent that does not say what it has. */
export function syncedCondition(
  instance: Pick<Instance, "generation" | "spec">,
  { delivery, agent, consistency }: Pick<InstanceState, "delivery" | "agent" | "consistency">,
  now: string,
): NewCondition | undefined {
  if (!delivery || agent?.stored === undefined) {
    return undefined;
  }
  if (agent.unstored?.digest === delivery.handed) {
    return { type, status: "False", reason: ConditionReason.NotStored, message: agent.unstored.message };
  }
  if (delivery.generation !== instance.generation || agent.stored !== delivery.handed) {
    return { ...applying, message: "its agent has not got its new configuration yet" };
  }
  const running = ofRunning(agent, delivery.handed);
  return running.status === "True" ? (alteredCondition(instance, { agent, consistency }, now) ?? running) : running;
}

function ofRunning({ phase, specDigest, config }: AgentStatus, handed: string): NewCondition {
  if (phase === AgentPhase.Starting) {
    return { ...applying, message: "it is starting" };
  }
  if (phase !== AgentPhase.Ready && phase !== AgentPhase.Unready) {
    return phase === AgentPhase.Stopping
      ? { ...applying, message: "what still runs has the former one" }
      : { type, status: "Unknown", reason: ConditionReason.NotRunning, message: "its claw does not run just now" };
  }
  if (specDigest !== handed) {
    return { ...applying, message: "it has not taken its new configuration over yet" };
  }
  return config
    ? { type, ...OWN_WORD[config.state], message: config.message }
    : { type, status: "True", reason: ConditionReason.Delivered, message: "" };
}

/** What a claw says itself of its configuration. */
export const OWN_WORD = {
  pending: { status: "Unknown", reason: ConditionReason.Applying },
  applied: { status: "True", reason: ConditionReason.Applied },
  refused: { status: "False", reason: ConditionReason.Refused },
  unknown: { status: "Unknown", reason: ConditionReason.NotTold },
} as const;
