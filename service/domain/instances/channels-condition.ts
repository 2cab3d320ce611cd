import { AgentPhase, type AgentStatus, type Condition, ConditionReason, ConditionType } from "../../../sdk/contract/index.ts";
import { type NewCondition, withCondition } from "./conditions.ts";

/** Failures that are told in full. */
const TOLD_MAX = 10;

/** Sets what a claw tells of its channels; takes it away of one that runs and tells nothing: it has none, or can't tell. */
export function withChannels(
  conditions: readonly Condition[],
  { phase, channels }: Pick<AgentStatus, "phase" | "channels">,
  now: string,
): readonly Condition[] {
  const type = ConditionType.ChannelsReady;
  if (channels) {
    return withCondition(conditions, { type, ...judge(channels) }, now);
  }
  if (phase === AgentPhase.Ready || phase === AgentPhase.Unready) {
    return conditions.filter((condition) => condition.type !== type);
  }
  const isKnown = conditions.some((condition) => condition.type === type);
  const notRunning = { type, status: "Unknown", reason: ConditionReason.NotRunning, message: "its claw does not run just now" } as const;
  return isKnown ? withCondition(conditions, notRunning, now) : conditions;
}

function judge(channels: NonNullable<AgentStatus["channels"]>): Omit<NewCondition, "type"> {
  const named = (wanted: (typeof channels)[number]["state"]) =>
    channels
      .filter(({ state }) => state === wanted)
      .map(({ name }) => name)
      .join(", ");
  const failed = channels.filter(({ state }) => state === "failed");
  const working = named("working");
  if (failed.length > 0) {
    const told = failed.slice(0, TOLD_MAX).map(({ name, message }) => `${name}: ${message}`);
    const others = failed.length > TOLD_MAX ? [`${failed.length - TOLD_MAX} more do not work`] : [];
    const starting = named("starting");
    const rest = [...(working === "" ? [] : [`connected: ${working}`]), ...(starting === "" ? [] : [`still connecting: ${starting}`])];
    return { status: "False", reason: ConditionReason.ChannelFailed, message: [...told, ...others, ...rest].join("; ") };
  }
  const untold = named("unknown");
  if (untold !== "") {
    return { status: "Unknown", reason: ConditionReason.NotTold, message: `its claw does not say how it is with ${untold}` };
  }
  const starting = named("starting");
  return starting === ""
    ? { status: "True", reason: ConditionReason.ChannelsConnected, message: working }
    : { status: "Unknown", reason: ConditionReason.ChannelsStarting, message: `waiting for ${starting}` };
}
