import type { MigrationInterface, QueryRunner } from "typeorm";

/** What a write warned of, beside the answer that its repetitions get. */
export class KeepWarnings1700000000042 implements MigrationInterface {
  readonly name = "KeepWarnings1700000000042";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table idempotency_keys add column warnings json`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table idempotency_keys drop column warnings`);
  }
}
