import type { MigrationInterface, QueryRunner } from "typeorm";

/** Lets the platform see which rows have been written, and nothing of what they say: what is carried to clusters is looked at only then. */
export class SeeVersions1700000000009 implements MigrationInterface {
  readonly name = "SeeVersions1700000000009";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const table of ["instances", "config_templates"]) {
      await queryRunner.query(`grant select (xmin) on ${table} to claw_platform`);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of ["instances", "config_templates"]) {
      await queryRunner.query(`revoke select (xmin) on ${table} from claw_platform`);
    }
  }
}
