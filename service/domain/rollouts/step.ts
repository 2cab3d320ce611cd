import { type RolloutEvidence, RolloutReason, type RolloutSpec } from "../../../sdk/contract/index.ts";
import { evidenceOf, heldText, type Looked, type Observation, verdictOf } from "./gates.ts";
import type { Member, RolloutState, Wave } from "./rollout.ts";
import { unavailableMax } from "./waves.ts";
import { closedBecause, type KeptHours } from "./windows.ts";

/** Instances that one step changes: a step is one transaction. */
export const BATCH = 50;
/** Until it is looked again, while something is waited for. */
const LOOK_SECONDS = 0.5;
/** Instances for which that is: a larger rollout is looked at as often as its instances are worth. */
const LOOKED_MAX = 200;
const REST_SECONDS = 15;

/** What is known when a rollout is looked at. */
export interface Known {
  readonly spec: RolloutSpec;
  /** Hours that all rollouts of its tenant keep to. */
  readonly hours: readonly KeptHours[];
  readonly state: RolloutState;
  readonly members: readonly Member[];
  readonly observed: ReadonlyMap<string, Observation>;
  /** Of gates that take more than a look into the database. */
  readonly measured: readonly RolloutEvidence[];
  readonly now: Date;
}

/** What is to be written, all at once. */
export interface Step {
  readonly state: RolloutState;
  readonly members: readonly Member[];
  /** Members that get the change, or get back what they had: their instances are written with the step. */
  readonly change: readonly Member[];
  readonly revert: readonly Member[];
  /** Whether all have it: what they were held to is what everybody has from now on. */
  readonly finish: boolean;
  /** Seconds until it is looked at again; undefined where somebody has to do something first. */
  readonly dueInSeconds: number | undefined;
}

/** The next step of a rollout: of what is known alone, so that whoever takes it comes to the same. */
export function nextStep(known: Known): Step {
  switch (known.state.phase) {
    case "Progressing":
      return progress(known);
    case "RollingBack":
      return rollBack(known);
    default:
      return { ...nothing(known), dueInSeconds: undefined };
  }
}

function nothing({ state, members }: Pick<Known, "state" | "members">): Step {
  return { state, members, change: [], revert: [], finish: false, dueInSeconds: lookSeconds(members) };
}

function lookSeconds(members: readonly Member[]): number {
  return Math.max(LOOK_SECONDS, members.length / LOOKED_MAX);
}

function progress(known: Known): Step {
  const { spec, state, now } = known;
  const index = state.waves.findIndex(({ phase }) => phase !== "Passed");
  const wave = state.waves[index];
  if (!wave) {
    return finished(known);
  }
  if (wave.phase === "Pending") {
    if (wave.approval && wave.approvedBy === undefined) {
      const message = `wave '${wave.name}' begins when somebody approves of it`;
      return {
        ...nothing({ ...known, state: { ...state, phase: "AwaitingApproval", reason: RolloutReason.ApprovalRequired, message } }),
        dueInSeconds: undefined,
      };
    }
    const closed = closedBecause([spec, ...known.hours], now);
    if (closed !== undefined) {
      return { ...nothing({ ...known, state: { ...state, reason: RolloutReason.Waiting, message: closed } }), dueInSeconds: REST_SECONDS };
    }
  }
  const begun: Wave = { ...wave, phase: wave.phase === "Baking" ? "Baking" : "Updating", startedAt: wave.startedAt ?? now.toISOString() };
  const looked = known.members.map((member) => lookAt(member, index, known));
  const members = looked.map(({ member }) => member);
  const failed = members.filter((member) => member.wave <= index && member.state === "failed");
  if (failed.length > 0) {
    return failing({ ...known, members }, index, begun, failed);
  }
  const own = members.filter((member) => member.wave === index);
  if (own.some(({ state: of }) => of === "pending")) {
    return start({ ...known, members }, index, begun, looked);
  }
  const waiting = members.filter((member) => member.wave <= index && member.state === "updating");
  const gates = evidenceOf(
    looked.filter(({ member }) => member.wave <= index && (member.state === "updated" || member.state === "updating")),
    spec,
    now,
  );
  if (waiting.length > 0) {
    const message = `wave '${wave.name}': ${waiting.length} of ${own.length} instances are not ready yet: ${namesOf(waiting)}`;
    const next = withWave(state, index, { ...begun, phase: "Updating", bakesUntil: undefined, gates });
    return { ...nothing({ ...known, members, state: { ...next, reason: RolloutReason.Updating, message } }) };
  }
  return bake({ ...known, members }, index, begun, gates);
}

/** An instance as it is found. */
function lookAt(member: Member, index: number, { spec, observed, now }: Known): Looked {
  const seen = observed.get(member.instance);
  const isDone = member.state === "left" || member.state === "failed" || member.wave > index;
  if (isDone) {
    return { member, seen };
  }
  if (!seen) {
    return { member: { ...member, state: "left", message: "it is not there any more" }, seen };
  }
  if (member.state === "pending") {
    const isAsPlanned = seen.held === member.from || (member.again && seen.held === member.to);
    const message = `somebody changed it since it was planned: it was held to ${heldText(member.from)}, and is to ${heldText(seen.held)}`;
    return { member: isAsPlanned ? member : { ...member, state: "failed", message }, seen };
  }
  const verdict = verdictOf({ member, seen }, seen, spec, now);
  if (verdict.state === "failed") {
    return { member: { ...member, ...verdict }, seen };
  }
  if (verdict.state === "waiting") {
    // One that was ready and is not any more has the same time once more.
    return { member: member.state === "updated" ? { ...member, state: "updating", changedAt: now.toISOString() } : member, seen };
  }
  if (member.state === "updating") {
    return { member: { ...member, state: "updated", message: "", restarts: seen.restarts }, seen };
  }
  const ended = seen.restarts - member.restarts;
  if (ended > spec.gates.restarts.max) {
    const message = `its claw ended by itself ${ended} times since it came up, of ${spec.gates.restarts.max} that are let pass`;
    return { member: { ...member, state: "failed", message }, seen };
  }
  // A pod that was made anew counts from the start.
  return { member: ended < 0 ? { ...member, restarts: seen.restarts } : member, seen };
}

/** Changes as many instances of a wave as may be unavailable. */
function start(known: Known, index: number, wave: Wave, looked: readonly Looked[]): Step {
  const { spec, state, members, now } = known;
  const closed = closedBecause([spec, ...known.hours], now);
  const pending = members.filter((member) => member.wave === index && member.state === "pending");
  const unavailable = new Set(
    looked
      .filter(({ member, seen }) => member.state === "updating" || (seen?.running === true && !seen.ready))
      .map(({ member }) => member.instance),
  );
  let room = unavailableMax(spec.maxUnavailable, members.length) - unavailable.size;
  const chosen: Member[] = [];
  for (const member of closed === undefined ? pending : []) {
    // One that is down already is no more so by its change.
    const cost = unavailable.has(member.instance) ? 0 : 1;
    if (chosen.length < BATCH && cost <= room) {
      room -= cost;
      chosen.push({ ...member, state: "updating", changedAt: now.toISOString(), message: "", generation: undefined });
    }
  }
  const message =
    closed ??
    (chosen.length > 0
      ? `wave '${wave.name}': ${pending.length - chosen.length} instances are still to be changed`
      : `wave '${wave.name}' waits: ${unavailable.size} instances are not ready, and no more may be at a time`);
  const changed = new Map(chosen.map((member) => [member.instance, member]));
  return {
    state: {
      ...withWave(state, index, { ...wave, phase: "Updating", bakesUntil: undefined }),
      reason: closed ? RolloutReason.Waiting : RolloutReason.Updating,
      message,
    },
    members: members.map((member) => changed.get(member.instance) ?? member),
    change: chosen,
    revert: [],
    finish: false,
    dueInSeconds: closed === undefined ? LOOK_SECONDS : REST_SECONDS,
  };
}

/** Watches a wave whose instances all have the change. */
function bake(known: Known, index: number, wave: Wave, gates: readonly RolloutEvidence[]): Step {
  const { spec, state, members, measured, now } = known;
  const isNew = wave.bakesUntil === undefined;
  const bakesUntil = wave.bakesUntil ?? new Date(now.getTime() + spec.bakeSeconds * 1000).toISOString();
  const bakingSince = Date.parse(bakesUntil) - spec.bakeSeconds * 1000;
  const all = [...gates, ...askedOutside(spec, isNew ? [] : measured, bakingSince, now)];
  const baking: Wave = { ...wave, phase: "Baking", bakesUntil, gates: all };
  const failed = all.find(({ verdict }) => verdict === "failed");
  if (failed) {
    const message = `wave '${wave.name}': the gate ${failed.gate} failed: ${failed.value}, where ${failed.threshold} is wanted (${failed.source})`;
    return failAt(known, index, baking, message);
  }
  const missing = all.filter(({ verdict }) => verdict !== "passed");
  if (now.toISOString() < bakesUntil || missing.length > 0) {
    const message =
      now.toISOString() < bakesUntil
        ? `wave '${wave.name}' is watched until ${bakesUntil}`
        : `wave '${wave.name}' waits for ${missing.map(({ gate }) => gate).join(", ")}`;
    const left = (Date.parse(bakesUntil) - now.getTime()) / 1000;
    return {
      ...nothing({ members, state: { ...withWave(state, index, baking), reason: RolloutReason.Baking, message } }),
      dueInSeconds: left > 0 ? Math.min(left, lookSeconds(members)) : lookSeconds(members),
    };
  }
  const passed = withWave(state, index, { ...baking, phase: "Passed", passedAt: now.toISOString() });
  if (index === state.waves.length - 1) {
    return finished({ ...known, state: passed });
  }
  const message = `wave '${wave.name}' has passed`;
  return { ...nothing({ members, state: { ...passed, reason: RolloutReason.WavePassed, message } }), dueInSeconds: 0 };
}

/** What gates that ask claws have found since the wave came up. */
function askedOutside({ gates }: RolloutSpec, measured: readonly RolloutEvidence[], since: number, now: Date): RolloutEvidence[] {
  const wanted: RolloutEvidence["gate"][] = [
    ...(gates.logErrors ? ["log-errors" as const] : []),
    ...(gates.probe ? ["probe" as const] : []),
  ];
  return wanted.map((gate) => {
    const found = measured.find((evidence) => evidence.gate === gate && Date.parse(evidence.measuredAt) >= since);
    const unmeasured = {
      gate,
      verdict: "waiting",
      value: "not measured yet",
      threshold: "",
      code: "NotMeasured",
      params: {},
      measuredAt: now.toISOString(),
      source: "",
    } as const;
    return found ?? unmeasured;
  });
}

function failing(known: Known, index: number, wave: Wave, failed: readonly Member[]): Step {
  const [first] = failed;
  const others = failed.length > 1 ? `, and ${failed.length - 1} others` : "";
  return failAt(known, index, wave, `wave '${wave.name}': ${first?.name}: ${first?.message}${others}`);
}

function failAt({ spec, state, members }: Known, index: number, wave: Wave, message: string): Step {
  const rollsBack = spec.onFailure === "rollback";
  const next = withWave(state, index, { ...wave, phase: "Failed", bakesUntil: undefined });
  return {
    ...nothing({ members, state: { ...next, phase: rollsBack ? "RollingBack" : "Paused", reason: RolloutReason.GateFailed, message } }),
    dueInSeconds: rollsBack ? 0 : undefined,
  };
}

function finished({ state, members, now }: Known): Step {
  const message = `all ${members.length} instances have it`;
  return {
    ...nothing({ members, state: { ...state, phase: "Completed", reason: RolloutReason.Completed, message, endedAt: now.toISOString() } }),
    finish: true,
    dueInSeconds: undefined,
  };
}

/** Gives instances back what they had; what somebody else has changed meanwhile stays. */
function rollBack(known: Known): Step {
  const { state, observed, now } = known;
  const revert: Member[] = [];
  const members = known.members.map((member): Member => {
    const seen = observed.get(member.instance);
    if (member.state === "left" || member.state === "reverted" || member.generation === undefined) {
      return member;
    }
    if (!seen) {
      return { ...member, state: "left", message: "it is not there any more" };
    }
    if (member.state === "reverting") {
      return seen.observedGeneration >= member.generation ? { ...member, state: "reverted" } : member;
    }
    if (seen.held !== member.to) {
      const message =
        seen.held === member.from ? "it had got back what it had already" : "somebody changed it meanwhile: it stays as it is";
      return { ...member, state: seen.held === member.from ? "reverted" : "left", message };
    }
    if (revert.length === BATCH) {
      return member;
    }
    const reverting: Member = { ...member, state: "reverting", changedAt: now.toISOString() };
    revert.push(reverting);
    return reverting;
  });
  const isOpen = ({ state: of, generation }: Member) => generation !== undefined && of !== "left" && of !== "reverted";
  const open = members.filter(isOpen);
  if (open.length > 0) {
    const why = state.reason === RolloutReason.GateFailed ? state.message : `${open.length} instances get back what they had`;
    return { ...nothing({ members, state: { ...state, message: why } }), revert };
  }
  const count = members.filter((member) => member.state === "reverted").length;
  const why = state.reason === RolloutReason.GateFailed ? `${state.message}; ` : "";
  const message = `${why}${count} instances have what they had before`;
  return {
    ...nothing({ members, state: { ...state, phase: "RolledBack", message, endedAt: now.toISOString() } }),
    dueInSeconds: undefined,
  };
}

function withWave(state: RolloutState, index: number, wave: Wave): RolloutState {
  return { ...state, waves: state.waves.map((one, at) => (at === index ? wave : one)) };
}

function namesOf(members: readonly Member[]): string {
  return `${members
    .slice(0, 3)
    .map(({ name }) => name)
    .join(", ")}${members.length > 3 ? ", …" : ""}`;
}
