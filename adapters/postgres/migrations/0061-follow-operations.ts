import type { MigrationInterface, QueryRunner } from "typeorm";

const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;

/** What the engine does for each instance, as far as it has come. `seen_at` is by the database's clock: replicas need not agree on the time. */
export class FollowOperations1700000000061 implements MigrationInterface {
  readonly name = "FollowOperations1700000000061";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      // json, not jsonb: nothing queries inside it.
      `create table instance_operations (
        tenant_id text not null,
        id text collate "C" not null,
        instance_id text not null,
        kind text not null,
        generation integer not null,
        state text not null,
        started_at timestamptz(3) not null,
        ended_at timestamptz(3),
        seen_at timestamptz(3) not null,
        resources json not null,
        constraint instance_operations_pkey primary key (instance_id, id),
        constraint instance_operations_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade,
        constraint instance_operations_instance_id_fkey foreign key (instance_id) references instances (id) on delete cascade
      )`,
      `create index instance_operations_tenant_id_idx on instance_operations (tenant_id)`,
      `alter table instance_operations enable row level security`,
      `alter table instance_operations force row level security`,
      `create policy instance_operations_tenant on instance_operations to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
      `grant select, insert, update, delete on instance_operations to claw_app`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table instance_operations`);
  }
}
