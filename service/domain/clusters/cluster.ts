import {
  type ClusterId,
  ClusterPhase,
  type ClusterSpec,
  type Condition,
  ConditionReason,
  ConditionType,
  parseQuantity,
} from "../../../sdk/contract/index.ts";
import { digestOf } from "../digest.ts";
import { type NewCondition, withCondition } from "../instances/conditions.ts";
import type { StoredResource } from "../resource.ts";
import type { Sealed } from "../sealed.ts";

/** A cluster's specification at rest: its kubeconfig is ciphertext. */
export type SealedClusterSpec = Omit<ClusterSpec, "credentials"> & {
  readonly credentials:
    | { readonly source: "kubeconfig"; readonly kubeconfig: Sealed; readonly context?: string | undefined }
    | { readonly source: "inCluster" };
};

/** A registered Kubernetes cluster: what was declared, and what is known of it. */
export interface Cluster extends StoredResource {
  readonly id: ClusterId;
  readonly spec: SealedClusterSpec;
  readonly state: ClusterState;
}

/** What the control plane found when it last asked. */
export interface ClusterState {
  /** Undefined before the first answer or failure. */
  readonly reachable: boolean | undefined;
  readonly version: string | undefined;
  readonly nodes: number | undefined;
  /** What its ready nodes can allocate. */
  readonly measured: Amount | undefined;
  readonly conditions: readonly Condition[];
}

/** CPU in cores, memory in bytes; an absent bound is none. */
export interface Amount {
  readonly instances?: number | undefined;
  readonly cpu?: number | undefined;
  readonly memoryBytes?: number | undefined;
}

/** What instances add up to. CPU in cores, memory in bytes. */
export interface Load {
  readonly instances: number;
  readonly cpu: number;
  readonly memoryBytes: number;
}

/** What is known of a cluster nobody has asked yet. */
export const unknownState: ClusterState = {
  reachable: undefined,
  version: undefined,
  nodes: undefined,
  measured: undefined,
  conditions: [],
};

/** What asking a cluster came to. */
export type Inspection =
  | { readonly ok: true; readonly version: string; readonly nodes: number; readonly allocatable: Load }
  /** `reason` is a `ClusterReason`, or what else its API says. */
  | { readonly ok: false; readonly reason: string; readonly message: string };

/** The state after asking; what was known of a cluster that does not answer still stands. */
export function afterInspection({ state }: Cluster, inspection: Inspection, now: string): ClusterState {
  const condition = inspection.ok
    ? { type: ConditionType.Reachable, status: "True" as const, reason: ConditionReason.Answered, message: "" }
    : { type: ConditionType.Reachable, status: "False" as const, reason: inspection.reason, message: inspection.message };
  const conditions = withCondition(state.conditions, condition, now);
  return inspection.ok
    ? { reachable: true, version: inspection.version, nodes: inspection.nodes, measured: inspection.allocatable, conditions }
    : { ...state, reachable: false, conditions };
}

/** How an instance's conditions tell of its cluster. */
export function reachCondition(cluster: string, { reachable, conditions }: ClusterState): NewCondition {
  const cause = conditions.find(({ type }) => type === ConditionType.Reachable);
  return reachable === false
    ? {
        type: ConditionType.ClusterReachable,
        status: "False",
        reason: cause?.reason ?? ConditionReason.Unreachable,
        message: `cluster '${cluster}' can't be reached (${cause?.message}); the instance may well be running, changes wait until it is back`,
      }
    : { type: ConditionType.ClusterReachable, status: "True", reason: ConditionReason.Answered, message: "" };
}

export function phaseOf({ spec, state }: Cluster): ClusterPhase {
  if (state.reachable === undefined) {
    return ClusterPhase.Pending;
  }
  if (!state.reachable) {
    return ClusterPhase.Unreachable;
  }
  return spec.unschedulable ? ClusterPhase.Cordoned : ClusterPhase.Ready;
}

/** What the cluster offers: as declared, else as measured. */
export function capacityOf({ spec, state }: { readonly spec: Pick<Cluster["spec"], "capacity">; readonly state: ClusterState }): Amount {
  const { instances, cpu, memory } = spec.capacity;
  return {
    instances: instances ?? state.measured?.instances,
    cpu: cpu === undefined ? state.measured?.cpu : parseQuantity(cpu),
    memoryBytes: memory === undefined ? state.measured?.memoryBytes : parseQuantity(memory),
  };
}

const INSTANCE_RELEVANT = [
  "agentUrl",
  "images",
  "storageClass",
  "priorityClass",
  "networkPolicy",
  "ingress",
  "gateway",
  "evictable",
  "namespacePrefix",
] as const;
/** The part of a specification that instances are made of: when it changes, they do. */
export type InstanceRelevant = Pick<ClusterSpec, (typeof INSTANCE_RELEVANT)[number]>;

export function instanceRelevant(spec: InstanceRelevant): InstanceRelevant {
  return Object.fromEntries(INSTANCE_RELEVANT.map((key) => [key, spec[key]])) as unknown as InstanceRelevant;
}

const NAMESPACE_LENGTH = 63;

/** A tenant's namespace; a name that would be too long is cut and told apart by a digest. @param tenant the tenant's name */
export function namespaceOf(spec: Pick<ClusterSpec, "namespacePrefix">, tenant: string): string {
  const namespace = `${spec.namespacePrefix}${tenant}`;
  const suffix = `-${digestOf(tenant).slice(0, 8)}`;
  return namespace.length <= NAMESPACE_LENGTH ? namespace : `${namespace.slice(0, NAMESPACE_LENGTH - suffix.length)}${suffix}`;
}
