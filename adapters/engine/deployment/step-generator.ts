// One file, though a long one: what is decided of a resource rests on all that was decided before, which its parts share.
import { randomBytes } from "node:crypto";
import type { ResourceState } from "../contract/checkpoint.ts";
import { edgesOf } from "../contract/edges.ts";
import { isProviderType, makeUrn, parseReference } from "../contract/urn.ts";
import { Aliases } from "./aliases.ts";
import { shown } from "./apply-step.ts";
import { decideNaming } from "./autonaming.ts";
import type { Registration } from "./comparison.ts";
import { Comparison } from "./comparison.ts";
import type { Diff } from "./diff.ts";
import { applyReplaceOnChanges, isReplace } from "./diff.ts";
import type { Execution } from "./execution.ts";
import { BailError, Limiter } from "./execution.ts";
import type { ConfiguredProvider } from "./providers.ts";
import { Replacements } from "./replacements.ts";
import type { StepExecutor } from "./step-executor.ts";
import type { Goal, ReadGoal, RegisterResult, Step } from "./steps.ts";
import { stateOfGoal, untargetedSame } from "./steps.ts";
import type { Targets, UrnPatterns } from "./targets.ts";
import { isAlwaysIncluded } from "./targets.ts";

/**
 * `update` brings resources to their goals. `destroy` and `refresh` run the program for its providers and components only: custom
 * resources are neither made nor changed.
 */
export type GeneratorMode = "update" | "destroy" | "refresh";

const SEED_BYTES = 32;
const SEEDS_AT_A_TIME = 128;

/**
 * Decides what to do with each resource that the program registers. Registrations are worked on concurrently; whatever one of them
 * decides takes effect at once, in the same tick, and decisions that may have been overtaken while a provider was asked are made again.
 */
export class StepGenerator {
  readonly #execution: Execution;
  readonly #executor: StepExecutor;
  readonly #targets: Targets;
  readonly #mode: GeneratorMode;
  readonly #aliases: Aliases;
  readonly #replacements: Replacements;
  readonly #comparison: Comparison;
  readonly #limiter: Limiter;
  readonly #seen = new Set<string>();
  /** URNs for which this operation decided something other than to delete them. */
  readonly #decided = new Set<string>();
  readonly #skippedCreates = new Set<string>();
  #seeds: Uint8Array = new Uint8Array();
  /** In destroy mode: what was registered and is to be deleted after all. */
  readonly toDelete: ResourceState[] = [];
  /** In refresh mode: what was read already, by old state; nothing when it is gone. */
  readonly refreshed = new Map<ResourceState, ResourceState | undefined>();

  constructor(execution: Execution, executor: StepExecutor, targets: Targets, mode: GeneratorMode) {
    this.#execution = execution;
    this.#executor = executor;
    this.#targets = targets;
    this.#mode = mode;
    this.#aliases = new Aliases(execution);
    this.#replacements = new Replacements(execution, (urn) => this.#decided.has(urn));
    this.#comparison = new Comparison(execution, this.#aliases, this.#replacements.replaced);
    this.#limiter = new Limiter(execution.request.options.parallel);
  }

  get seen(): ReadonlySet<string> {
    return this.#seen;
  }
  get replacements(): Replacements {
    return this.#replacements;
  }
  get replaceTargets(): UrnPatterns {
    return this.#comparison.replaceTargets;
  }
  /** Whether a state was dealt with, under its own name or the one that it has now. */
  isDecided(urn: string): boolean {
    return this.#decided.has(this.#aliases.successorOf(urn) ?? urn);
  }

  async register(given: Goal): Promise<RegisterResult> {
    const urn = this.#claimUrn(given.parent, given.type, given.name);
    const randomSeed = this.#nextSeed();
    const naming = given.custom ? decideNaming(this.#execution.request.options.naming, urn, randomSeed) : undefined;
    const goal = naming?.isFixed ? { ...given, deleteBeforeReplace: true } : given;
    const { old, invalid } = await this.#aliases.findOld(urn, goal, (other) => this.#seen.has(other));
    const now = stateOfGoal(urn, goal, old);
    if (isProviderType(goal.type)) {
      this.#comparison.addProvider(now);
    }

    if (this.#mode === "refresh" && old && this.#targets.includes(old)) {
      if (isManaged(goal)) {
        return this.#refresh(now, old);
      }
      await this.#finish([{ op: "refresh", urn, old, new: now, internal: true }], now);
    }
    const settled = this.#mode === "update" ? undefined : this.#settleUnmade(goal, now, old);
    if (settled) {
      return this.#finish(settled, now);
    }

    const provider = isManaged(goal) ? await this.#providerOf(now) : undefined;
    const registration = { urn, goal, now, provider, randomSeed, naming, isImported: false };
    if (isImport(goal, old)) {
      return this.#import(registration, old, invalid);
    }
    return this.#finish(await this.#limiter.run(() => this.#decide(registration, old, invalid)), now);
  }

  async read(goal: ReadGoal): Promise<RegisterResult> {
    const urn = this.#claimUrn(goal.parent, goal.type, goal.name);
    const { old } = await this.#aliases.findOld(urn, { ...goal, aliases: [] }, (other) => this.#seen.has(other));
    const now: ResourceState = { urn, custom: true, id: goal.id, type: goal.type, inputs: goal.inputs, external: true };
    if (goal.parent) {
      now.parent = goal.parent;
    }
    if (goal.dependencies.length > 0) {
      now.dependencies = [...goal.dependencies];
    }
    now.provider = goal.provider;
    if (goal.additionalSecretOutputs.length > 0) {
      now.additionalSecretOutputs = [...goal.additionalSecretOutputs];
    }
    if (!goal.id) {
      throw new Error(`Expected an ID for ${urn}`);
    }
    this.#decided.add(urn);
    if (old && !old.external && old.id !== goal.id) {
      this.#replacements.replaced.add(urn);
      return this.#finish(
        [
          { op: "read-replacement", urn, old, new: now },
          { op: "replace", urn, old, new: now },
        ],
        now,
      );
    }
    if (this.#mode === "destroy") {
      this.toDelete.push(now);
    }
    return this.#finish([{ op: "read", urn, old, new: now }], now);
  }

  /** From the kernel for many at a time: to ask for each costs as much as the rest of a registration that changes nothing. */
  #nextSeed(): Uint8Array {
    if (this.#seeds.length === 0) {
      this.#seeds = randomBytes(SEED_BYTES * SEEDS_AT_A_TIME);
    }
    const seed = this.#seeds.subarray(0, SEED_BYTES);
    this.#seeds = this.#seeds.subarray(SEED_BYTES);
    return seed;
  }

  #claimUrn(parent: string | undefined, type: string, name: string): string {
    if (parent && !this.#seen.has(parent)) {
      throw new Error(`could not find parent resource ${parent}`);
    }
    const { stack, project } = this.#execution.request.ref;
    const urn = makeUrn(stack, project, parent, type, name);
    if (this.#seen.has(urn)) {
      this.#execution.bail(`Duplicate resource URN '${urn}'; try giving it a unique name`, urn);
    }
    this.#seen.add(urn);
    return urn;
  }

  async #finish(steps: readonly Step[], fallback: ResourceState): Promise<RegisterResult> {
    this.#refuseMissingTargets(steps);
    const own = steps.at(-1);
    const result = await this.#executor.runChain(steps);
    if (result === "stopped" || this.#execution.stopped) {
      throw new BailError("the operation was stopped");
    }
    return {
      state: own?.new ?? fallback,
      result: result === "done" ? "success" : result === "skipped" ? "skip" : "fail",
      unknown: own?.skippedCreate ?? false,
    };
  }

  async #providerOf(state: ResourceState): Promise<ConfiguredProvider> {
    const { provider = "", urn } = state;
    const known = this.#execution.providers.find(provider);
    if (known) {
      return known;
    }
    const reference = parseReference(provider);
    if (this.#execution.base.partial) {
      await this.#execution.base.ensure([reference.urn]);
    }
    const old = this.#execution.base.findAll(reference.urn).find((candidate) => candidate.id === reference.id);
    if (!old) {
      this.#execution.bail(`unknown provider '${provider}' for resource '${urn}'`, urn);
    }
    return this.#execution.providers.get(provider);
  }

  /** Reads a resource that the program registers, with the provider that the program configured. */
  async #refresh(now: ResourceState, old: ResourceState): Promise<RegisterResult> {
    const step: Step = { op: "refresh", urn: now.urn, old, new: now };
    this.#decided.add(now.urn);
    const result = await this.#finish([step], old);
    this.refreshed.set(old, step.new);
    if (step.new) {
      return { ...result, state: step.new };
    }
    this.#skippedCreates.add(now.urn);
    return this.#finish([{ op: "same", urn: now.urn, old: { ...now }, new: now, skippedCreate: true }], now);
  }

  /** Steps of a resource when the program runs for a destroy or a refresh; nothing when it is treated as in an update. */
  #settleUnmade(goal: Goal, now: ResourceState, old: ResourceState | undefined): Step[] | undefined {
    const { urn } = now;
    const needsSkipped = edgesOf(now).some((edge) => this.#skippedCreates.has(edge.urn));
    if ((isManaged(goal) && !old) || (needsSkipped && (this.#mode === "destroy" || !old))) {
      this.#skippedCreates.add(urn);
      if (this.#mode === "refresh") {
        this.#decided.add(urn);
      }
      if (old?.outputs) {
        now.outputs = old.outputs;
      }
      return [{ op: "same", urn, old: { ...now }, new: now, skippedCreate: true }];
    }
    if (this.#mode === "destroy" && !isManaged(goal)) {
      this.toDelete.push(now);
    }
    if (!old || !(isManaged(goal) || needsSkipped)) {
      return undefined;
    }
    this.#decided.add(urn);
    if (this.#mode === "refresh") {
      // What its new goal needs is not there: it goes on as it was.
      return [{ op: "same", urn, old, new: { ...old } }];
    }
    this.toDelete.push(now);
    if (old.inputs) {
      now.inputs = old.inputs;
    }
    return [{ op: "same", urn, old, new: now }];
  }

  /** Reads what is to be imported; that state is then the old one of an ordinary update in the same run. */
  async #import(registration: Registration, old: ResourceState | undefined, invalid: boolean): Promise<RegisterResult> {
    const { urn, goal, now } = registration;
    const recreating = this.#execution.deletes.has(urn);
    const original = old && !recreating ? old : undefined;
    const replaced: Step[] = original ? [{ op: "replace", urn, old: original, new: now }] : [];
    const read: Step = {
      op: original ? "import-replacement" : "import",
      urn,
      old: undefined,
      new: now,
      original: original ?? old,
      ignoreChanges: goal.ignoreChanges,
    };
    this.#decided.add(urn);
    const imported = await this.#finish([read, ...replaced], now);
    if (imported.result !== "success") {
      return imported;
    }
    const next = stateOfGoal(urn, goal, now);
    const after = await this.#limiter.run(() => this.#decide({ ...registration, now: next, isImported: true }, now, invalid));
    return after.length === 0 ? imported : this.#finish(after, next);
  }

  async #decide(registration: Registration, old: ResourceState | undefined, invalid: boolean): Promise<Step[]> {
    const { urn, goal, now } = registration;
    const { deletes } = this.#execution;
    const wanted = old ? this.#comparison.wantedInputs(registration, old) : goal.inputs;
    const isTargeted = isAlwaysIncluded(urn) || this.#targets.includes(now);
    if (!isTargeted) {
      if (old && deletes.has(urn)) {
        // It went with what was replaced, so it has to come again: as it was.
        now.inputs = old.inputs ?? {};
        return this.#recreate(now, old);
      }
      this.#decided.add(urn);
      if (old) {
        return this.#carryOver(old);
      }
      this.#skippedCreates.add(urn);
      delete now.inputs;
      return [{ op: "same", urn, old: { ...now }, new: now, skippedCreate: true }];
    }

    let recreating = deletes.has(urn);
    const startsAfresh = () => recreating || !old || old.external || this.#comparison.isReplaceTarget(urn, old);
    const checking = startsAfresh() ? this.#comparison.check(registration) : this.#comparison.check(registration, old, wanted);
    if (!(await checking) || invalid) {
      throw new BailError(`resource ${urn} is invalid`);
    }

    let diff: Diff | undefined;
    if (old && !old.external && !recreating && !deletes.has(urn)) {
      diff = await this.#comparison.diff(registration, old, wanted);
    }
    // While the provider was asked, a replacement elsewhere may have deleted the old state.
    if (!recreating && deletes.has(urn)) {
      recreating = true;
      if (!(await this.#comparison.check(registration))) {
        throw new BailError(`resource ${urn} is invalid`);
      }
    }

    if (recreating && old) {
      return this.#recreate(now, old);
    }
    if (old?.external) {
      this.#decided.add(urn);
      return [
        { op: "create-replacement", urn, old, new: now, pendingDelete: true },
        { op: "replace", urn, old, new: now },
      ];
    }
    if (!old || !diff) {
      this.#decided.add(urn);
      return [{ op: "create", urn, old: undefined, new: now }];
    }

    const hasInitErrors = (old.initErrors?.length ?? 0) > 0;
    diff = applyReplaceOnChanges(diff, goal.replaceOnChanges, hasInitErrors);
    if (old.pendingReplacement || (diff.changes === "some" && isReplace(diff))) {
      return this.#replace(registration, old, diff);
    }
    this.#decided.add(urn);
    if (diff.changes === "some" || hasInitErrors) {
      const { changedKeys: diffs, detailedDiff } = diff;
      return [{ op: "update", urn, old, new: now, diffs, detailedDiff, ignoreChanges: goal.ignoreChanges }];
    }
    return registration.isImported ? [] : [{ op: "same", urn, old, new: now }];
  }

  /** Steps of what a replacement elsewhere deleted. */
  #recreate(now: ResourceState, old: ResourceState): Step[] {
    const { urn } = now;
    this.#execution.deletes.delete(urn);
    this.#decided.add(urn);
    this.#replacements.replaced.add(urn);
    const keys = this.#replacements.keysOf(urn);
    return [
      { op: "replace", urn, old, new: now },
      { op: "create-replacement", urn, old, new: now, keys },
    ];
  }

  async #replace(registration: Registration, old: ResourceState, diff: Diff): Promise<Step[]> {
    const { urn, goal, now } = registration;
    const { events, dryRun, deletes } = this.#execution;
    const { changedKeys: diffs, detailedDiff } = diff;
    // A changed trigger replaces without being a property that does.
    const keys = diff.replaceKeys.filter((key) => key !== "replacementTrigger");
    if (old.protect && now.protect) {
      const message =
        `unable to replace resource "${urn}"\nas it is currently marked for protection. To unprotect the resource, ` +
        "remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`";
      if (!dryRun) {
        this.#execution.bail(message, urn);
      }
      // The preview goes on, to show what would be replaced and why.
      this.#execution.sawError = true;
      events.diagnostic("error", message, urn);
    }
    if (goal.importId) {
      const message =
        "previously-imported resources that still specify an ID may not be replaced; " +
        `please remove the \`import\` declaration from your program;\n${keys
          .map((key) => `${key}: ${shown(old.inputs, key)} => ${shown(now.inputs, key)}`)
          .join("\n")}`;
      if (!dryRun) {
        throw new Error(message);
      }
      events.diagnostic("warning", message, urn);
    }
    this.#replacements.replaced.add(urn);
    if (!this.#comparison.isReplaceTarget(urn, old) && !(await this.#comparison.check(registration))) {
      throw new BailError(`resource ${urn} has check errors`);
    }
    const shared = { urn, old, new: now, keys, diffs, detailedDiff };
    if (!(goal.deleteBeforeReplace ?? diff.deleteBeforeReplace) && !old.pendingReplacement) {
      this.#decided.add(urn);
      return [
        { op: "create-replacement", ...shared, pendingDelete: true },
        { op: "replace", ...shared },
      ];
    }
    const dependents = await this.#replacements.deleteDependents(old);
    this.#decided.add(urn);
    const first: Step[] = [];
    if (!old.pendingReplacement) {
      deletes.add(old.urn);
      first.push({ op: deleteOp(old), urn: old.urn, old, new: undefined, pendingReplacement: true });
    }
    return [...dependents, ...first, { op: "replace", ...shared }, { op: "create-replacement", ...shared }];
  }

  /** A resource that is not targeted stays as it was, and so does everything that it needs. */
  #carryOver(old: ResourceState): Step[] {
    this.#refuseLostProvider(old);
    const steps: Step[] = [];
    const carry = (state: ResourceState) => {
      if (state.delete) {
        return;
      }
      this.#seen.add(state.urn);
      this.#decided.add(state.urn);
      for (const edge of [...edgesOf(state)].reverse()) {
        const needed = this.isDecided(edge.urn) ? undefined : this.#execution.base.find(edge.urn);
        if (needed) {
          carry(needed);
        }
      }
      steps.push(untargetedSame(state));
    };
    carry(old);
    return steps;
  }

  /** One that was replaced knows nothing any more of what the resource was made with. */
  #refuseLostProvider({ urn, provider }: ResourceState): void {
    const reference = provider ? parseReference(provider) : undefined;
    const registered = reference && this.#execution.news.get(reference.urn);
    if (!registered || registered.id === reference.id) {
      return;
    }
    const message =
      `provider ${provider} for resource ${urn} has not been registered yet, this is due to a change of providers mixed ` +
      "with --target. Change your program back to the original providers";
    this.#execution.bail(message, urn);
  }

  /** A targeted resource can't be made when what it needs is not, for want of being targeted. */
  #refuseMissingTargets(steps: readonly Step[]): void {
    if (this.#skippedCreates.size === 0 || this.#mode !== "update") {
      return;
    }
    for (const step of steps) {
      if (!step.new || step.skippedCreate) {
        continue;
      }
      for (const edge of edgesOf(step.new)) {
        if (!this.#skippedCreates.has(edge.urn)) {
          continue;
        }
        const message = `Resource '${step.urn}' depends on '${edge.urn}' which was was not specified in --target list.`;
        if (!this.#execution.dryRun) {
          this.#execution.bail(message, step.urn);
        }
        this.#execution.sawError = true;
        this.#execution.events.diagnostic("error", message, step.urn);
        this.#skippedCreates.delete(edge.urn);
      }
    }
  }
}

/** Whether a resource is made by a provider, rather than a component or a provider itself. */
function isManaged(goal: Goal): boolean {
  return goal.custom && !isProviderType(goal.type);
}

export function deleteOp(old: ResourceState): "delete-replaced" | "discard-replaced" {
  return old.external ? "discard-replaced" : "delete-replaced";
}

function isImport(goal: Goal, old: ResourceState | undefined): boolean {
  if (!goal.custom || !goal.importId) {
    return false;
  }
  return !old || old.external === true || (old.importID || old.id) !== goal.importId;
}
