import type { MigrationInterface, QueryRunner } from "typeorm";

const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;

/**
 * What config values were before each write of them, and until when: a version of a template is seen with those of its time.
 * A set that was never changed has none.
 */
export class KeepFormerValues1700000000038 implements MigrationInterface {
  readonly name = "KeepFormerValues1700000000038";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table former_config_values (
        id text not null,
        tenant_id text not null,
        name text collate "C" not null,
        resource_version integer not null,
        spec json not null,
        level text not null,
        project_id text,
        instance_id text,
        settings json not null,
        since timestamptz(3) not null,
        until timestamptz(3) not null,
        constraint former_config_values_pkey primary key (id, resource_version),
        constraint former_config_values_until_check check (until > since),
        constraint former_config_values_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade,
        constraint former_config_values_tenant_id_project_id_fkey foreign key (tenant_id, project_id)
          references projects (tenant_id, id) on delete cascade,
        constraint former_config_values_instance_id_fkey foreign key (instance_id) references instances (id) on delete cascade
      )`,
      `create index former_config_values_tenant_id_project_id_until_idx on former_config_values (tenant_id, project_id, until)`,
      `create index former_config_values_instance_id_idx on former_config_values (instance_id)`,
      `create index former_config_values_global_idx on former_config_values (until) where level = 'global'`,
      `alter table former_config_values enable row level security`,
      `alter table former_config_values force row level security`,
      `create policy former_config_values_tenant on former_config_values to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
      // As the values of all tenants are, while they hold.
      `create policy former_config_values_global on former_config_values for select to claw_app
         using (level = 'global' and coalesce(current_setting('claw.tenant_id', true), '') <> '')`,
      `create policy former_config_values_insert_shared on former_config_values as restrictive for insert to claw_app
         with check (level <> 'global' or exists (select from tenants t where t.id = tenant_id and t.name = 'default'))`,
      // What was is not changed: only its secrets are sealed anew.
      `grant select, insert, update (spec) on former_config_values to claw_app`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table former_config_values`);
  }
}
