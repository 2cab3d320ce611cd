import type { MigrationInterface, QueryRunner } from "typeorm";

/** When each tenant's part of a cluster is to be read again. */
export class ScheduleRefreshes1700000000006 implements MigrationInterface {
  readonly name = "ScheduleRefreshes1700000000006";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table stack_refreshes (
        tenant_id text not null,
        cluster text not null,
        due_at timestamptz not null,
        constraint stack_refreshes_pkey primary key (tenant_id, cluster),
        constraint stack_refreshes_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
      )`);
    await queryRunner.query(`create index stack_refreshes_due_at_idx on stack_refreshes (due_at)`);
    await queryRunner.query(`alter table stack_refreshes enable row level security`);
    await queryRunner.query(`alter table stack_refreshes force row level security`);
    await queryRunner.query(`create policy stack_refreshes_platform on stack_refreshes to claw_platform using (true) with check (true)`);
    await queryRunner.query(`grant select, insert, update, delete on stack_refreshes to claw_platform`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table stack_refreshes`);
  }
}
