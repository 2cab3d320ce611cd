import type { MigrationInterface, QueryRunner } from "typeorm";

/** Lets the platform see whether an instance is to run and in which phase it is: one whose end nobody told of is looked for on its host. */
export class SeeWhatStops1700000000015 implements MigrationInterface {
  readonly name = "SeeWhatStops1700000000015";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`grant select (running, phase) on instances to claw_platform`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`revoke select (running, phase) on instances from claw_platform`);
  }
}
