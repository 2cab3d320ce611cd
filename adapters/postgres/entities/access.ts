import { EntitySchema, type EntitySchemaColumnOptions } from "typeorm";
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
import { type MetadataRow, metadataColumns, NAME_CHECK, timestamp } from "./columns.ts";
import { ProjectEntity } from "./project.ts";
import { TenantEntity } from "./tenant.ts";

/** What the tables of the three kinds have in common. */
function resourceTable(table: string) {
  return {
    name: table,
    uniques: [{ name: `${table}_tenant_id_name_key`, columns: ["tenant_id", "name"] }],
    checks: [{ name: `${table}_name_check`, expression: NAME_CHECK }],
    foreignKeys: [
      {
        name: `${table}_tenant_id_fkey`,
        target: TenantEntity,
        columnNames: ["tenant_id"],
        referencedColumnNames: ["id"],
        onDelete: "CASCADE" as const,
      },
    ],
  };
}
const resourceColumns = (table: string) =>
  ({
    id: { type: "text", primary: true, primaryKeyConstraintName: `${table}_pkey` },
    tenant_id: { type: "text" },
    ...metadataColumns,
    spec: { type: "json" },
  }) as const satisfies Record<string, EntitySchemaColumnOptions>;

export interface RoleRow extends MetadataRow {
  id: RoleId;
  tenant_id: TenantId;
  spec: RoleSpec;
}
export const RoleEntity = new EntitySchema<RoleRow>({ ...resourceTable("roles"), columns: resourceColumns("roles") });

export interface RoleBindingRow extends MetadataRow {
  id: RoleBindingId;
  tenant_id: TenantId;
  spec: RoleBindingSpec;
  role: string;
  subjects: string[];
  project_id: ProjectId | null;
  platform: boolean;
}
const bindings = resourceTable("role_bindings");
export const RoleBindingEntity = new EntitySchema<RoleBindingRow>({
  ...bindings,
  columns: {
    ...resourceColumns("role_bindings"),
    role: { type: "text", collation: "C" },
    subjects: { type: "text", array: true },
    project_id: { type: "text", nullable: true },
    platform: { type: "boolean" },
  },
  indices: [
    { name: "role_bindings_subjects_idx", columns: ["subjects"], synchronize: false },
    { name: "role_bindings_tenant_id_project_id_idx", columns: ["tenant_id", "project_id"] },
  ],
  checks: [...bindings.checks, { name: "role_bindings_platform_check", expression: "not platform or project_id is null" }],
  foreignKeys: [
    ...bindings.foreignKeys,
    {
      name: "role_bindings_tenant_id_project_id_fkey",
      target: ProjectEntity,
      columnNames: ["tenant_id", "project_id"],
      referencedColumnNames: ["tenant_id", "id"],
      onDelete: "CASCADE",
    },
  ],
});

export interface ServiceAccountRow extends MetadataRow {
  id: ServiceAccountId;
  tenant_id: TenantId;
  spec: ServiceAccountSpec;
}
const accounts = resourceTable("service_accounts");
export const ServiceAccountEntity = new EntitySchema<ServiceAccountRow>({
  ...accounts,
  columns: resourceColumns("service_accounts"),
  uniques: [...accounts.uniques, { name: "service_accounts_tenant_id_id_key", columns: ["tenant_id", "id"] }],
});

export interface ApiTokenRow {
  /** SHA-256 of the token, hex: the token itself is nowhere. */
  digest: string;
  /** Whose the administrator's token is. */
  subject: string;
  tenant_id: TenantId | null;
  platform: boolean;
  created_at: Date;
  // Of a service account's.
  id: TokenId | null;
  name: string | null;
  service_account_id: ServiceAccountId | null;
  prefix: string | null;
  scopes: Permission[] | null;
  created_by: string | null;
  expires_at: Date | null;
  last_used_at: Date | null;
  revoked_at: Date | null;
  /** Where it was used. */
  places: string[];
}

const nullable = { nullable: true } as const;
export const ApiTokenEntity = new EntitySchema<ApiTokenRow>({
  name: "api_tokens",
  columns: {
    digest: { type: "text", primary: true, primaryKeyConstraintName: "api_tokens_pkey" },
    subject: { type: "text" },
    tenant_id: { type: "text", ...nullable },
    platform: { type: "boolean" },
    created_at: { ...timestamp, default: () => "now()" },
    id: { type: "text", ...nullable },
    name: { type: "text", collation: "C", ...nullable },
    service_account_id: { type: "text", ...nullable },
    prefix: { type: "text", ...nullable },
    scopes: { type: "text", array: true, ...nullable },
    created_by: { type: "text", ...nullable },
    expires_at: { ...timestamp, ...nullable },
    last_used_at: { ...timestamp, ...nullable },
    revoked_at: { ...timestamp, ...nullable },
    places: { type: "text", array: true, default: [] },
  },
  uniques: [{ name: "api_tokens_id_key", columns: ["id"] }],
  indices: [
    { name: "api_tokens_tenant_id_idx", columns: ["tenant_id"] },
    { name: "api_tokens_tenant_id_service_account_id_idx", columns: ["tenant_id", "service_account_id"] },
    {
      name: "api_tokens_service_account_id_name_idx",
      columns: ["service_account_id", "name"],
      unique: true,
      where: "revoked_at is null",
    },
  ],
  checks: [
    { name: "api_tokens_digest_check", expression: "digest ~ '^[0-9a-f]{64}$'" },
    { name: "api_tokens_platform_check", expression: "platform = (tenant_id is null)" },
    { name: "api_tokens_service_account_check", expression: "platform = (service_account_id is null)" },
  ],
  foreignKeys: [
    {
      name: "api_tokens_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
    {
      name: "api_tokens_tenant_id_service_account_id_fkey",
      target: ServiceAccountEntity,
      columnNames: ["tenant_id", "service_account_id"],
      referencedColumnNames: ["tenant_id", "id"],
      onDelete: "CASCADE",
    },
  ],
});
