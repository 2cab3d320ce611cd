import type { ListQuery, PolicyId } from "../../../../sdk/contract/index.ts";
import type { StoredPolicy } from "../../../domain/policies/policy.ts";
import type { Page, Ref } from "../resources/page.ts";

/** A tenant's policies, and those of the platform, which it only reads. */
export interface PolicyRepository {
  list(query: ListQuery): Promise<Page<StoredPolicy>>;
  /** The tenant's own of two that have one name. @throws {ClawError} `policy.not_found` */
  get(ref: Ref): Promise<StoredPolicy>;
  find(ref: Ref): Promise<StoredPolicy | undefined>;
  /** All that the tenant's instances have to comply with, by name, the platform's first. */
  inForce(): Promise<readonly StoredPolicy[]>;
  insert(policy: StoredPolicy): Promise<void>;
  update(policy: StoredPolicy, expected: number): Promise<void>;
  delete(id: PolicyId): Promise<void>;
}
