import type {
  Condition,
  InstanceId,
  PlanId,
  RolloutEvidence,
  RolloutId,
  RolloutInstance,
  RolloutPhase,
  RolloutSpec,
  RolloutStatus,
  TenantId,
} from "../../../sdk/contract/index.ts";
import type { StoredActor } from "../access/stored-actor.ts";
import type { StoredResource } from "../resource.ts";

export interface StoredRollout extends StoredResource {
  readonly id: RolloutId;
  readonly tenantId: TenantId;
  readonly spec: RolloutSpec;
  readonly state: RolloutState;
  /** When it is looked at next; undefined while it waits for somebody, or has ended. */
  readonly dueAt: string | undefined;
}

/** How far a rollout is: written by its driver, and by what people ask of it. */
export interface RolloutState {
  readonly phase: RolloutPhase;
  readonly reason: string;
  readonly message: string;
  readonly planId: PlanId | undefined;
  /** By whose leave it goes on. */
  readonly actor: StoredActor;
  readonly waves: readonly Wave[];
  readonly counts: RolloutStatus["counts"];
  readonly leftOut: RolloutStatus["leftOut"];
  readonly conditions: readonly Condition[];
  readonly startedAt: string;
  readonly endedAt: string | undefined;
}

export interface Wave {
  readonly name: string;
  readonly phase: "Pending" | "Updating" | "Baking" | "Passed" | "Failed";
  /** Whether somebody has to approve of it. */
  readonly approval: boolean;
  readonly approvedBy: string | undefined;
  readonly startedAt: string | undefined;
  readonly bakesUntil: string | undefined;
  readonly passedAt: string | undefined;
  readonly gates: readonly RolloutEvidence[];
  readonly instances: number;
  readonly updated: number;
}

/** What an instance is held to: a number of a template's versions or a version of its program; null where it follows whichever is current. */
export type Held = string | number | null;

/** An instance of a rollout. */
export interface Member {
  readonly instance: InstanceId;
  readonly name: string;
  /** The place of its wave among them. */
  readonly wave: number;
  readonly state: RolloutInstance["state"];
  readonly from: Held;
  readonly to: string | number;
  readonly message: string;
  readonly changedAt: string | undefined;
  /** The generation that its last change came to: it has it when that was observed. */
  readonly generation: number | undefined;
  /** How often it had ended by itself when it came up. */
  readonly restarts: number;
  /** It failed and is tried again: what it has by now is no surprise. */
  readonly again: boolean;
  /** The last of its log when it came up; undefined where nobody has read it yet. */
  readonly logMark: string | undefined;
}

/** A rollout that has ended gives its instances free. */
export function hasEnded(phase: RolloutPhase): boolean {
  return phase === "Completed" || phase === "Aborted" || phase === "RolledBack";
}

/** The state with its instances counted. */
export function counted(state: RolloutState, members: readonly Member[]): RolloutState {
  const waves = state.waves.map((wave, index) => {
    const own = members.filter((member) => member.wave === index);
    return { ...wave, instances: own.length, updated: own.filter((member) => member.state === "updated").length };
  });
  return { ...state, waves, counts: countMembers(members) };
}

function countMembers(members: readonly Pick<Member, "state">[]): RolloutStatus["counts"] {
  const of = (...states: Member["state"][]) => members.filter(({ state }) => states.includes(state)).length;
  return {
    total: members.length,
    pending: of("pending"),
    updating: of("updating", "reverting"),
    updated: of("updated"),
    failed: of("failed"),
    reverted: of("reverted"),
    left: of("left"),
  };
}
