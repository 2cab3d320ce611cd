import type { MigrationInterface, QueryRunner } from "typeorm";

const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;

/** The instances of rollouts, each of one at a time. */
export class RollOutInstances1700000000051 implements MigrationInterface {
  readonly name = "RollOutInstances1700000000051";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      // What was an instance of a rollout is told of when the instance is gone: it refers to none.
      `create table rollout_members (
        rollout_id text not null,
        instance_id text not null,
        tenant_id text not null,
        place integer not null,
        name text not null,
        state text not null,
        active boolean not null,
        data json not null,
        constraint rollout_members_pkey primary key (rollout_id, instance_id),
        constraint rollout_members_tenant_id_rollout_id_fkey foreign key (tenant_id, rollout_id)
          references rollouts (tenant_id, id) on delete cascade
      )`,
      `create unique index rollout_members_active_key on rollout_members (instance_id) where active`,
      `create index rollout_members_rollout_id_place_idx on rollout_members (rollout_id, place)`,
      `create index rollout_members_tenant_id_instance_id_idx on rollout_members (tenant_id, instance_id)`,
      `create index rollout_members_tenant_id_rollout_id_idx on rollout_members (tenant_id, rollout_id)`,
      `alter table rollout_members enable row level security`,
      `alter table rollout_members force row level security`,
      `create policy rollout_members_tenant on rollout_members to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
      `grant select, insert, update, delete on rollout_members to claw_app`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table rollout_members`);
  }
}
