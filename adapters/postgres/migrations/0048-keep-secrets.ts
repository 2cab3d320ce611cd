import type { MigrationInterface, QueryRunner } from "typeorm";

const NAME_CHECK = `name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'`;
const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;
const ON_SHARED = `not shared or exists (select from tenants t where t.id = tenant_id and t.name = 'default')`;

/** Secrets as resources, with what their sources gave. */
export class KeepSecrets1700000000048 implements MigrationInterface {
  readonly name = "KeepSecrets1700000000048";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table secrets (
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
        state json not null,
        due_at timestamptz(3),
        constraint secrets_pkey primary key (id),
        constraint secrets_tenant_id_name_key unique (tenant_id, name),
        constraint secrets_name_check check (${NAME_CHECK}),
        constraint secrets_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
      )`,
      `create index secrets_due_at_idx on secrets (due_at) where due_at is not null`,
      `alter table secrets enable row level security`,
      `alter table secrets force row level security`,
      `create policy secrets_tenant on secrets to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
      ...["insert", "update"].map(
        (action) =>
          `create policy secrets_${action}_shared on secrets as restrictive for ${action} to claw_app
           ${action === "update" ? "using (true) " : ""}with check (${ON_SHARED})`,
      ),
      `grant select, insert, update, delete on secrets to claw_app`,
      // No tenant sees the platform's: what is the platform's own names them. Whichever is due is claimed across tenants.
      `create policy secrets_platform on secrets to claw_platform using (true) with check (true)`,
      `grant select, update (due_at) on secrets to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table secrets`);
  }
}
