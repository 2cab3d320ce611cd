import type { Drift, InstanceSpec, PropertyDiff } from "../../sdk/contract/index.ts";
import { instanceChildren, podChildren } from "./instance-urns.ts";

/** What an instance's specification has to say for a drift to be what is declared, and why it can't say the rest. */
export interface Adoption {
  readonly spec: InstanceSpec;
  /** Properties of `spec` that differ from before: `spec.running`. */
  readonly adopted: readonly string[];
  readonly reasons: readonly string[];
}

const CLAW = "spec.template.spec.containers[claw].resources";

/**
 * The way back of what {@link KubernetesClawInstance} declares of a specification: its replicas, its claw's resources, the size of its
 * data. All else comes from templates, the tenant, the cluster or the component itself, and has no place in a specification.
 */
export function adoptionOf(spec: InstanceSpec, { urn, op, diffs }: Drift): Adoption {
  if (op === "deleted") {
    return refused(spec, "a specification can't say that a part is missing: destroy the instance, or have it repaired");
  }
  if (isChild(urn, podChildren.statefulSet)) {
    return adoptWorkload(spec, diffs);
  }
  if (isChild(urn, podChildren.data)) {
    return each(spec, diffs, (diff, before) =>
      diff.path === "spec.resources.requests.storage" && typeof actual(diff) === "string"
        ? { ...before, storage: { ...before.storage, size: String(actual(diff)) } }
        : nowhere(diff),
    );
  }
  if (isChild(urn, instanceChildren.files)) {
    return refused(spec, "config files are rendered: set the key in spec.config.overrides, or in the template");
  }
  return refused(spec, ...diffs.map(nowhere));
}

function adoptWorkload(spec: InstanceSpec, diffs: readonly PropertyDiff[]): Adoption {
  return each(spec, diffs, (diff, before) => {
    if (diff.path === "spec.replicas") {
      const replicas = actual(diff);
      return replicas === 0 || replicas === 1
        ? { ...before, running: replicas === 1 }
        : `spec.replicas: an instance is one pod or none, not ${diff.after}; create more instances`;
    }
    const resource = (["cpu", "memory"] as const).find(
      (name) => diff.path === `${CLAW}.requests.${name}` || diff.path === `${CLAW}.limits.${name}`,
    );
    if (!resource) {
      return nowhere(diff);
    }
    const both = ["requests", "limits"].map((part) => diffs.find(({ path }) => path === `${CLAW}.${part}.${resource}`));
    const [request, limit] = both.map((part) => part && actual(part));
    return typeof request === "string" && request === limit
      ? { ...before, resources: { ...before.resources, [resource]: request } }
      : `${diff.path}: what a claw asks for and its limit are one value: change both alike`;
  });
}

/** Takes the differences one by one: each makes another specification, or gives the reason why it can't. */
function each(
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

function refused(spec: InstanceSpec, ...reasons: string[]): Adoption {
  return { spec, adopted: [], reasons };
}

function nowhere({ path }: PropertyDiff): string {
  return `${path}: an instance's specification has no place for it`;
}

function actual({ after }: PropertyDiff): unknown {
  return after === undefined ? undefined : JSON.parse(after);
}

function isChild(urn: string, { type, suffix }: { readonly type: string; readonly suffix: string }): boolean {
  return urn.includes(`$${type}::`) && urn.endsWith(suffix);
}
