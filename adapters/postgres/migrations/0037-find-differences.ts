import type { MigrationInterface, QueryRunner } from "typeorm";

/** What each instance's claw was found to be configured with, where that is not what is declared. */
export class FindDifferences1700000000037 implements MigrationInterface {
  readonly name = "FindDifferences1700000000037";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table instances add column consistency json`);
    await queryRunner.query(`grant select (consistency) on instances to claw_platform`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table instances drop column consistency`);
  }
}
