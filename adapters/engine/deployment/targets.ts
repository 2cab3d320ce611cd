import type { ResourceState } from "../contract/checkpoint.ts";
import { edgesOf } from "../contract/edges.ts";
import { isProviderType, isRootUrn, parseUrn } from "../contract/urn.ts";

/** URNs, some of them with wildcards: `*` for a part of a segment, `**` for anything. Empty means no constraint. */
export class UrnPatterns {
  readonly literals: Set<string>;
  readonly #patterns: RegExp[];

  constructor(urns: readonly string[]) {
    this.literals = new Set(urns.filter((urn) => !urn.includes("*")));
    this.#patterns = urns.filter((urn) => urn.includes("*")).map(toPattern);
  }
  get isConstrained(): boolean {
    return this.literals.size > 0 || this.#patterns.length > 0;
  }
  get hasWildcards(): boolean {
    return this.#patterns.length > 0;
  }
  matches(urn: string): boolean {
    return this.literals.has(urn) || this.#patterns.some((pattern) => pattern.test(urn));
  }
}
function toPattern(glob: string): RegExp {
  const parts = glob.split("**").map((part) => part.split("*").map(escapePattern).join("[^:]*"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}
function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** Which resources an operation is about: `--target`, `--exclude` and their dependents. */
export class Targets {
  readonly targets: UrnPatterns;
  readonly excludes: UrnPatterns;
  readonly withTargetDependents: boolean;
  readonly withExcludeDependents: boolean;
  /** Grown while resources are visited, dependencies first. */
  readonly #targeted: Set<string>;
  readonly #excluded: Set<string>;

  constructor(options: {
    targets: readonly string[];
    excludes: readonly string[];
    targetDependents: boolean;
    excludeDependents: boolean;
  }) {
    this.targets = new UrnPatterns(options.targets);
    this.excludes = new UrnPatterns(options.excludes);
    this.withTargetDependents = options.targetDependents;
    this.withExcludeDependents = options.excludeDependents;
    this.#targeted = new Set(this.targets.literals);
    this.#excluded = new Set(this.excludes.literals);
  }

  get isConstrained(): boolean {
    return this.targets.isConstrained || this.excludes.isConstrained;
  }

  /** Whether to act on a resource. Its dependencies must have been asked about before it. */
  includes(state: ResourceState): boolean {
    if (this.targets.isConstrained) {
      const targeted = this.targets.matches(state.urn) || (this.withTargetDependents && refersTo(state, this.#targeted));
      if (targeted) {
        this.#targeted.add(state.urn);
      }
      return targeted;
    }
    if (!this.excludes.isConstrained) {
      return true;
    }
    const excluded = this.excludes.matches(state.urn) || (this.withExcludeDependents && refersTo(state, this.#excluded));
    if (excluded) {
      this.#excluded.add(state.urn);
    }
    return !excluded;
  }
}

/** Providers and the root stack are part of every operation. */
export function isAlwaysIncluded(urn: string): boolean {
  return isProviderType(parseUrn(urn).type) || isRootUrn(urn);
}

function refersTo(state: ResourceState, urns: ReadonlySet<string>): boolean {
  return urns.size > 0 && edgesOf(state).some((edge) => urns.has(edge.urn));
}
