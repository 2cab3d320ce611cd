import type {
  Permission,
  ProjectId,
  RoleBindingId,
  RoleBindingSpec,
  RoleId,
  RoleSpec,
  ServiceAccountId,
  ServiceAccountSpec,
  TenantId,
  TokenId,
} from "../../../sdk/contract/index.ts";
import type { StoredResource } from "../resource.ts";

export interface Role extends StoredResource {
  readonly id: RoleId;
  readonly tenantId: TenantId;
  readonly spec: RoleSpec;
}

export interface RoleBinding extends StoredResource {
  readonly id: RoleBindingId;
  readonly tenantId: TenantId;
  readonly spec: RoleBindingSpec;
  /** By which keys whom it names is found. */
  readonly subjects: readonly string[];
  /** Where it holds: it goes with its project. */
  readonly projectId: ProjectId | undefined;
}

export interface ServiceAccount extends StoredResource {
  readonly id: ServiceAccountId;
  readonly tenantId: TenantId;
  readonly spec: ServiceAccountSpec;
}

/** A token of a service account. Its value is nowhere: only its digest is kept. */
export interface Token {
  readonly id: TokenId;
  readonly name: string;
  readonly tenantId: TenantId;
  readonly serviceAccountId: ServiceAccountId;
  readonly serviceAccount: string;
  readonly prefix: string;
  readonly scopes: readonly Permission[] | undefined;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly expiresAt: string;
  readonly lastUsedAt: string | undefined;
  readonly revokedAt: string | undefined;
}
