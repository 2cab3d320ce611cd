import type { MigrationInterface, QueryRunner } from "typeorm";

/** How much each preview takes, so that what a tenant keeps of them has a bound. Those of before count for nothing, and go within a day. */
export class MeasurePreviews1700000000057 implements MigrationInterface {
  readonly name = "MeasurePreviews1700000000057";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table plans add column bytes integer not null default 0`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table plans drop column bytes`);
  }
}
