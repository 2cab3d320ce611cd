import type { MigrationInterface, QueryRunner } from "typeorm";

/** Where replicas reach one another, as each says from time to time. Not logged: after a crash of the server they say it again. */
export class ReachReplicas1700000000060 implements MigrationInterface {
  readonly name = "ReachReplicas1700000000060";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create unlogged table replica_urls (
        url text not null,
        seen_at timestamptz(3) not null,
        constraint replica_urls_pkey primary key (url)
      )`,
      `alter table replica_urls enable row level security`,
      `alter table replica_urls force row level security`,
      `create policy replica_urls_platform on replica_urls to claw_platform using (true) with check (true)`,
      `grant select, insert, update, delete on replica_urls to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table replica_urls`);
  }
}
