import type { MigrationInterface, QueryRunner } from "typeorm";

/** What each instance's agent is to have, and what of that can be delivered to it. */
export class DeliverConfigs1700000000052 implements MigrationInterface {
  readonly name = "DeliverConfigs1700000000052";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table instances add column delivery json`);
    await queryRunner.query(`grant select (delivery, agent) on instances to claw_platform`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`revoke select (agent) on instances from claw_platform`);
    await queryRunner.query(`alter table instances drop column delivery`);
  }
}
