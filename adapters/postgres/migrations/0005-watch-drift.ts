import type { MigrationInterface, QueryRunner } from "typeorm";

/** What somebody changed of an instance's resources behind its stack's back. */
export class WatchDrift1700000000005 implements MigrationInterface {
  readonly name = "WatchDrift1700000000005";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table instances add drift json not null default '[]'`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table instances drop drift`);
  }
}
