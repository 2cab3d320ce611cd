import type { ResourceState } from "../contract/checkpoint.ts";
import { isProviderType, parseReference } from "../contract/urn.ts";
import { type PropertyMap, UNKNOWN_VALUE } from "../contract/values.ts";
import { identify } from "./apply-step.ts";
import { applyReplaceOnChanges, isReplace } from "./diff.ts";
import type { Execution } from "./execution.ts";
import { DiffUnavailableError } from "./providers.ts";
import type { Step } from "./steps.ts";

interface Dependent {
  readonly state: ResourceState;
  readonly keys: readonly string[];
}

/** Which resources are replaced, and which others must go and come again with them. */
export class Replacements {
  readonly replaced = new Set<string>();
  readonly #execution: Execution;
  readonly #isDecided: (urn: string) => boolean;
  readonly #keys = new Map<string, readonly string[]>();
  /** States that a replacement deleted ahead of their own registration, or that were waiting for their deletion. */
  readonly deletedAhead = new Set<ResourceState>();

  constructor(execution: Execution, isDecided: (urn: string) => boolean) {
    this.#execution = execution;
    this.#isDecided = isDecided;
  }

  /** The properties for which a resource is recreated. */
  keysOf(urn: string): readonly string[] {
    return this.#keys.get(urn) ?? [];
  }

  /** Steps that delete, dependents first, all that can't outlive the deletion of `root`. */
  async deleteDependents(root: ResourceState): Promise<Step[]> {
    const { deletes, dryRun, base } = this.#execution;
    await base.ensureDependents([root.urn]);
    const known = !dryRun || base.has(root);
    const dependents = [
      ...(known ? await this.dependentsToReplace(root) : []),
      ...this.cascadesOf(root.urn).map((state) => ({ state, keys: [] })),
    ];
    const steps: Step[] = [];
    for (const { state, keys } of dependents.reverse()) {
      if (this.deletedAhead.has(state) || this.#isDecided(state.urn)) {
        continue;
      }
      this.#keys.set(state.urn, keys);
      if (state.protect && !state.delete) {
        const message =
          `unable to replace resource "${state.urn}" as part of replacing "${root.urn}" ` +
          "as it is currently marked for protection. To unprotect the resource, " +
          "remove the `protect` flag from the resource in your Pulumi " +
          "program and run `pulumi up`, or use the command:\n" +
          `\`pulumi state unprotect '${state.urn}'\``;
        this.#execution.bail(message, root.urn);
      }
      if (!state.pendingReplacement) {
        const op = state.delete ? (state.external ? "discard" : "delete") : state.external ? "discard-replaced" : "delete-replaced";
        steps.push({ op, urn: state.urn, old: state, new: undefined, pendingReplacement: !state.delete });
      }
      deletes.add(state.urn);
      this.deletedAhead.add(state);
    }
    return steps;
  }

  /**
   * The dependents, in order, that a deletion of `root` takes with it: those whose provider or `deletedWith` goes, and those whose
   * provider would replace them if the properties that depend on what goes were to change.
   */
  async dependentsToReplace(root: ResourceState): Promise<Dependent[]> {
    const { base } = this.#execution;
    const going = new Set([root.urn]);
    const found: Dependent[] = [];
    // What was registered already can't depend on the root: it would have had to be registered after it.
    const ignore = (urn: string) => this.#isDecided(urn) || this.#execution.deletes.has(urn);
    for (const state of base.dependentsOf(root, ignore)) {
      const keys = await this.#keysIfReplaced(state, going);
      if (!keys) {
        continue;
      }
      found.push({ state, keys });
      going.add(state.urn);
    }
    return found;
  }

  async #keysIfReplaced(state: ResourceState, going: ReadonlySet<string>): Promise<readonly string[] | undefined> {
    if (!state.custom || state.external) {
      return undefined;
    }
    if (state.provider && going.has(parseReference(state.provider).urn)) {
      return [];
    }
    if (state.deletedWith && going.has(state.deletedWith)) {
      return [];
    }
    const inputs: PropertyMap = { ...state.inputs };
    let depends = false;
    for (const [property, urns] of Object.entries(state.propertyDependencies ?? {})) {
      if (!(property in inputs) || !urns.some((urn) => going.has(urn))) {
        continue;
      }
      depends = true;
      inputs[property] = UNKNOWN_VALUE;
    }
    if (!depends) {
      return undefined;
    }
    const { providers } = this.#execution;
    const old = { id: state.id ?? "", inputs: state.inputs ?? {}, outputs: state.outputs ?? {} };
    const ignoreChanges = state.ignoreChanges ?? [];
    try {
      const diff = isProviderType(state.type)
        ? await providers.diff(state.urn, old.id, old.inputs, old.outputs, inputs, ignoreChanges)
        : await (await providers.get(state.provider ?? "")).diff(
            identify(state, this.#execution),
            old.id,
            old.inputs,
            old.outputs,
            inputs,
            ignoreChanges,
          );
      const effective = applyReplaceOnChanges(diff, state.replaceOnChanges ?? [], false);
      return isReplace(effective) ? effective.replaceKeys : undefined;
    } catch (error) {
      if (error instanceof DiffUnavailableError) {
        return undefined;
      }
      throw error;
    }
  }

  /** Those that asked to be replaced or deleted together with `urn`, but for what is there already. */
  cascadesOf(urn: string): readonly ResourceState[] {
    const { base, news } = this.#execution;
    return base.followersOf(urn).filter((state) => !news.has(state.urn));
  }
}
