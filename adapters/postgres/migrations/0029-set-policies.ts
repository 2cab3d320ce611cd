import type { MigrationInterface, QueryRunner } from "typeorm";

const NAME_CHECK = `name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'`;
const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;
const ON_SHARED = `not platform or exists (select from tenants t where t.id = tenant_id and t.name = 'default')`;

/** Policies: what instances of a tenant, of one of its projects, or of all tenants have to comply with. */
export class SetPolicies1700000000029 implements MigrationInterface {
  readonly name = "SetPolicies1700000000029";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table policies (
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
        project_id text,
        platform boolean not null,
        constraint policies_pkey primary key (id),
        constraint policies_tenant_id_name_key unique (tenant_id, name),
        constraint policies_name_check check (${NAME_CHECK}),
        constraint policies_platform_check check (not platform or project_id is null),
        constraint policies_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade,
        constraint policies_tenant_id_project_id_fkey foreign key (tenant_id, project_id)
          references projects (tenant_id, id) on delete cascade
      )`,
      `create index policies_tenant_id_project_id_idx on policies (tenant_id, project_id)`,
      `create index policies_platform_idx on policies (platform) where platform`,
      `alter table policies enable row level security`,
      `alter table policies force row level security`,
      `create policy policies_tenant on policies to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
      // Those of the platform are everybody's to read, and nobody else's to write.
      `create policy policies_shared on policies for select to claw_app
         using (platform and coalesce(current_setting('claw.tenant_id', true), '') <> '')`,
      ...["insert", "update"].map(
        (action) =>
          `create policy policies_${action}_shared on policies as restrictive for ${action} to claw_app
           ${action === "update" ? "using (true) " : ""}with check (${ON_SHARED})`,
      ),
      `grant select, insert, update, delete on policies to claw_app`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table policies`);
  }
}
