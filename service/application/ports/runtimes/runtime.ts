import type {
  ChannelOpen,
  Drift,
  Handing,
  KubernetesTarget,
  ProcessTarget,
  ResolvedInstance,
  ResourceChange,
  StackTarget,
} from "../../../../sdk/contract/index.ts";
import type { Cluster } from "../../../domain/clusters/cluster.ts";
import type { Instance } from "../../../domain/instances/instance.ts";
import type { RuntimeName } from "../../../domain/runtimes/runtime-rules.ts";
import type { Tenant } from "../../../domain/tenancy/tenant.ts";
import type { ClusterConnection } from "../clusters/clusters.ts";
import type { AgentChannel, UsageSample } from "../instances/agents.ts";
import type { PlatformTransaction } from "../transactions.ts";

/** What must be known of an instance to talk to it. */
export interface InstanceAddress {
  readonly uid: string;
  readonly name: string;
  /** The tenant's name. */
  readonly tenant: string;
  /** Whether it is to run. */
  readonly running: boolean;
  readonly cluster: string;
  readonly pod: string | undefined;
}

/** What differs between ways of running instances, as use cases and workers ask for it. */
export interface Runtime<T extends StackTarget = StackTarget> {
  /** Where a tenant's instances of a cluster run, as their stack wants to know it. @throws {ClawError} `cluster.not_found` */
  target(tx: PlatformTransaction, tenant: Tenant, cluster: string): Promise<T>;
  /** What previews are computed from of a target; undefined where nothing of it can change. */
  previewBase(target: T): unknown;
  /** Whether a change of a resource ends the claw that runs and starts another. */
  exchangesClaw(change: ResourceChange): boolean;
  /** All that an agent is handed of an instance, as an operation of the engine would leave it. @param tenant its name */
  handing(target: T, tenant: string, resolved: ResolvedInstance): Handing;
  /** Has running claws see the files that an operation changed, where they would not at once. */
  deliverFiles(target: T, instances: readonly ResolvedInstance[], changes: readonly ResourceChange[]): Promise<void>;
  /** Takes out what others added to what is an instance's wholly, as its drift tells: no write of what is declared would. Safe to repeat. */
  restore(target: T, tenant: Tenant, drift: readonly Drift[]): Promise<void>;
  /**
   * Deletes the data of an instance that left its stack, if they are to go. Safe to repeat. @param tenant its name
   * @returns what of the instance is still there
   */
  cleanUp(target: T, tenant: string, uid: string, withData: boolean): Promise<readonly string[]>;
  /** Whether anybody would answer on a channel. */
  isReachable(instance: Instance): boolean;
  /** @throws {ClawError} `instance.unreachable`, `instance.not_running` */
  open(address: InstanceAddress, open: ChannelOpen): Promise<AgentChannel>;
  /**
   * What instances were measured to take: of the cluster, or of the host where nobody registered it. One that agents tell of gives what is new since it was asked.
   * @throws {ClusterError}
   */
  usage(cluster: Cluster | undefined): Promise<readonly UsageSample[]>;
  /** A registered cluster, for the workers that look after it; undefined where agents tell all that there is to know. */
  connect(cluster: Cluster): ClusterConnection | undefined;
}

/** The runtimes that there are. */
export interface Runtimes {
  /** How instances of a cluster run. */
  at(cluster: string): Runtime;
}

/** What the components of a runtime know of the resources that they declare. */
export interface DeclaredResources {
  exchangesClaw(change: ResourceChange): boolean;
  /** Whether a change is one of files that a running claw sees, but not at once. */
  changesMountedFiles(change: ResourceChange): boolean;
}

export type RuntimeComponents = Readonly<Record<RuntimeName, DeclaredResources>>;

/** What the stack of each runtime hands to agents. Pure. */
export interface Handings {
  process(target: ProcessTarget, tenant: string, resolved: ResolvedInstance): Handing;
  kubernetes(target: KubernetesTarget, tenant: string, resolved: ResolvedInstance): Handing;
}
