import type { ResourceState } from "../contract/checkpoint.ts";
import type { StackRef } from "../contract/store.ts";
import { isRootUrn, makeUrn, parseUrn } from "../contract/urn.ts";
import type { BaseState } from "./base-state.ts";
import type { Execution } from "./execution.ts";
import type { Alias, Goal } from "./steps.ts";

/** Finds the state that a resource had before, under its own URN or one that it had earlier. */
export class Aliases {
  readonly #execution: Execution;
  /** Old URN → the new resource that took it over. */
  readonly #taken = new Map<string, string>();
  /** New URN → the old one, for those that changed. */
  readonly #formerly = new Map<string, string>();

  constructor(execution: Execution) {
    this.#execution = execution;
  }

  /** The new URN of a resource that went by `urn` before. */
  successorOf(urn: string): string | undefined {
    return this.#taken.get(urn);
  }

  /** `isSeen` says whether a URN was registered in this operation. */
  async findOld(
    urn: string,
    goal: Pick<Goal, "type" | "name" | "parent" | "aliases">,
    isSeen: (urn: string) => boolean,
  ): Promise<{ old: ResourceState | undefined; invalid: boolean }> {
    const { base, request, events } = this.#execution;
    const candidates = [urn, ...aliasUrns(goal, request.ref, (parent) => this.#formerly.get(parent))];
    if (base.partial) {
      await base.ensure(candidates);
    }
    let invalid = false;
    const report = (message: string) => {
      invalid = true;
      events.diagnostic("error", message, urn);
    };
    const successor = this.#taken.get(urn);
    if (successor) {
      report(`Duplicate resource URN '${urn}' conflicting with alias on resource with URN '${successor}'`);
    }
    const found = firstOf(candidates, base);
    // What refers to a renamed resource is written with its new name.
    if (found && found !== urn) {
      await base.ensureDependents([found]);
    }
    if (found && found !== urn) {
      const holder = isSeen(found) ? urn : this.#taken.get(found);
      if (holder) {
        report(`Duplicate resource alias '${found}' applied to resource with URN '${urn}' conflicting with resource with URN '${holder}'`);
      }
      this.#taken.set(found, urn);
      this.#formerly.set(urn, found);
    }
    return { old: found ? base.find(found) : undefined, invalid };
  }
}

function firstOf(urns: readonly string[], base: BaseState): string | undefined {
  return urns.find((urn) => base.find(urn) !== undefined);
}

function aliasUrns(
  goal: Pick<Goal, "type" | "name" | "parent" | "aliases">,
  ref: StackRef,
  formerly: (urn: string) => string | undefined,
): string[] {
  const urns = new Set<string>();
  const own = goal.aliases.map((alias) => aliasUrn(alias, goal, ref, formerly));
  for (const urn of own) {
    urns.add(urn);
  }
  const formerParent = goal.parent && formerly(goal.parent);
  if (goal.parent && formerParent) {
    const parentName = parseUrn(goal.parent).name;
    urns.add(underFormerParent(goal.type, goal.name, parentName, formerParent, ref));
    for (const urn of own) {
      const { type, name } = parseUrn(urn);
      urns.add(underFormerParent(type, name, parentName, formerParent, ref));
    }
  }
  return [...urns];
}

function aliasUrn(
  alias: Alias,
  goal: Pick<Goal, "type" | "name" | "parent">,
  ref: StackRef,
  formerly: (urn: string) => string | undefined,
): string {
  if ("urn" in alias) {
    return alias.urn;
  }
  let parent = alias.parent ? (formerly(alias.parent) ?? alias.parent) : goal.parent;
  if (alias.noParent || (parent && isRootUrn(parent))) {
    parent = undefined;
  }
  return makeUrn(alias.stack || ref.stack, alias.project || ref.project, parent, alias.type || goal.type, alias.name || goal.name);
}

/** A child that is named after its parent had the parent's former name in its own. */
function underFormerParent(type: string, name: string, parentName: string, formerParent: string, ref: StackRef): string {
  const formerName = name.startsWith(parentName) ? parseUrn(formerParent).name + name.slice(parentName.length) : name;
  return makeUrn(ref.stack, ref.project, formerParent, type, formerName);
}
