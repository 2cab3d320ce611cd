import { newId, RolloutInputSchema, type RolloutSpec, type TenantId } from "../../../sdk/contract/index.ts";
import type { Observation } from "../../../service/domain/rollouts/gates.ts";
import { counted, type Member, type RolloutState, type StoredRollout } from "../../../service/domain/rollouts/rollout.ts";
import { planWaves } from "../../../service/domain/rollouts/waves.ts";

/** What a manifest of a rollout says, with all defaults. */
export function aRolloutSpec(spec: object = {}): RolloutSpec {
  const change = { config: { template: "base", version: 2 } };
  const manifest = { apiVersion: "clusterclaw.io/v1", kind: "Rollout", metadata: { name: "r" }, spec: { change, ...spec } };
  return RolloutInputSchema.parse(manifest).spec;
}

export function aMember(over: Partial<Member> = {}): Member {
  return {
    instance: newId("ins"),
    name: "web",
    wave: 0,
    state: "pending",
    from: null,
    to: 2,
    message: "",
    changedAt: undefined,
    generation: undefined,
    restarts: 0,
    again: false,
    logMark: undefined,
    ...over,
  };
}

/** As many instances as are asked for, in the waves of the specification. */
export function someMembers(spec: RolloutSpec, count: number): { readonly members: Member[]; readonly state: RolloutState } {
  const planned = planWaves(spec, count, []);
  const members = planned.flatMap((wave, index) => wave.members.map((place) => aMember({ name: `web-${place}`, wave: index })));
  const state: RolloutState = {
    phase: "Progressing",
    reason: "Begun",
    message: "",
    planId: undefined,
    actor: { subject: "alice", groups: [], keys: [], tenantId: undefined, scopes: undefined, everything: false },
    waves: planned.map(({ wave }) => wave),
    counts: { total: 0, pending: 0, updating: 0, updated: 0, failed: 0, reverted: 0, left: 0 },
    leftOut: [],
    conditions: [],
    startedAt: "2026-01-01T00:00:00.000Z",
    endedAt: undefined,
  };
  return { members, state: counted(state, members) };
}

export function anObservation(over: Partial<Observation> = {}): Observation {
  return {
    held: null,
    generation: 1,
    observedGeneration: 1,
    running: true,
    ready: true,
    why: "",
    failure: undefined,
    runs: undefined,
    config: "used",
    restarts: 0,
    ...over,
  };
}

export function aStoredRollout({ tenantId }: { readonly tenantId: TenantId }): StoredRollout {
  const spec = aRolloutSpec();
  const now = new Date().toISOString();
  const times = { createdAt: now, updatedAt: now };
  const metadata = { name: "next", labels: {}, annotations: {}, generation: 1, resourceVersion: 1 };
  return { id: newId("rll"), tenantId, ...metadata, ...times, spec, state: someMembers(spec, 1).state, dueAt: undefined };
}
