import type { InstanceId, SecretId, TenantId } from "../../../../sdk/contract/index.ts";
import type { Tenant } from "../../../domain/tenancy/tenant.ts";
import type { UsageSample } from "../instances/agents.ts";

/** An instance whose agent is to be told what it is to have. */
export interface ToDeliver {
  readonly tenantId: TenantId;
  readonly id: InstanceId;
  readonly name: string;
  /** Digest of what it is to have, as far as is known. */
  readonly handed: string;
  /** Whether there is more to it than to tell that. */
  readonly isDue: boolean;
  /** Another one whenever there is something new to be found out. */
  readonly state: string;
}

/** An instance whose agent is to be asked what its claw is configured with. */
export type ToCheck = Pick<ToDeliver, "tenantId" | "id" | "name" | "state">;

export interface WorkRepository {
  /**
   * Stacks, a tenant's part of a cluster each, that have due instances: the clusters take turns. Those of clusters that can't be reached
   * wait until they can.
   */
  listStacksDue(limit: number): Promise<readonly { readonly tenant: Tenant; readonly cluster: string }[]>;
  /** Takes one stack whose next refresh is due, and puts that off by about a period. A new stack's first one is somewhere in the first period. */
  claimRefresh(periodSeconds: number): Promise<{ readonly tenant: Tenant; readonly cluster: string } | undefined>;
  /** Takes secrets whose source is due to be read, and puts that off: another takes them when nothing was heard of them by then. */
  claimSecrets(limit: number, putOffSeconds: number): Promise<readonly { readonly tenant: Tenant; readonly id: SecretId }[]>;
  /** Keeps the newest sample of each instance. Nothing of the instance itself is written. */
  recordUsage(samples: readonly UsageSample[]): Promise<void>;
  /**
   * What differs from before when a tenant, template or instance, or its status, has been written.
   * @param keys of those that are asked about: `kind/tenant/name`, with no tenant for tenants
   */
  findVersions(keys: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Those of the instances that are to be stopped on a cluster, with nothing due, and which are not known to be. */
  findStopping(cluster: string, ids: readonly InstanceId[]): Promise<readonly { readonly tenantId: TenantId; readonly id: InstanceId }[]>;
  /**
   * Those of the running instances whose agent does not have what it is to have, or of which that is to be found out; and those that ask. Ones with an
   * operation under way are left out.
   */
  listToDeliver(ids: readonly InstanceId[], asking: readonly InstanceId[]): Promise<readonly ToDeliver[]>;
  /**
   * Of instances of any tenants those that somebody is to look at: their agents say that their files are others than those that were last looked at, or they are
   * to be written once more.
   */
  listToCheck(ids: readonly InstanceId[]): Promise<readonly ToCheck[]>;
  /** Whose instance it is; undefined when it is gone. */
  findTenantOf(instanceId: InstanceId): Promise<TenantId | undefined>;
  /**
   * Whose instance it is, the number of the newest token that its agent has come with, and when this was asked, by the one clock that all replicas have, in
   * microseconds; undefined when it is gone.
   */
  findAgentToken(
    instanceId: InstanceId,
  ): Promise<{ readonly tenantId: TenantId; readonly taken: number; readonly askedAt: string } | undefined>;
  /** Running instances whose agents have taken their last token, which is as old: the oldest first. */
  listOldTokens(days: number, limit: number): Promise<readonly { readonly tenantId: TenantId; readonly id: InstanceId }[]>;
  /** Those of the instances that exist, of any tenant and in any state. */
  existingAmong(ids: readonly InstanceId[]): Promise<readonly InstanceId[]>;
}
