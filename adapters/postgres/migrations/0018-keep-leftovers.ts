import type { MigrationInterface, QueryRunner } from "typeorm";

/** What was found on hosts and in clusters of instances that nobody knows: for all replicas to tell, and over their restarts. */
export class KeepLeftovers1700000000018 implements MigrationInterface {
  readonly name = "KeepLeftovers1700000000018";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table leftovers (
        id text not null,
        cluster text not null,
        host text,
        kind text not null,
        namespace text,
        name text not null,
        instance text,
        tenant text,
        kept_for text,
        since timestamptz(3) not null,
        constraint leftovers_pkey primary key (id)
      )`);
    await queryRunner.query(`create index leftovers_cluster_host_idx on leftovers (cluster, host)`);
    await queryRunner.query(`alter table leftovers enable row level security`);
    await queryRunner.query(`alter table leftovers force row level security`);
    await queryRunner.query(`create policy leftovers_platform on leftovers to claw_platform using (true) with check (true)`);
    await queryRunner.query(`grant select, insert, update, delete on leftovers to claw_platform`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table leftovers`);
  }
}
