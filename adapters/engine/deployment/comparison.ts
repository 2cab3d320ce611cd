import type { ResourceState } from "../contract/checkpoint.ts";
import { findPath, resetIgnored } from "../contract/property-path.ts";
import { isProviderType, parseReference } from "../contract/urn.ts";
import { hasUnknowns, type PropertyMap } from "../contract/values.ts";
import type { Aliases } from "./aliases.ts";
import { identify, reportCheckFailures } from "./apply-step.ts";
import type { NamingDecision } from "./autonaming.ts";
import type { Diff } from "./diff.ts";
import { isTriggered, keepIgnored, noDiff, replaceDiff, someDiff } from "./diff.ts";
import type { Execution } from "./execution.ts";
import { deepEqual, withoutUnknowns } from "./properties.ts";
import type { ConfiguredProvider } from "./providers.ts";
import { DiffUnavailableError } from "./providers.ts";
import type { Goal } from "./steps.ts";
import { UrnPatterns } from "./targets.ts";

/** A registration on its way to steps. */
export interface Registration {
  readonly urn: string;
  readonly goal: Goal;
  readonly now: ResourceState;
  readonly provider: ConfiguredProvider | undefined;
  readonly randomSeed: Uint8Array;
  readonly naming: NamingDecision | undefined;
  readonly isImported: boolean;
}

/** Asks providers what they make of a goal (check), and how it differs from what is there (diff). */
export class Comparison {
  readonly replaceTargets: UrnPatterns;
  readonly #execution: Execution;
  readonly #aliases: Aliases;
  readonly #replaced: ReadonlySet<string>;
  readonly #newProviders = new Map<string, ResourceState>();

  /** `replaced` has the URNs for whose replacement the operation has decided. */
  constructor(execution: Execution, aliases: Aliases, replaced: ReadonlySet<string>) {
    this.#execution = execution;
    this.#aliases = aliases;
    this.#replaced = replaced;
    this.replaceTargets = new UrnPatterns(execution.request.options.replaces);
  }

  /** The program registers a provider: what moves there is compared with its new configuration. */
  addProvider(state: ResourceState): void {
    this.#newProviders.set(state.urn, state);
  }

  /** The goal's inputs with what it ignores as it was. */
  wantedInputs({ urn, goal }: Registration, old: ResourceState): PropertyMap {
    const tell = (message: string) => this.#execution.events.diagnostic("info", message, urn);
    return keepIgnored(goal.inputs, old.inputs ?? {}, goal.ignoreChanges, tell);
  }

  /** Lets the provider check inputs; without `old` it fills in defaults (names) anew. @returns whether they are valid. */
  async check(registration: Registration, old?: ResourceState, news = registration.goal.inputs): Promise<boolean> {
    const { urn, goal, now, provider, randomSeed, naming } = registration;
    if (!goal.custom) {
      // A component is compared by what it ignores, and stored with it where that is part of a property.
      now.inputs = old ? resetIgnored(goal.inputs, old.inputs ?? {}, goal.ignoreChanges.filter(isNested)).inputs : goal.inputs;
      return true;
    }
    const { providers, request, dryRun } = this.#execution;
    const olds = old?.inputs ?? {};
    const given = dryRun ? news : withoutUnknowns(news);
    const checked = provider
      ? await provider.check(identify(now, this.#execution), olds, given, { randomSeed, naming })
      : await providers.check(urn, olds, given, request.signal);
    if (reportCheckFailures("error", now, checked.failures, this.#execution)) {
      return false;
    }
    now.inputs = checked.inputs;
    return true;
  }

  /** `wanted` is what a component is compared by: no provider says what has changed of it. */
  async diff(registration: Registration, old: ResourceState, wanted: PropertyMap): Promise<Diff> {
    const { urn, goal, now, provider } = registration;
    const { providers, events, dryRun } = this.#execution;
    if (hasUnknowns(now.replacementTrigger) && !dryRun) {
      this.#execution.bail(`replacement trigger contains unknowns for ${urn}`, urn);
    }
    if (isTriggered(now.replacementTrigger, old.replacementTrigger)) {
      return replaceDiff("replacementTrigger");
    }
    if (this.isReplaceTarget(urn, old)) {
      return replaceDiff("id");
    }
    const replaced = this.#replaced;
    if (now.replaceWith?.some((other) => replaced.has(other))) {
      return replaceDiff("replaceWith");
    }
    if (now.deletedWith && replaced.has(now.deletedWith)) {
      return replaceDiff("deletedWith");
    }
    if (await this.#providerForcesReplace(old, now)) {
      return replaceDiff("provider");
    }

    const oldInputs = old.inputs ?? {};
    const inputs = now.inputs ?? {};
    const id = old.id ?? "";
    if (isProviderType(goal.type)) {
      return providers.diff(urn, id, oldInputs, old.outputs ?? {}, inputs, goal.ignoreChanges);
    }
    if (!provider) {
      return deepEqual(oldInputs, wanted) ? noDiff : someDiff;
    }
    try {
      const identity = identify(now, this.#execution);
      return await provider.diff(identity, id, oldInputs, old.outputs ?? {}, inputs, goal.ignoreChanges);
    } catch (error) {
      if (!(error instanceof DiffUnavailableError)) {
        throw error;
      }
      events.diagnostic("warning", error.message, urn);
      return someDiff;
    }
  }

  async #providerForcesReplace(old: ResourceState, now: ResourceState): Promise<boolean> {
    if ((old.provider ?? "") === (now.provider ?? "")) {
      return false;
    }
    if (!old.provider || !now.provider) {
      return true;
    }
    const oldReference = parseReference(old.provider);
    const newReference = parseReference(now.provider);
    if (this.#aliases.successorOf(oldReference.urn) === newReference.urn) {
      return false;
    }
    const { base, providers } = this.#execution;
    if (base.partial) {
      await base.ensure([oldReference.urn]);
    }
    const oldProvider = base.find(oldReference.urn) ?? base.findAll(oldReference.urn)[0];
    const newProvider = this.#newProviders.get(newReference.urn) ?? base.find(newReference.urn);
    if (!oldProvider || !newProvider) {
      return true;
    }
    return providers.movesReplace(oldProvider, newProvider, now.provider);
  }

  isReplaceTarget(urn: string, old: ResourceState | undefined): boolean {
    return this.replaceTargets.matches(urn) || old?.taint === true;
  }
}

function isNested(path: string): boolean {
  return (findPath(path)?.length ?? 0) > 1;
}
