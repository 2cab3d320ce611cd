import type { MigrationInterface, QueryRunner } from "typeorm";

const NAME_CHECK = `name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'`;
const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;

/** Rollouts as resources, in the place of a table that nobody used. */
export class RollOut1700000000050 implements MigrationInterface {
  readonly name = "RollOut1700000000050";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `drop table config_rollouts`,
      `create table rollouts (
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
        state json not null,
        phase text not null,
        due_at timestamptz(3),
        fence integer not null default 0,
        constraint rollouts_pkey primary key (id),
        constraint rollouts_tenant_id_id_key unique (tenant_id, id),
        constraint rollouts_tenant_id_name_key unique (tenant_id, name),
        constraint rollouts_name_check check (${NAME_CHECK}),
        constraint rollouts_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
      )`,
      `create index rollouts_due_at_idx on rollouts (due_at) where due_at is not null`,
      `alter table rollouts enable row level security`,
      `alter table rollouts force row level security`,
      `create policy rollouts_tenant on rollouts to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
      `grant select, insert, update, delete on rollouts to claw_app`,
      // Who drives them takes whichever is due.
      `create policy rollouts_platform on rollouts to claw_platform using (true) with check (true)`,
      `grant select (id, tenant_id, phase, due_at, fence), update (due_at, fence) on rollouts to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `drop table rollouts`,
      `create table config_rollouts (
        id text not null,
        tenant_id text not null,
        template_id text not null,
        version integer not null,
        strategy json not null,
        state json not null,
        phase text not null,
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        constraint config_rollouts_pkey primary key (id),
        constraint config_rollouts_phase_check
          check (phase in ('Pending', 'Progressing', 'Paused', 'Completed', 'Aborted', 'Failed')),
        constraint config_rollouts_template_id_version_fkey foreign key (template_id, version)
          references config_versions (template_id, version) on delete cascade,
        constraint config_rollouts_tenant_id_template_id_fkey foreign key (tenant_id, template_id)
          references config_templates (tenant_id, id) on delete cascade
      )`,
      `create index config_rollouts_template_id_version_idx on config_rollouts (template_id, version)`,
      `create index config_rollouts_tenant_id_template_id_idx on config_rollouts (tenant_id, template_id)`,
      `alter table config_rollouts enable row level security`,
      `alter table config_rollouts force row level security`,
      `create policy config_rollouts_tenant on config_rollouts to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
      `grant select, insert, update, delete on config_rollouts to claw_app`,
    ]) {
      await queryRunner.query(statement);
    }
  }
}
