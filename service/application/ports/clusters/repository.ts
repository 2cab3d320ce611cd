import type { ClusterId, ListQuery, TenantId } from "../../../../sdk/contract/index.ts";
import type { Cluster, ClusterState, Load } from "../../../domain/clusters/cluster.ts";
import type { Page, PageQuery, Ref } from "../resources/page.ts";

/** An instance that is on a cluster, or has not left it yet. */
export interface ClusterUser {
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly instance: string;
}

/** A cluster that was deleted: something in it may wait for the control plane still. */
export interface PartedCluster {
  readonly cluster: Cluster;
  readonly secondsAgo: number;
}

export interface ClusterRepository {
  list(query: ListQuery): Promise<Page<Cluster>>;
  /**
   * Those that a replica of the control plane is to look after, by name: it keeps the ones it has, and takes those that nobody has said to
   * keep for `ttlSeconds`.
   */
  keep(replica: string, ttlSeconds: number): Promise<readonly Cluster[]>;
  /** Leaves all that a replica keeps to others. */
  leave(replica: string): Promise<void>;
  get(ref: Ref): Promise<Cluster>;
  find(ref: Ref): Promise<Cluster | undefined>;
  /**
   * Locks the rows of the clusters that have these names, or of all, until the transaction ends: decisions about room queue up behind them.
   * @returns the names of those that are locked
   */
  lock(names?: readonly string[]): Promise<readonly string[]>;
  insert(cluster: Cluster): Promise<void>;
  /** Writes everything but the state. */
  update(cluster: Cluster, expected: number): Promise<void>;
  /** Writes the state only; false when the cluster is gone. */
  updateState(name: string, change: (cluster: Cluster) => ClusterState): Promise<boolean>;
  /** It is kept among the parted ones. @throws {cluster.in_use} */
  delete(cluster: Cluster): Promise<void>;
  /** Clusters that were deleted and have not been taken leave of, the longest gone first. */
  parted(limit: number): Promise<readonly PartedCluster[]>;
  forgetParted(id: ClusterId): Promise<void>;
  /** What the instances of each cluster add up to, those that are on their way out too. */
  allocated(): Promise<ReadonlyMap<string, Load>>;
  /** By tenant and name. */
  users(name: string, page: PageQuery): Promise<Page<ClusterUser>>;
}
