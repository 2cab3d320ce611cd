import type { TenantId } from "../../../../sdk/contract/index.ts";

export interface Claimant {
  readonly tenantId: TenantId;
  readonly instance: string;
}
export interface PortClaim extends Claimant {
  readonly type: string;
  readonly port: number;
}

/** What one instance can have at a time, whosever it is. Reads give some when there are very many. */
export interface ClaimRepository {
  /** Says which accounts an instance runs with, by the digests of their secrets. */
  setAccounts(claimant: Claimant, digests: readonly string[]): Promise<void>;
  accounts(digests: readonly string[]): Promise<readonly (Claimant & { readonly digest: string })[]>;
  /** The ports that the specifications of a cluster's instances name. */
  ports(cluster: string): Promise<readonly PortClaim[]>;
}
