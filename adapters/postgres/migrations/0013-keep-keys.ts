import type { MigrationInterface, QueryRunner } from "typeorm";

/** What the service's keys rest on, sealed; and how far stored secrets have come under the newest of them. */
export class KeepKeys1700000000013 implements MigrationInterface {
  readonly name = "KeepKeys1700000000013";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table keyring (
        name text not null,
        value text not null,
        constraint keyring_pkey primary key (name)
      )`,
      `alter table keyring enable row level security`,
      `alter table keyring force row level security`,
      `create policy keyring_platform on keyring to claw_platform using (true) with check (true)`,
      `grant select, insert, update on keyring to claw_platform`,
      // Both are short-lived, and may show secrets that were not taken for such before.
      `truncate plans`,
      `truncate idempotency_keys`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table keyring`);
  }
}
