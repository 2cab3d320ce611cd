import type { MigrationInterface, QueryRunner } from "typeorm";

/** Instances that are let go of without their cluster, which can't be reached. */
export class ForgetInstances1700000000021 implements MigrationInterface {
  readonly name = "ForgetInstances1700000000021";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table instances add forget boolean not null default false`);
    await queryRunner.query(`alter table instances alter forget drop default`);
    await queryRunner.query(`grant select (forget) on instances to claw_platform`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table instances drop forget`);
  }
}
