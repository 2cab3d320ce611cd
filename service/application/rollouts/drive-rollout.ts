import {
  ClawError,
  ConditionReason,
  ConditionType,
  InstancePhase,
  type RolloutId,
  RolloutReason,
  type RolloutSpec,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { batchesOf } from "../../domain/batches.ts";
import type { PlannedChange } from "../../domain/change.ts";
import { digestOf } from "../../domain/digest.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { Observation } from "../../domain/rollouts/gates.ts";
import { counted, type Member, type StoredRollout } from "../../domain/rollouts/rollout.ts";
import { nextStep, type Step } from "../../domain/rollouts/step.ts";
import { hoursOf } from "../../domain/rollouts/windows.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import { type ResolveDependencies, resolveInstances } from "../instances/resolve-instance.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import { assertAllowed, foundOut, makeChanges } from "../resources/changes.ts";
import type { Written } from "../resources/kind.ts";
import { carryOut } from "../resources/requests.ts";
import { type Finish, finishing } from "./finish-rollout.ts";
import { leaveOf } from "./leave.ts";
import { type Asking, isToMeasure, type Measured, measure } from "./measure.ts";
import { heldTo, holdTo } from "./selection.ts";
import { tellProgress } from "./tell-progress.ts";

/** A rollout that is this driver's for a while; who has claimed it since has another fence. */
export interface Claim {
  readonly id: RolloutId;
  readonly tenantId: TenantId;
  readonly fence: number;
}

/** Whoever it goes on for may not do it any more. */
class NoLeave extends Error {}

/**
 * Takes one step of a rollout: looks at what there is, and writes what follows, with the instances that it changes, in one transaction. A driver
 * that dies has done a step or has not.
 */
export async function driveRollout(claim: Claim, deps: ApplicationDependencies): Promise<void> {
  try {
    const measured = await askClaws(claim, deps);
    const { written, phase } = await foundOut((look) =>
      deps.transactions.platform((tx) => takeStep(tx, claim, { ...deps, look, measured })),
    );
    if (phase) {
      deps.tallies.count("claw_rollout_phases_total", { phase });
    }
    await carryOut(written, deps);
  } catch (error) {
    const isRefused = error instanceof ClawError && error.status < 500 && error.code !== "resource.version_conflict";
    if (!isRefused && !(error instanceof NoLeave)) {
      throw error;
    }
    const reason = error instanceof NoLeave || error.code === "auth.forbidden" ? RolloutReason.NotAllowed : RolloutReason.WriteRefused;
    await deps.transactions.platform((tx) => hold(tx, claim, { reason, message: error.message }, deps));
  }
}

type Look = (outcome: Awaited<ReturnType<typeof makeChanges>>) => void;

/** What gates want to know of claws: that takes its time, and so no transaction. */
async function askClaws({ id, tenantId, fence }: Claim, deps: ApplicationDependencies): Promise<Measured> {
  const asking = await deps.transactions.platform(async (tx): Promise<Asking | undefined> => {
    const scope = await tx.enter(tenantId);
    const rollout = await scope.rollouts.lock(id, fence);
    if (!rollout || !isToMeasure(rollout)) {
      return undefined;
    }
    const seconds = SPARE_SECONDS + (rollout.spec.gates.probe?.withinSeconds ?? 0) * (rollout.spec.gates.probe?.instances ?? 0);
    await scope.rollouts.save({ ...rollout, dueAt: new Date(deps.clock().getTime() + seconds * 1000).toISOString() }, []);
    const tenant = (await tx.tenants.get(tenantId)).name;
    return { rollout, tenant, actor: await actorOf(tx, rollout, tenant), up: await upOf(tx, scope, rollout, tenant, deps) };
  });
  return asking ? measure(asking, deps) : { evidence: [], marks: new Map() };
}

/** Instances that have the change, of the current wave first. */
async function upOf(
  tx: PlatformTransaction,
  scope: TenantTransaction,
  { id, state }: StoredRollout,
  tenant: string,
  deps: ResolveDependencies,
): Promise<Asking["up"]> {
  const current = state.waves.findIndex(({ phase }) => phase !== "Passed");
  const members = (await scope.rollouts.members(id)).filter((member) => member.state === "updated");
  const first = members.sort((a, b) => Number(b.wave === current) - Number(a.wave === current)).slice(0, BATCH);
  const found = await scope.instances.findAll(first.map(({ name }) => name));
  const resolutions = await resolveInstances(tx, scope, tenant, found, deps);
  const resolutionOf = new Map(resolutions.map((resolution) => [resolution.instance.id, resolution]));
  return first.flatMap((member) => {
    const { instance, secretValues = [] } = resolutionOf.get(member.instance) ?? {};
    return instance && instance.deletedAt === undefined ? [{ member, instance, secretValues }] : [];
  });
}

/** Beyond what a probe may take. */
const SPARE_SECONDS = 60;

interface StepDependencies extends ApplicationDependencies {
  readonly look: Look;
  readonly measured: Measured;
}

async function takeStep(tx: PlatformTransaction, { id, tenantId, fence }: Claim, deps: StepDependencies) {
  const scope = await tx.enter(tenantId);
  const rollout = await scope.rollouts.lock(id, fence);
  if (!rollout) {
    return { written: [], phase: undefined };
  }
  const tenant = (await tx.tenants.get(tenantId)).name;
  const actor = await actorOf(tx, rollout, tenant);
  const before = await scope.rollouts.members(id);
  const { evidence, marks } = deps.measured;
  const members = before.map((member) => ({ ...member, logMark: member.logMark ?? marks.get(member.instance) }));
  const observed = await observe(scope, rollout, members);
  const now = deps.clock();
  const hours = hoursOf(tenant, await scope.policies.inForce());
  const step = nextStep({ spec: rollout.spec, hours, state: rollout.state, members, observed, measured: evidence, now });
  const finish = step.finish ? await finishing(scope, rollout, step.members, tenant) : undefined;
  const changes = [...changesOf(rollout, step, observed, tenant), ...(finish?.changes ?? [])].map((one) => ({
    ...one,
    rollout: rollout.name,
  }));
  const written = await write(tx, changes, { actor, now: now.toISOString() }, deps);
  await save(scope, rollout, { step, written, finish, before }, now);
  return { written, phase: step.state.phase === rollout.state.phase ? undefined : step.state.phase };
}

/** @throws {NoLeave} */
async function actorOf(tx: PlatformTransaction, rollout: StoredRollout, tenant: string): Promise<Actor> {
  const { actor, refused } = await leaveOf(tx, rollout, tenant);
  if (refused !== undefined) {
    throw new NoLeave(refused);
  }
  return actor;
}

async function write(
  tx: PlatformTransaction,
  changes: readonly PlannedChange[],
  by: { readonly actor: Actor; readonly now: string },
  deps: StepDependencies,
): Promise<readonly Written[]> {
  if (changes.length === 0) {
    return [];
  }
  const outcome = await makeChanges(tx, changes, { ...by, ids: {} }, deps);
  deps.look(outcome);
  // Nobody is there to be asked: what its program refuses its gates tell.
  assertAllowed(outcome, deps, true);
  return outcome.written;
}

/** The writes of a step's instances. */
function changesOf(
  { spec }: StoredRollout,
  { change, revert }: Step,
  observed: ReadonlyMap<string, Observation>,
  tenant: string,
): PlannedChange[] {
  const changing = change.map((member): PlannedChange => {
    // One that has it already, and failed with it, begins anew.
    const hasIt = member.again && observed.get(member.instance)?.held === member.to;
    return hasIt ? { action: "restart", name: member.name, tenant } : holdTo(spec.change, member, member.to, tenant);
  });
  const reverting = revert.map((member) => holdTo(spec.change, member, member.from, tenant));
  return [...changing, ...reverting];
}

async function save(
  scope: TenantTransaction,
  rollout: StoredRollout,
  {
    step,
    written,
    finish,
    before,
  }: {
    readonly step: Step;
    readonly written: readonly Written[];
    readonly finish: Finish | undefined;
    readonly before: readonly Member[];
  },
  now: Date,
): Promise<void> {
  const generations = new Map(
    written.flatMap(({ kind, name, after }) => (kind === "ClawInstance" && after ? [[name, after.generation]] : [])),
  );
  const touched = new Set([...step.change, ...step.revert].map(({ instance }) => instance));
  const members = step.members.map((member) =>
    touched.has(member.instance) ? { ...member, generation: generations.get(member.name) ?? member.generation } : member,
  );
  const state = counted(finish ? { ...step.state, ...finish.state } : step.state, members);
  const { dueInSeconds } = step;
  const dueAt = dueInSeconds === undefined ? undefined : new Date(now.getTime() + dueInSeconds * 1000).toISOString();
  const after = { ...rollout, state, dueAt };
  const former = new Map(before.map((member) => [member.instance, member]));
  await scope.rollouts.save(
    after,
    members.filter((member) => digestOf(former.get(member.instance)) !== digestOf(member)),
  );
  await tellProgress(scope, rollout, after, now.toISOString());
}

/** Pauses it, for what can't be written. */
async function hold(
  tx: PlatformTransaction,
  { id, tenantId, fence }: Claim,
  why: { readonly reason: string; readonly message: string },
  { clock, tallies }: Pick<ApplicationDependencies, "clock" | "tallies">,
): Promise<void> {
  const scope = await tx.enter(tenantId);
  const rollout = await scope.rollouts.lock(id, fence);
  if (rollout) {
    const held: StoredRollout = { ...rollout, state: { ...rollout.state, phase: "Paused", ...why }, dueAt: undefined };
    await scope.rollouts.save(held, []);
    await tellProgress(scope, rollout, held, clock().toISOString());
    tallies.count("claw_rollout_phases_total", { phase: "Paused" });
  }
}

/** Instances that are read at a time: each may be large. */
const BATCH = 50;

/** What is known of the instances that the next step is about. */
async function observe(
  scope: TenantTransaction,
  { spec, state }: StoredRollout,
  members: readonly Member[],
): Promise<ReadonlyMap<string, Observation>> {
  const current = state.waves.findIndex(({ phase }) => phase !== "Passed");
  // How many are unavailable is asked of all; what else is to come is of no interest yet.
  const isLooked = ({ wave }: Member) => state.phase === "RollingBack" || spec.maxUnavailable !== undefined || wave <= current;
  const looked = members.filter(isLooked);
  const observed = new Map<string, Observation>();
  for (const batch of batchesOf(looked, BATCH)) {
    for (const instance of await scope.instances.findAll(batch.map(({ name }) => name))) {
      if (instance.deletedAt === undefined) {
        observed.set(instance.id, observationOf(instance, spec));
      }
    }
  }
  return observed;
}

function observationOf(instance: Instance, { change }: RolloutSpec): Observation {
  const { status, generation, spec } = instance;
  const conditionOf = (type: ConditionType) => status.conditions.find((condition) => condition.type === type);
  const ready = conditionOf(ConditionType.Ready);
  const why = ready ? `${ready.reason}${ready.message === "" ? "" : `: ${ready.message}`}` : "nothing is known of it yet";
  return {
    held: heldTo(instance, change),
    generation,
    observedGeneration: status.observedGeneration,
    running: spec.running,
    ready: ready?.status === "True",
    why,
    failure: status.phase === InstancePhase.Failed ? { message: why, since: status.lastTransitionTime } : undefined,
    runs: status.agent?.version,
    config: configOf(conditionOf(ConditionType.ConfigSynced)),
    restarts: status.pod?.restarts ?? status.agent?.restarts ?? 0,
  };
}

function configOf(condition: { readonly status: string; readonly reason: string } | undefined): Observation["config"] {
  if (!condition || condition.reason === ConditionReason.NotTold || condition.reason === ConditionReason.Stopped) {
    return "untold";
  }
  return condition.status === "True" ? "used" : condition.status === "False" ? "refused" : "waiting";
}
