import type {
  AgentStatus,
  Condition,
  Drift,
  InstanceId,
  InstancePhase,
  InstanceSpec,
  ProjectId,
  TenantId,
  Usage,
} from "../../../sdk/contract/index.ts";
import type { Settings } from "../configs/config-values.ts";
import type { StoredResource } from "../resource.ts";
import type { Findings } from "./findings.ts";
import type { PodReport } from "./pod.ts";

/** An instance as it is stored: what was declared, and what is known of it. */
export interface Instance extends StoredResource {
  readonly id: InstanceId;
  readonly tenantId: TenantId;
  readonly projectId: ProjectId;
  readonly projectName: string;
  readonly spec: InstanceSpec;
  /** Who gave its overrides, and when. */
  readonly settings: Settings;
  /** Grows with every change that the reconciler must carry out: of `spec`, a restart, a kill, a deletion, a new version of its template. */
  readonly generation: number;
  /** Set by `restart`: a new value is a new restart. ISO-8601. */
  readonly restartedAt: string | undefined;
  /** Set by a delete; the row goes when the stack's resources are gone. */
  readonly deletedAt: string | undefined;
  /** Whether the deletion takes the data directory too, whatever `spec.deletionPolicy` says. */
  readonly purgeData: boolean;
  /** Whether it is let go of where it is without asking there, when its cluster can't be reached. What is there of it stays. */
  readonly forget: boolean;
  /** Where it runs: the name of a cluster, or `local`. */
  readonly cluster: string;
  /** The cluster that it is leaving; its resources there go first. */
  readonly movedFrom: string | undefined;
  /** Number of the token that its agent is to have: it rises when that is renewed. Read with it, never written with it. */
  readonly agentToken: number;
  readonly status: InstanceState;
  /** The newest sample of what it takes; read with it, never written with it. */
  readonly usage?: Usage | undefined;
}

/** Enough of an instance to know it by, and whether an operation on it is due. */
export type InstanceMark = Pick<Instance, "id" | "name" | "projectName" | "generation" | "deletedAt" | "cluster" | "movedFrom"> & {
  readonly status: Pick<InstanceState, "observedGeneration">;
};

/** With what values of the levels are judged by. */
export type ConfiguredMark = InstanceMark & { readonly type: string; readonly template: string | undefined };

/** The instance as one that something new is wanted of: attempts, which are counted per generation, start afresh. */
export function requestReconcile(instance: Instance): Instance {
  return {
    ...instance,
    generation: instance.generation + 1,
    status: { ...instance.status, attempts: 0, nextAttemptAt: undefined },
  };
}

/** What an instance's agent is to have, and what that may differ in without an operation of the engine. */
export interface Delivery {
  /** Digest of all that only the engine changes, as its stack holds it; absent while an operation is under way, or when nobody knows what came of one. */
  readonly frame?: string | undefined;
  /** Digest of what its agent is to have. */
  readonly handed: string;
  /** What that was worked out for. */
  readonly generation: number;
}

/** What an agent says, and when the connection began over which it says so, by the database's clock. */
export interface AgentReport extends AgentStatus {
  readonly connectedAt?: string;
}

/** What is known of an instance: written by the reconciler and by what its agent reports. */
export interface InstanceState {
  readonly phase: InstancePhase;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
  readonly conditions: readonly Condition[];
  /** The agent's last report; undefined before the first. */
  readonly agent: AgentReport | undefined;
  /** Its pod as its cluster shows it; undefined when there is none, or it needs none. */
  readonly pod: PodReport | undefined;
  /** What somebody changed of its resources, by resource. */
  readonly drift: readonly Drift[];
  /** What its agent is to have; undefined before that was worked out first. */
  readonly delivery: Delivery | undefined;
  /** What its claw was last found to be configured with; undefined before anybody had to look. */
  readonly consistency: Findings | undefined;
  /** Number of the template version it was last applied with. */
  readonly configVersion: number | undefined;
  /** Failed attempts at this generation, and when the next may be made. */
  readonly attempts: number;
  readonly nextAttemptAt: string | undefined;
}
