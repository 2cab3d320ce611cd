import type { MigrationInterface, QueryRunner } from "typeorm";

const NAME_CHECK = `name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'`;
const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;
const TABLES = ["roles", "role_bindings", "service_accounts"] as const;

const METADATA_COLUMNS = `
  name text collate "C" not null,
  labels jsonb not null default '{}',
  annotations json not null default '{}',
  generation integer not null,
  resource_version integer not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null`;

/** Who may do what: roles, who has them where, and machines with their tokens. */
export class GiveRoles1700000000027 implements MigrationInterface {
  readonly name = "GiveRoles1700000000027";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table roles (
        id text not null,
        tenant_id text not null,
        ${METADATA_COLUMNS},
        spec json not null,
        constraint roles_pkey primary key (id),
        constraint roles_tenant_id_name_key unique (tenant_id, name),
        constraint roles_name_check check (${NAME_CHECK}),
        constraint roles_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
      )`,
      `create table role_bindings (
        id text not null,
        tenant_id text not null,
        ${METADATA_COLUMNS},
        spec json not null,
        role text collate "C" not null,
        subjects text[] not null,
        project_id text,
        platform boolean not null,
        constraint role_bindings_pkey primary key (id),
        constraint role_bindings_tenant_id_name_key unique (tenant_id, name),
        constraint role_bindings_name_check check (${NAME_CHECK}),
        constraint role_bindings_platform_check check (not platform or project_id is null),
        constraint role_bindings_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade,
        constraint role_bindings_tenant_id_project_id_fkey foreign key (tenant_id, project_id)
          references projects (tenant_id, id) on delete cascade
      )`,
      `create index role_bindings_subjects_idx on role_bindings using gin (subjects)`,
      `create index role_bindings_tenant_id_project_id_idx on role_bindings (tenant_id, project_id)`,
      `create table service_accounts (
        id text not null,
        tenant_id text not null,
        ${METADATA_COLUMNS},
        spec json not null,
        constraint service_accounts_pkey primary key (id),
        constraint service_accounts_tenant_id_id_key unique (tenant_id, id),
        constraint service_accounts_tenant_id_name_key unique (tenant_id, name),
        constraint service_accounts_name_check check (${NAME_CHECK}),
        constraint service_accounts_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
      )`,
      ...TABLES.flatMap((table) => [
        `alter table ${table} enable row level security`,
        `alter table ${table} force row level security`,
        `create policy ${table}_tenant on ${table} to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
        `grant select, insert, update, delete on ${table} to claw_app`,
        // The platform asks who may do what before it knows which tenant that is about.
        `create policy ${table}_platform on ${table} for select to claw_platform using (true)`,
        `grant select on ${table} to claw_platform`,
      ]),
      // A binding holds on the whole platform only where the shared tenant keeps it, whatever a statement says.
      ...["insert", "update"].map(
        (action) =>
          `create policy role_bindings_${action}_shared on role_bindings as restrictive for ${action} to claw_app
           ${action === "update" ? "using (true) " : ""}with check
             (not platform or exists (select from tenants t where t.id = tenant_id and t.name = 'default'))`,
      ),

      // Until now a tenant's tokens were of nobody in particular; no way to make one was ever published.
      `delete from api_tokens where not platform`,
      `alter table api_tokens
         add column id text, add column name text collate "C", add column service_account_id text, add column prefix text,
         add column scopes text[], add column created_by text, add column expires_at timestamptz(3),
         add column last_used_at timestamptz(3), add column revoked_at timestamptz(3),
         add constraint api_tokens_id_key unique (id),
         add constraint api_tokens_service_account_check check (platform = (service_account_id is null)),
         add constraint api_tokens_tenant_id_service_account_id_fkey foreign key (tenant_id, service_account_id)
           references service_accounts (tenant_id, id) on delete cascade`,
      `create index api_tokens_tenant_id_service_account_id_idx on api_tokens (tenant_id, service_account_id)`,
      `create unique index api_tokens_service_account_id_name_idx on api_tokens (service_account_id, name) where revoked_at is null`,
      `create policy api_tokens_tenant on api_tokens to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT} and not platform)`,
      // Not the digest: a tenant's transaction has no need of it once it is written.
      `grant insert, update (revoked_at) on api_tokens to claw_app`,
      `grant select (id, name, tenant_id, service_account_id, prefix, scopes, created_at, created_by, expires_at, last_used_at, revoked_at)
         on api_tokens to claw_app`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `drop policy api_tokens_tenant on api_tokens`,
      `revoke all on api_tokens from claw_app`,
      `delete from api_tokens where not platform`,
      `alter table api_tokens
         drop column id, drop column name, drop column service_account_id, drop column prefix, drop column scopes,
         drop column created_by, drop column expires_at, drop column last_used_at, drop column revoked_at`,
      `drop table service_accounts`,
      `drop table role_bindings`,
      `drop table roles`,
    ]) {
      await queryRunner.query(statement);
    }
  }
}
