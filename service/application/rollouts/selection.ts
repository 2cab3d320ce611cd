import { ClawError, type InstanceId, ROLLOUT_INSTANCES_MAX, type RolloutChange, type RolloutSpec } from "../../../sdk/contract/index.ts";
import type { PlannedChange } from "../../domain/change.ts";
import type { ConfigTemplate } from "../../domain/configs/config-template.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { Held, Member, RolloutState } from "../../domain/rollouts/rollout.ts";
import type { PlannedWave } from "../../domain/rollouts/waves.ts";
import { planWaves } from "../../domain/rollouts/waves.ts";
import { FIRST_NUMBER } from "../../domain/secrets/secret.ts";
import { versionOf } from "../configs/config-template-kind.ts";
import type { ClawTypes, KnownClawType } from "../ports/instances/claw-adapter.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import { everyOf } from "../resources/pages.ts";
import { invalid, unknownType } from "../resources/refusals.ts";

/** Names that a status tells of one reason. */
const NAMED_MAX = 20;

/** What a rollout is about, as it is now. */
export interface Selection {
  readonly candidates: readonly Candidate[];
  readonly leftOut: RolloutState["leftOut"];
  /** For each wave by labels, the names that it selects. */
  readonly selected: readonly ReadonlySet<string>[];
}
interface Candidate {
  readonly instance: InstanceId;
  readonly name: string;
  readonly from: Held;
  readonly to: string | number;
}

/** What of an instance a change is about. */
export interface Subject {
  readonly fieldSelector?: string;
  /** Where no selector tells which use it. */
  readonly users?: ReadonlySet<InstanceId>;
  readonly to: string | number;
  heldOf(instance: Instance): Held;
  /** What it has by now, held to it or not. */
  effective(instance: Instance): Held;
}

/** @throws {ClawError} `config.not_found`, `config.version_not_found`, `instance.unknown_type`, `secret.not_found` */
export async function subjectOf(at: TenantTransaction, change: RolloutChange, types: ClawTypes): Promise<Subject> {
  if (change.secret) {
    const { name, number } = change.secret;
    const { state } = await at.secrets.get(name);
    const { number: current = FIRST_NUMBER, nextNumber } = state;
    if (number !== nextNumber && number !== current) {
      const message = `secret '${name}' has no value ${number} that is to come`;
      throw invalid("spec.change.secret.number", message, `give it one: claw secrets set ${name} --hold`);
    }
    return {
      users: await usersOf(at, name),
      to: number,
      heldOf: (instance) => heldTo(instance, change),
      effective: (instance) => {
        const held = heldTo(instance, change);
        return held === nextNumber && held !== undefined ? held : current;
      },
    };
  }
  if (change.config) {
    const { template: name, version } = change.config;
    const template = await templateOf(at, name);
    await versionOf(at, template, version);
    return {
      fieldSelector: `spec.config.template=${name}`,
      to: version,
      heldOf: (instance) => heldTo(instance, change),
      effective: ({ spec }) => spec.config.version ?? template.publishedVersion,
    };
  }
  const { type = "", version = "" } = change.software ?? {};
  const adapter = await types.find(type, at);
  if (!adapter) {
    throw unknownType(
      "spec.change.software.type",
      type,
      (await types.list(at)).map((known) => known.type),
    );
  }
  return {
    fieldSelector: `spec.type=${adapter.type}`,
    to: version,
    heldOf: (instance) => heldTo(instance, change),
    effective: ({ spec }) => spec.version ?? adapter.defaultVersion,
  };
}

/** The instances that name a secret of their tenant's own. */
export async function usersOf(at: TenantTransaction, secret: string): Promise<ReadonlySet<InstanceId>> {
  const users = new Set<InstanceId>();
  for await (const { id } of everyOf((page) => at.instances.listMarks({ secret, shared: false }, page))) {
    users.add(id);
  }
  return users;
}

/** Refuses to ask claws that can't be talked to. @throws {ClawError} `request.invalid` */
export async function assertCanBeAsked(at: TenantTransaction, { change, gates, selector }: RolloutSpec, types: ClawTypes): Promise<void> {
  if (gates.probe) {
    for (const called of await typesOf(at, change, selector)) {
      assertTypeCanBeAsked(await types.find(called, at), gates);
    }
  }
}

async function typesOf(at: TenantTransaction, change: RolloutChange, selector: string | undefined): Promise<Iterable<string>> {
  if (change.secret) {
    const users = await listed(at, { users: await usersOf(at, change.secret.name) }, selector);
    return new Set(users.map(({ spec }) => spec.type));
  }
  return change.config ? [(await templateOf(at, change.config.template)).spec.adapter] : [change.software?.type ?? ""];
}

/** @throws {ClawError} `request.invalid` */
function assertTypeCanBeAsked(adapter: KnownClawType | undefined, gates: RolloutSpec["gates"]): void {
  if (adapter && !adapter.capabilities.chat) {
    throw invalid(
      "spec.gates.probe",
      `claws of type '${adapter.type}' can't be talked to: they have not the capability 'chat'`,
      "leave it out: gates by readiness, restarts and the log need none",
    );
  }
  if (adapter && gates.probe?.maxTokens !== undefined && !adapter.capabilities.usage) {
    const message = `claws of type '${adapter.type}' don't say how many tokens a turn takes: they have not the capability 'usage'`;
    throw invalid("spec.gates.probe.maxTokens", message, "leave it out");
  }
}

/** What an instance is held to; a text that is no version where it uses another template by now. */
export function heldTo({ spec }: Instance, { config, secret }: RolloutChange): Held {
  if (secret) {
    return spec.config.secrets?.find(({ name }) => name === secret.name)?.number ?? null;
  }
  if (!config) {
    return spec.version ?? null;
  }
  return spec.config.template === config.template ? (spec.config.version ?? null) : `of template '${spec.config.template ?? "none"}'`;
}

/** @throws {ClawError} `config.not_found` */
export async function templateOf(at: TenantTransaction, name: string): Promise<ConfigTemplate> {
  return at.templates.get(name);
}

/** The instances that a rollout would change, by name, and those that it leaves as they are. @throws {ClawError} `request.invalid` for more than one takes */
export async function select(at: TenantTransaction, spec: RolloutSpec, types: ClawTypes): Promise<Selection> {
  const subject = await subjectOf(at, spec.change, types);
  const found = await listed(at, subject, spec.selector);
  const differing = found.filter((instance) => subject.effective(instance) !== subject.to);
  const held = differing.filter((instance) => !spec.change.software && subject.heldOf(instance) !== null);
  // What a rollout holds, another one may move on; what somebody holds by hand stays.
  const left = await at.rollouts.leftHeld(
    held.map(({ id }) => id),
    spec.change,
  );
  const byHand = new Set(held.filter((instance) => !left.get(instance.id)?.includes(String(subject.heldOf(instance)))));
  const candidates = differing
    .filter((instance) => !byHand.has(instance))
    .map((instance) => ({ instance: instance.id, name: instance.name, from: subject.heldOf(instance), to: subject.to }));
  if (candidates.length > ROLLOUT_INSTANCES_MAX) {
    const message = `it is about ${candidates.length} instances`;
    throw invalid("spec.selector", message, `choose at most ${ROLLOUT_INSTANCES_MAX} at a time by their labels`);
  }
  const same = found.filter((instance) => subject.effective(instance) === subject.to);
  return {
    candidates,
    leftOut: [
      ...named(same, "have it already"),
      ...named([...byHand], "are held to another version by hand: 'claw pin --newest' lets them go"),
    ],
    selected: await selectedBy(at, spec, subject),
  };
}

async function selectedBy(at: TenantTransaction, { strategy, selector }: RolloutSpec, subject: Subject): Promise<Set<string>[]> {
  const selected: Set<string>[] = [];
  for (const wave of typeof strategy === "object" && "waves" in strategy ? strategy.waves : []) {
    const both = selector === undefined ? wave.selector : `${selector},${wave.selector}`;
    selected.push(new Set((await listed(at, subject, both)).map(({ name }) => name)));
  }
  return selected;
}

async function listed(
  at: TenantTransaction,
  { fieldSelector, users }: Pick<Subject, "fieldSelector" | "users">,
  labelSelector: string | undefined,
): Promise<Instance[]> {
  const query = { ...(fieldSelector !== undefined && { fieldSelector }), ...(labelSelector !== undefined && { labelSelector }) };
  const found: Instance[] = [];
  for await (const instance of everyOf((page) => at.instances.list({ ...page, ...query }))) {
    if (instance.deletedAt === undefined && (users?.has(instance.id) ?? true)) {
      found.push(instance);
    }
  }
  return found;
}

/** Names of instances and why they are told, where there are any. */
export function named(instances: readonly { readonly name: string }[], why: string): RolloutState["leftOut"] {
  const names = instances.slice(0, NAMED_MAX).map(({ name }) => name);
  return instances.length === 0 ? [] : [{ count: instances.length, instances: names, why }];
}

/** Members in the order of their waves, and the waves. @throws {ClawError} `rollout.empty` */
export function planned(name: string, spec: RolloutSpec, { candidates, selected }: Selection) {
  if (candidates.length === 0) {
    const message = `rollout '${name}' would change no instance`;
    const fix = "choose others by 'selector', or another version";
    throw new ClawError("rollout.empty", `${message}; ${fix}`, { issues: [{ path: "spec", message, fix }] });
  }
  const places = selected.map((names) => new Set(candidates.flatMap((candidate, place) => (names.has(candidate.name) ? [place] : []))));
  const waves = planWaves(spec, candidates.length, places);
  return { waves: waves.map(({ wave }) => wave), members: membersOf(waves, candidates) };
}

function membersOf(waves: readonly PlannedWave[], candidates: readonly Candidate[]): Member[] {
  return waves.flatMap(({ members }, wave) =>
    members.flatMap((place): Member[] => {
      const candidate = candidates[place];
      const fresh = { wave, state: "pending", message: "", changedAt: undefined, generation: undefined } as const;
      return candidate ? [{ ...candidate, ...fresh, restarts: 0, again: false, logMark: undefined }] : [];
    }),
  );
}

/** The change that holds an instance to a version, or lets it go. */
export function holdTo(change: RolloutChange, { name }: Pick<Member, "name">, to: Held, tenant: string): PlannedChange {
  if (change.secret) {
    return { action: "pin", name, secret: change.secret.name, version: to === null ? null : Number(to), tenant };
  }
  return change.config
    ? { action: "pin", name, version: to === null ? null : Number(to), tenant }
    : { action: "upgrade", name, version: to === null ? null : String(to), tenant };
}
