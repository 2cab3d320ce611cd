import type { MigrationInterface, QueryRunner } from "typeorm";

const NAME_CHECK = `name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'`;

/** Clusters, and where each instance is. */
export class CreateClusters1700000000003 implements MigrationInterface {
  readonly name = "CreateClusters1700000000003";

  async up(queryRunner: QueryRunner): Promise<void> {
    // reachable repeats a part of state: work for clusters that can't be reached is not handed out.
    await queryRunner.query(`
      create table clusters (
        id text not null,
        name text collate "C" not null,
        labels jsonb not null default '{}',
        annotations json not null default '{}',
        generation integer not null,
        resource_version integer not null,
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        spec json not null,
        reachable boolean,
        state json not null,
        constraint clusters_pkey primary key (id),
        constraint clusters_name_key unique (name),
        constraint clusters_name_check check (${NAME_CHECK} and name <> 'local')
      )`);
    await queryRunner.query(`alter table clusters enable row level security`);
    await queryRunner.query(`alter table clusters force row level security`);
    await queryRunner.query(`create policy clusters_platform on clusters to claw_platform using (true) with check (true)`);
    await queryRunner.query(`grant select, insert, update, delete on clusters to claw_platform`);

    // No foreign key to clusters: 'local' is none. Whoever places an instance holds the cluster's row, and so does whoever deletes it.
    await queryRunner.query(`alter table instances add cluster text not null default 'local', add moved_from text`);
    await queryRunner.query(`create index instances_cluster_idx on instances (cluster)`);
    await queryRunner.query(`create index instances_moved_from_idx on instances (moved_from) where moved_from is not null`);
    await queryRunner.query(`grant select (cluster, moved_from, replicas, cpu, memory_bytes, deleted_at) on instances to claw_platform`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table instances drop cluster, drop moved_from`);
    await queryRunner.query(`drop table clusters`);
  }
}
