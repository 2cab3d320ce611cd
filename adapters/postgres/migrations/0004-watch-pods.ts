import type { MigrationInterface, QueryRunner } from "typeorm";

/** What an instance's cluster shows of its pod. */
export class WatchPods1700000000004 implements MigrationInterface {
  readonly name = "WatchPods1700000000004";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table instances add pod json`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table instances drop pod`);
  }
}
