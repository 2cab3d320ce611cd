import type { InstanceSpec, PropertyDiff } from "../../sdk/contract/index.ts";

/** What an instance's specification has to say for a drift to be what is declared, and why it can't say the rest. */
export interface Adoption {
  readonly spec: InstanceSpec;
  /** Properties of `spec` that differ from before: `spec.running`. */
  readonly adopted: readonly string[];
  readonly reasons: readonly string[];
}

/** Takes the differences one by one: each makes another specification, or gives the reason why it can't. @internal */
export function adoptEach(
  spec: InstanceSpec,
  diffs: readonly PropertyDiff[],
  take: (diff: PropertyDiff, before: InstanceSpec) => InstanceSpec | string,
): Adoption {
  const reasons: string[] = [];
  let after = spec;
  for (const diff of diffs) {
    const taken = take(diff, after);
    if (typeof taken === "string") {
      reasons.push(taken);
    } else {
      after = taken;
    }
  }
  const adopted = [
    ...(after.running === spec.running ? [] : ["spec.running"]),
    ...(["cpu", "memory"] as const).flatMap((name) => (after.resources[name] === spec.resources[name] ? [] : [`spec.resources.${name}`])),
    ...(after.storage.size === spec.storage.size ? [] : ["spec.storage.size"]),
  ];
  return { spec: after, adopted, reasons };
}

/** @internal */
export function refused(spec: InstanceSpec, ...reasons: string[]): Adoption {
  return { spec, adopted: [], reasons };
}

/** Why a property can't be adopted that no specification has. @internal */
export function nowhere({ path }: PropertyDiff): string {
  return `${path}: an instance's specification has no place for it`;
}

/** The value that somebody made of it. @internal */
export function actual({ after }: PropertyDiff): unknown {
  return after === undefined ? undefined : JSON.parse(after);
}
