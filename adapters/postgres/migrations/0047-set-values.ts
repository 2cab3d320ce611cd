import type { MigrationInterface, QueryRunner } from "typeorm";

const NAME_CHECK = `name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'`;
const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;
const ON_SHARED = `level <> 'global' or exists (select from tenants t where t.id = tenant_id and t.name = 'default')`;

/** Config values as resources of the levels, in the place of single values that nobody could write; who gave an instance's overrides; what versions extend and restore. */
export class SetValues1700000000047 implements MigrationInterface {
  readonly name = "SetValues1700000000047";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `drop table config_values`,
      `create table config_values (
        id text not null,
        tenant_id text not null,
        name text collate "C" not null,
        labels jsonb not null default '{}',
        annotations json not null default '{}',
        generation integer not null,
        resource_version integer not null,
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        spec json not null,
        level text not null,
        project_id text,
        instance_id text,
        settings json not null,
        constraint config_values_pkey primary key (id),
        constraint config_values_tenant_id_name_key unique (tenant_id, name),
        constraint config_values_name_check check (${NAME_CHECK}),
        constraint config_values_level_check check (
          case level when 'project' then project_id is not null and instance_id is null
                     when 'instance' then project_id is not null and instance_id is not null
                     else level in ('global', 'tenant') and project_id is null and instance_id is null end),
        constraint config_values_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade,
        constraint config_values_tenant_id_project_id_fkey foreign key (tenant_id, project_id)
          references projects (tenant_id, id) on delete cascade,
        constraint config_values_instance_id_fkey foreign key (instance_id) references instances (id) on delete cascade
      )`,
      `create index config_values_tenant_id_project_id_idx on config_values (tenant_id, project_id)`,
      `create index config_values_instance_id_idx on config_values (instance_id)`,
      `create index config_values_global_idx on config_values (level) where level = 'global'`,
      `alter table config_values enable row level security`,
      `alter table config_values force row level security`,
      `create policy config_values_tenant on config_values to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
      // Those of all tenants are everybody's to read, and nobody else's to write.
      `create policy config_values_global on config_values for select to claw_app
         using (level = 'global' and coalesce(current_setting('claw.tenant_id', true), '') <> '')`,
      ...["insert", "update"].map(
        (action) =>
          `create policy config_values_${action}_shared on config_values as restrictive for ${action} to claw_app
           ${action === "update" ? "using (true) " : ""}with check (${ON_SHARED})`,
      ),
      `grant select, insert, update, delete on config_values to claw_app`,
      `alter table instances add column settings json not null default '{}'`,
      `alter table config_versions add column extended json, add column written json, add column restores integer`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table config_versions drop column extended, drop column written, drop column restores`);
    await queryRunner.query(`alter table instances drop column settings`);
    await queryRunner.query(`drop table config_values`);
    await queryRunner.query(
      `create table config_values (
        tenant_id text not null,
        level text not null,
        owner_id text not null,
        key text not null,
        value json not null,
        secret boolean not null,
        constraint config_values_pkey primary key (tenant_id, level, owner_id, key),
        constraint config_values_level_check check (level in ('global', 'tenant', 'project', 'instance')),
        constraint config_values_owner_id_check check ((level = 'global') = (owner_id = '')),
        constraint config_values_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
      )`,
    );
  }
}
