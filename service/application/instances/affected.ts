import type { TenantId } from "../../../sdk/contract/index.ts";
import { batchesOf } from "../../domain/batches.ts";
import type { Instance, InstanceState } from "../../domain/instances/instance.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import type { Resolution } from "./resolve-instance.ts";

/** An instance that changes touch, worked out before and after them. */
export interface Affected {
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly name: string;
  readonly before: Outcome | undefined;
  /** Undefined when it goes away. */
  readonly after: Outcome | undefined;
  /** The cluster that is not asked about it any more, where it is let go of. */
  readonly forgottenAt?: string | undefined;
}

/** What is kept of each instance while a whole fleet is looked at: without its annotations, and most of its status. */
type Kept = Pick<Instance, "name" | "projectId" | "projectName" | "cluster" | "movedFrom" | "spec" | "resourceVersion" | "generation"> & {
  readonly status: Pick<InstanceState, "observedGeneration">;
};
export type Outcome = Omit<Resolution, "instance"> & { readonly instance: Kept };

export function outcomeOf({ instance, ...rest }: Resolution): Outcome {
  const { name, projectId, projectName, cluster, movedFrom, spec, resourceVersion, generation } = instance;
  const { observedGeneration } = instance.status;
  const kept = { name, projectId, projectName, cluster, movedFrom, spec, resourceVersion, generation, status: { observedGeneration } };
  return { ...rest, instance: kept };
}

/** Whether its claw would get another config, or read it by another version. */
export function hasNewConfig({ before, after }: Affected): boolean {
  const configOf = (outcome: Outcome | undefined) => outcome?.resolved && JSON.stringify([outcome.version, outcome.resolved.runtime.files]);
  return after?.resolved !== undefined && configOf(before) !== configOf(after);
}

/** Why nobody has checked the config that it would get; undefined where somebody has. */
export function uncheckedOf(affected: Affected): { readonly name: string; readonly why: string } | undefined {
  const why = affected.after?.unchecked;
  return why !== undefined && hasNewConfig(affected) ? { name: affected.name, why } : undefined;
}

/** Identifies an instance among those of all tenants. */
export function keyOf({ tenant, name }: { readonly tenant: string; readonly name: string }): string {
  return `${tenant}/${name}`;
}

/** Instances that are read at a time where names are all that is known: each may be large. */
const BATCH = 50;

/** Those of the names that there are, some at a time. */
export async function* instancesNamed(scope: TenantTransaction, names: readonly string[]): AsyncGenerator<readonly Instance[]> {
  for (const batch of batchesOf(names, BATCH)) {
    yield await scope.instances.findAll(batch);
  }
}
