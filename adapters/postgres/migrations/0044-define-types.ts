import type { MigrationInterface, QueryRunner } from "typeorm";

const NAME_CHECK = `name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'`;
const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;
const ON_SHARED = `not shared or exists (select from tenants t where t.id = tenant_id and t.name = 'default')`;

/** Claw types as resources: a tenant's own, and those of the platform. */
export class DefineTypes1700000000044 implements MigrationInterface {
  readonly name = "DefineTypes1700000000044";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table claw_types (
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
        shared boolean not null,
        constraint claw_types_pkey primary key (id),
        constraint claw_types_tenant_id_name_key unique (tenant_id, name),
        constraint claw_types_name_check check (${NAME_CHECK}),
        constraint claw_types_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
      )`,
      `create index claw_types_shared_idx on claw_types (shared) where shared`,
      `alter table claw_types enable row level security`,
      `alter table claw_types force row level security`,
      `create policy claw_types_tenant on claw_types to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
      // Those of the platform are everybody's to read, and nobody else's to write.
      `create policy claw_types_shared on claw_types for select to claw_app
         using (shared and coalesce(current_setting('claw.tenant_id', true), '') <> '')`,
      ...["insert", "update"].map(
        (action) =>
          `create policy claw_types_${action}_shared on claw_types as restrictive for ${action} to claw_app
           ${action === "update" ? "using (true) " : ""}with check (${ON_SHARED})`,
      ),
      `grant select, insert, update, delete on claw_types to claw_app`,
      // What keeps a type of the platform that whichever tenant's instance is of.
      `create policy claw_types_platform on claw_types for select to claw_platform using (true)`,
      `grant select (tenant_id, name) on claw_types to claw_platform`,
      `grant select (type) on instances to claw_platform`,
      `create index instances_type_idx on instances (type, tenant_id)`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `drop index instances_type_idx`,
      `revoke select (type) on instances from claw_platform`,
      `drop table claw_types`,
    ]) {
      await queryRunner.query(statement);
    }
  }
}
