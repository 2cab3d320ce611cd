import type { MigrationInterface, QueryRunner } from "typeorm";

/** What instances take of their hosts, as it was last measured. */
export class MeasureUsage1700000000007 implements MigrationInterface {
  readonly name = "MeasureUsage1700000000007";

  async up(queryRunner: QueryRunner): Promise<void> {
    // A table of its own, so that a sample writes no instance; unlogged, since what a crash loses is measured again.
    await queryRunner.query(`
      create unlogged table instance_usage (
        instance_id text not null,
        tenant_id text not null,
        cpu double precision not null,
        memory_bytes bigint not null,
        sampled_at timestamptz(3) not null,
        constraint instance_usage_pkey primary key (instance_id),
        constraint instance_usage_instance_id_fkey foreign key (instance_id) references instances (id) on delete cascade
      ) with (fillfactor = 50)`);
    await queryRunner.query(`alter table instance_usage enable row level security`);
    await queryRunner.query(`alter table instance_usage force row level security`);
    await queryRunner.query(`create policy instance_usage_platform on instance_usage to claw_platform using (true) with check (true)`);
    await queryRunner.query(`grant select, insert, update on instance_usage to claw_platform`);
    await queryRunner.query(`
      create policy instance_usage_tenant on instance_usage for select to claw_app
        using (tenant_id = current_setting('claw.tenant_id', true))`);
    await queryRunner.query(`grant select on instance_usage to claw_app`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table instance_usage`);
  }
}
