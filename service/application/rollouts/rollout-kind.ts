import { API_VERSION, ClawError, type Rollout, type RolloutInstance, RolloutReason, rolloutFacts } from "../../../sdk/contract/index.ts";
import { storedActor } from "../../domain/access/stored-actor.ts";
import { changedResource } from "../../domain/change.ts";
import { digestOf } from "../../domain/digest.ts";
import { decide } from "../../domain/rollouts/decisions.ts";
import { counted, hasEnded, type Member, type RolloutState, type StoredRollout } from "../../domain/rollouts/rollout.ts";
import type { Tallies } from "../../domain/tallies.ts";
import type { ClawTypes } from "../ports/instances/claw-adapter.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import { defineKind, ofTenant, REMOVED } from "../resources/define-kind.ts";
import type { ResourceKind, TenantWriter } from "../resources/kind.ts";
import { assertAllows } from "../resources/permitted.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { leaveOf } from "./leave.ts";
import { assertCanBeAsked, holdTo, named, planned, type Selection, select, templateOf } from "./selection.ts";
import { tellProgress } from "./tell-progress.ts";

interface RolloutKindDependencies {
  readonly types: ClawTypes;
  readonly tallies: Pick<Tallies, "count">;
}

/** Rollouts: one is made to begin, is about what it was about then, and can't become another. */
export function rolloutKind({ types, tallies }: RolloutKindDependencies): ResourceKind<"Rollout", StoredRollout> {
  return defineKind(rolloutFacts, ofTenant, {
    rows: (tx) => tx.rollouts,
    async build(writer, { metadata, spec }, before: StoredRollout | undefined, base) {
      const { home, stamp } = writer;
      if (before) {
        if (digestOf(before.spec) !== digestOf(spec)) {
          const message = `rollout '${metadata.name}' is what it was begun as`;
          const fix = `abort it (claw rollouts abort ${metadata.name}) and begin another`;
          throw new ClawError("rollout.unchangeable", `${message}; ${fix}`, { issues: [{ path: "spec", message, fix }] });
        }
        return { next: { ...before, ...base } };
      }
      await assertMayFinish(writer, spec.change);
      await assertCanBeAsked(writer.at, spec, types);
      const now = stamp.plan?.appliedAt ?? stamp.now;
      const state: RolloutState = {
        phase: "Progressing",
        reason: RolloutReason.Begun,
        message: "",
        planId: stamp.plan?.id,
        actor: storedActor(stamp.actor),
        waves: [],
        counts: { total: 0, pending: 0, updating: 0, updated: 0, failed: 0, reverted: 0, left: 0 },
        leftOut: [],
        conditions: [],
        startedAt: now,
        endedAt: undefined,
      };
      return { next: { ...base, tenantId: home.id, spec, state, dueAt: now } };
    },
    async settle(writer, { before, after }) {
      if (before) {
        return {};
      }
      const selection = boundTo(writer, await select(writer.at, after.spec, types));
      const { waves, members } = planned(after.name, after.spec, selection);
      await assertFree(writer.at, members);
      await writer.at.rollouts.insertMembers(after.id, members);
      const message = `${members.length} instances in ${waves.length} waves`;
      const begun = { ...after, state: counted({ ...after.state, waves, leftOut: selection.leftOut, message }, members) };
      await writer.at.rollouts.save(begun, []);
      return { after: begun };
    },
    async remove({ at }, before) {
      if (!hasEnded(before.state.phase)) {
        const message = `rollout '${before.name}' is ${before.state.phase}`;
        const fix = `abort it first: claw rollouts abort ${before.name}`;
        throw new ClawError("rollout.active", `${message}; ${fix}`, { issues: [{ path: "", message, fix }] });
      }
      await at.rollouts.delete(before.id);
      return REMOVED;
    },
    async act({ tx, at, home, stamp }, action, { id, name }) {
      // As it is by now: its driver writes it too.
      const current = await at.rollouts.lock(id);
      if (!current) {
        throw new ClawError("rollout.not_found", `there is no rollout '${name}'`);
      }
      const members = await at.rollouts.members(id);
      const { name: _name, ...asked } = action;
      // It goes on for who began it, as long as they have leave; else for who wants it to.
      const { refused } = await leaveOf(tx, current, home.name);
      const actor = refused === undefined ? current.state.actor : storedActor(stamp.actor);
      const decided = decide(name, { state: current.state, members }, { ...asked, by: stamp.actor.subject, actor, at: stamp.now });
      const after = {
        ...current,
        state: counted(decided.state, decided.members),
        dueAt: ["Progressing", "RollingBack"].includes(decided.state.phase) ? stamp.now : undefined,
        resourceVersion: current.resourceVersion + 1,
        updatedAt: stamp.now,
      };
      await at.rollouts.update(after, current.resourceVersion);
      await at.rollouts.save(
        after,
        decided.members.filter((member, index) => member !== members[index]),
      );
      await tellProgress(at, current, after, stamp.now);
      return { op: "update", after };
    },
    present: async (_tx, rollouts, tenant) => rollouts.map((rollout) => presentRollout(rollout, tenant)),
    async committed({ before, after }) {
      if (after && before?.state.phase !== after.state.phase) {
        tallies.count("claw_rollout_phases_total", { phase: after.state.phase });
      }
    },
    async leadsTo({ at, home, stamp }, { metadata, spec }) {
      const selection = boundTo({ stamp }, await select(at, spec, types));
      const { members } = planned(metadata.name, spec, selection);
      await assertFree(at, members);
      return members.map((member) => holdTo(spec.change, member, member.to, home.name));
    },
  });
}

/** Without what joined since its preview, which is said. */
function boundTo({ stamp }: Pick<TenantWriter, "stamp">, selection: Selection): Selection {
  if (!stamp.plan) {
    return selection;
  }
  const seen = new Set(stamp.plan.later.map((change) => changedResource(change).name));
  const joined = selection.candidates.filter(({ name }) => !seen.has(name));
  return {
    ...selection,
    candidates: selection.candidates.filter(({ name }) => seen.has(name)),
    leftOut: [...selection.leftOut, ...named(joined, "have joined since the preview")],
  };
}

/** Who can't let everybody have a template's version, or a secret's value, could begin what they can't end. */
async function assertMayFinish({ at, home, stamp }: TenantWriter, { config, secret }: StoredRollout["spec"]["change"]): Promise<void> {
  if (secret) {
    assertAllows(stamp.actor, "secrets.write", { tenantId: home.id });
  }
  if (config && (await templateOf(at, config.template)).tenantId === home.id) {
    assertAllows(stamp.actor, "configs.write", { tenantId: home.id });
  }
}

/** @throws {ClawError} `rollout.overlaps` */
async function assertFree(at: TenantTransaction, members: readonly Member[]): Promise<void> {
  const [other, ...more] = await at.rollouts.holders(members.map(({ instance }) => instance));
  if (other) {
    const message = `rollout '${other.rollout}' has instance '${other.instance}' of it${more.length > 0 ? ", and others have more" : ""}`;
    const fix = `wait until it has ended, or abort it: claw rollouts abort ${other.rollout}`;
    throw new ClawError("rollout.overlaps", `${message}; ${fix}`, { issues: [{ path: "spec.selector", message, fix }] });
  }
}

function presentRollout(rollout: StoredRollout, tenant: string): Rollout {
  const { phase, reason, message, planId, actor, waves, counts, leftOut, conditions, startedAt, endedAt } = rollout.state;
  return {
    apiVersion: API_VERSION,
    kind: "Rollout",
    metadata: { ...presentMetadata(rollout), namespace: tenant },
    spec: rollout.spec,
    status: {
      ...{ phase, reason, message, actor: actor.subject, counts },
      ...(planId !== undefined && { planId }),
      waves: waves.map(({ approval: _approval, gates, ...wave }) => ({ ...wave, gates: [...gates] })),
      leftOut: [...leftOut],
      startedAt,
      ...(endedAt !== undefined && { endedAt }),
      conditions: [...conditions],
    },
  };
}

/** An instance of a rollout as clients see it. */
export function presentMember(
  { name, wave, state, from, to, message, changedAt }: Member,
  { state: { waves } }: StoredRollout,
): RolloutInstance {
  return { name, wave: waves[wave]?.name ?? "", state, from, to, message, ...(changedAt !== undefined && { changedAt }) };
}
