import type { MigrationInterface, QueryRunner } from "typeorm";

/** Which replica of the control plane looks after a cluster, and until when it has said so. */
export class KeepClusters1700000000008 implements MigrationInterface {
  readonly name = "KeepClusters1700000000008";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table clusters add keeper text, add kept_until timestamptz(3)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table clusters drop keeper, drop kept_until`);
  }
}
