import type { Drift, TenantId, Usage } from "../../../../sdk/contract/index.ts";
import type { Load } from "../../../domain/clusters/cluster.ts";
import type { PodReport } from "../../../domain/instances/pod.ts";
import type { CustomResources } from "./custom-resources.ts";
import type { MarkedThing } from "./leftovers.ts";

/** How to get into a cluster. */
export interface KubernetesAccess {
  /** Text of a kubeconfig, secret. Empty: the service account of the pod that this process runs in. */
  readonly kubeconfig: string;
  /** The kubeconfig's own current context when absent. */
  readonly context?: string | undefined;
}

/** A cluster refused, or gave no answer. */
export class ClusterError extends Error {
  /** CamelCase: the API's own (`Unauthorized`, `Forbidden`, `NotFound` …), or `ConnectionRefused`, `Timeout`, `CertificateInvalid` … */
  readonly reason: string;
  constructor(reason: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "ClusterError";
    this.reason = reason;
  }
}

/** What a cluster says of itself; `allocatable` is what its ready, schedulable nodes offer together. */
export interface ClusterFacts {
  readonly version: string;
  readonly nodes: number;
  readonly allocatable: Load;
}

/** An object that carries a tenant's label. */
export interface SeenObject {
  readonly kind: string;
  /** Absent for what has none. */
  readonly namespace?: string | undefined;
  readonly name: string;
  /** The tenant's name, by the object's label. */
  readonly tenant: string;
  /** The instance's id, by the object's label; absent for what a tenant's instances share. */
  readonly uid?: string | undefined;
  /** Somebody else has written to it, or it is gone. */
  readonly suspicious: boolean;
}

/** What a tenant's stack of a cluster declares; nothing where the CLI keeps it. */
export type DeclaredOf = (tenantId: TenantId, tenant: string, cluster: string) => Promise<readonly DeclaredResource[]>;

/** How an object differs from what was declared of it, and who did it as far as that is known. */
export type Deviation = Pick<Drift, "op" | "diffs" | "manager" | "time">;

/** A resource as a stack holds it; what is secret in its inputs is sealed. */
export interface DeclaredResource {
  readonly urn: string;
  /** Its type token. */
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
}

/** What is seen of a cluster. Calls come in the order of what happened, per instance. */
export interface ClusterListener {
  /** An instance's pod as it is now; undefined when there is none. @param uid the instance's id */
  pod(uid: string, pod: PodReport | undefined): void;
  /** An object of a declared kind was written or deleted. */
  object(seen: SeenObject): void;
  /** All pods were told of: every instance that is not among these has none. */
  listed(uids: ReadonlySet<string>): void;
}

/** A registered cluster as the workers that look after it see it. */
export interface ClusterConnection {
  /** @throws {ClusterError} with the reason why it can't be reached or asked */
  inspect(): Promise<ClusterFacts>;
  /** Tells of our objects as they change, until stopped; after a lost connection it starts again by what there is then. */
  observe(listener: ClusterListener): { stop(): void };
  /** What the claws of all instances take, where the cluster has a server of metrics. @throws {ClusterError} */
  usage(): Promise<readonly (Usage & { readonly uid: string })[]>;
  /**
   * Compares an object as it is now with the one among `declared` that it is; without a deviation nobody changed it.
   * @returns undefined when it is none of them
   * @throws {ClusterError}
   */
  compare(
    seen: SeenObject,
    declared: readonly DeclaredResource[],
  ): Promise<{ readonly resource: DeclaredResource; readonly deviation: Deviation | undefined } | undefined>;
  /** Whether nobody has anything in a namespace of ours, and nobody else wrote it. @throws {ClusterError} also where it may not look */
  isAbandoned(namespace: string): Promise<boolean>;
  /** A key of a Secret that is somebody else's; undefined where there is none, or it is ours. @throws {ClusterError} */
  secret(namespace: string, name: string, key: string): Promise<string | undefined>;
  /** The objects that the control plane of that id made for instances, and its tenants' namespaces. @throws {ClusterError} */
  marked(controlPlane: string): Promise<readonly MarkedThing[]>;
  /** The network policies in these namespaces that no control plane declared. @throws {ClusterError} */
  othersPolicies(namespaces: ReadonlySet<string>): Promise<readonly MarkedThing[]>;
  /** Deletes such an object; one that is another instance's by now is left alone. @throws {ClusterError} */
  remove(thing: MarkedThing): Promise<void>;
  customResources(): CustomResources;
}

/** Clusters of Kubernetes. What is opened is kept per access. */
export interface Clusters {
  connect(access: KubernetesAccess): ClusterConnection;
  /** Has changed secrets reach the pods of these instances at once; otherwise they do within about a minute. @throws {ClusterError} */
  refreshPods(access: KubernetesAccess, namespace: string, uids: readonly string[]): Promise<void>;
  /** Deletes the volumes of an instance that left its stack, if they are to go. @returns what of it is still there. @throws {ClusterError} */
  cleanUp(access: KubernetesAccess, namespace: string, uid: string, withVolumes: boolean): Promise<readonly string[]>;
  /** Takes out of an object what others added to what is ours wholly, such as a pod's template. @throws {ClusterError} */
  removeAdditions(access: KubernetesAccess, resource: DeclaredResource): Promise<void>;
  close(): void;
}
