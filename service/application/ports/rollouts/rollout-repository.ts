import type { InstanceId, ListQuery, RolloutChange, RolloutId, TenantId } from "../../../../sdk/contract/index.ts";
import type { Member, StoredRollout } from "../../../domain/rollouts/rollout.ts";
import type { Page, Ref } from "../resources/page.ts";

export interface RolloutRepository {
  list(query: ListQuery): Promise<Page<StoredRollout>>;
  get(ref: Ref): Promise<StoredRollout>;
  find(ref: Ref): Promise<StoredRollout | undefined>;
  insert(rollout: StoredRollout): Promise<void>;
  update(rollout: StoredRollout, expected: number): Promise<void>;
  /** With its instances. */
  delete(id: RolloutId): Promise<void>;
  /** Nobody else writes it until the transaction ends. @param fence of the claim under which it is taken: undefined when another has it by now */
  lock(id: RolloutId, fence?: number): Promise<StoredRollout | undefined>;
  /** @throws {ClawError} `rollout.overlaps` for an instance that another rollout has */
  insertMembers(id: RolloutId, members: readonly Member[]): Promise<void>;
  members(id: RolloutId): Promise<readonly Member[]>;
  listMembers(id: RolloutId, limit: number, cursor?: string): Promise<Page<Member>>;
  /** Writes how far it is, without counting that as a write of a client, and the members that are given. */
  save(rollout: StoredRollout, members: readonly Member[]): Promise<void>;
  /** The rollouts that have any of these instances, with the name of one each. */
  holders(instances: readonly InstanceId[]): Promise<readonly { readonly rollout: string; readonly instance: string }[]>;
  /** Those of these instances that a rollout which has ended left held to the version that it brought, as text. @param change whose secret it was about, if it was about one */
  leftHeld(instances: readonly InstanceId[], change: Pick<RolloutChange, "secret">): Promise<ReadonlyMap<InstanceId, readonly string[]>>;
}

/** Rollouts of all tenants, for who drives them. */
export interface RolloutClaims {
  /** One that is due, for whoever asks, until then: one whose claimant dies is another's after that. */
  claim(now: string, until: string): Promise<{ readonly id: RolloutId; readonly tenantId: TenantId; readonly fence: number } | undefined>;
}
