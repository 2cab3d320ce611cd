import type { MigrationInterface, QueryRunner } from "typeorm";

/** Clusters that were deleted, until nothing in them waits for the control plane any more. */
export class PartWithClusters1700000000053 implements MigrationInterface {
  readonly name = "PartWithClusters1700000000053";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table parted_clusters (
        id text not null,
        cluster json not null,
        deleted_at timestamptz(3) not null default now(),
        constraint parted_clusters_pkey primary key (id)
      )`);
    await queryRunner.query(`alter table parted_clusters enable row level security`);
    await queryRunner.query(`alter table parted_clusters force row level security`);
    await queryRunner.query(`create policy parted_clusters_platform on parted_clusters to claw_platform using (true) with check (true)`);
    await queryRunner.query(`grant select, insert, delete on parted_clusters to claw_platform`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table parted_clusters`);
  }
}
