import type { MigrationInterface, QueryRunner } from "typeorm";

/** Lets the platform see which rows of the other kinds have been written that are carried to clusters, and nothing of what they say. */
export class SeeMoreVersions1700000000062 implements MigrationInterface {
  readonly name = "SeeMoreVersions1700000000062";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create policy config_values_platform on config_values for select to claw_platform using (true)`,
      `grant select (tenant_id, name, xmin) on config_values to claw_platform`,
      `grant select (xmin) on claw_types to claw_platform`,
      `grant select (name, xmin) on rollouts to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `revoke select (name, xmin) on rollouts from claw_platform`,
      `revoke select (xmin) on claw_types from claw_platform`,
      `revoke select (tenant_id, name, xmin) on config_values from claw_platform`,
      `drop policy config_values_platform on config_values`,
    ]) {
      await queryRunner.query(statement);
    }
  }
}
