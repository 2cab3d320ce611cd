import type { MigrationInterface, QueryRunner } from "typeorm";

/** Who asked how often within the last seconds, for all replicas. Not logged: a crash of the server forgets it, and nobody misses it. */
export class CountRequests1700000000026 implements MigrationInterface {
  readonly name = "CountRequests1700000000026";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create unlogged table request_counters (
        window_start bigint not null,
        key text not null,
        count integer not null,
        constraint request_counters_pkey primary key (window_start, key)
      )`,
      `alter table request_counters enable row level security`,
      `alter table request_counters force row level security`,
      `create policy request_counters_platform on request_counters to claw_platform using (true) with check (true)`,
      `grant select, insert, update, delete on request_counters to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table request_counters`);
  }
}
