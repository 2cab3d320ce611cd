import { ClawError, type RolloutPhase, RolloutReason } from "../../../sdk/contract/index.ts";
import type { StoredActor } from "../access/stored-actor.ts";
import { hasEnded, type Member, type RolloutState } from "./rollout.ts";

/** What somebody decides of a rollout, who, and for whom it goes on then. */
export type Decision = { readonly by: string; readonly actor: StoredActor; readonly at: string } & (
  | { readonly action: "pause" | "resume" | "approve" }
  | { readonly action: "abort"; readonly rollback: boolean }
  | { readonly action: "retry"; readonly instance?: string | undefined }
);

interface Decided {
  readonly state: RolloutState;
  readonly members: readonly Member[];
}

/** The rollout as somebody wants it to go on. @throws {ClawError} `rollout.wrong_phase`, `instance.not_found` */
export function decide(name: string, before: Decided, decision: Decision): Decided {
  const { state, members } = before;
  const { by, actor } = decision;
  const from = (...phases: RolloutPhase[]) => assertPhase(name, decision.action, state.phase, phases);
  switch (decision.action) {
    case "pause":
      from("Progressing", "AwaitingApproval");
      return { members, state: { ...state, phase: "Paused", reason: RolloutReason.PausedByRequest, message: `paused by ${by}` } };
    case "resume":
      from("Paused");
      assertNothingFailed(name, members);
      return { members, state: goingOn(state, decision) };
    case "approve": {
      from("AwaitingApproval");
      const index = state.waves.findIndex(({ phase }) => phase === "Pending");
      const waves = state.waves.map((wave, at) => (at === index ? { ...wave, approvedBy: by } : wave));
      const message = `wave '${waves[index]?.name}' was approved of by ${by}`;
      return { members, state: { ...state, waves, phase: "Progressing", reason: RolloutReason.Approved, message } };
    }
    case "abort": {
      from("Progressing", "AwaitingApproval", "Paused", ...(decision.rollback ? [] : ["RollingBack" as const]));
      return decision.rollback
        ? { members, state: { ...state, actor, phase: "RollingBack", reason: RolloutReason.AbortedByRequest, message: `aborted by ${by}` } }
        : {
            members,
            state: {
              ...state,
              phase: "Aborted",
              reason: RolloutReason.AbortedByRequest,
              message: `aborted by ${by}: instances stay as they are`,
              endedAt: decision.at,
            },
          };
    }
    case "retry": {
      from("Paused");
      const failed = members.filter((member) => member.state === "failed" && (decision.instance ?? member.name) === member.name);
      if (decision.instance !== undefined && failed.length === 0) {
        throw new ClawError("instance.not_found", `no instance '${decision.instance}' of rollout '${name}' has failed`);
      }
      const tried = new Set(failed.map(({ instance }) => instance));
      const next = members.map(
        (member): Member =>
          tried.has(member.instance) ? { ...member, state: "pending", again: true, message: `tried again, for ${by}` } : member,
      );
      const others = next.filter((member) => member.state === "failed").length;
      return {
        members: next,
        state: others === 0 ? goingOn(state, decision) : { ...state, message: `${others} instances have failed still` },
      };
    }
  }
}

/** A wave that failed, or was watched when it was paused, begins to be watched anew. */
function goingOn(state: RolloutState, { by, actor }: Decision): RolloutState {
  const waves = state.waves.map((wave) =>
    wave.phase === "Failed" || wave.phase === "Baking" ? { ...wave, phase: "Updating" as const, bakesUntil: undefined, gates: [] } : wave,
  );
  return { ...state, waves, actor, phase: "Progressing", reason: RolloutReason.Resumed, message: `goes on, as ${by} wants it` };
}

function assertNothingFailed(name: string, members: readonly Member[]): void {
  const failed = members.find(({ state }) => state === "failed");
  if (failed) {
    const message = `instance '${failed.name}' of rollout '${name}' has failed: ${failed.message}`;
    const fix = `claw rollouts retry ${name}, or claw rollouts abort ${name} --rollback`;
    throw new ClawError("rollout.wrong_phase", `${message}; ${fix}`, { issues: [{ path: "", message, fix }] });
  }
}

function assertPhase(name: string, action: string, phase: RolloutPhase, allowed: readonly RolloutPhase[]): void {
  if (!allowed.includes(phase)) {
    const message = `rollout '${name}' is ${phase}, and takes '${action}' where it is ${allowed.join(" or ")}`;
    const fix = hasEnded(phase) ? "it has ended: begin another" : `claw rollouts get ${name}`;
    throw new ClawError("rollout.wrong_phase", `${message}; ${fix}`, { issues: [{ path: "", message, fix }] });
  }
}
