import type { MigrationInterface, QueryRunner } from "typeorm";

/** The keys that seal secrets, each wrapped by a key that is not in the database. */
export class WrapKeys1700000000032 implements MigrationInterface {
  readonly name = "WrapKeys1700000000032";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table data_keys (
        id text not null,
        wrapped text not null,
        wrapped_by text not null,
        created_at timestamptz not null default now(),
        wrapped_at timestamptz not null default now(),
        constraint data_keys_pkey primary key (id)
      )`,
      `alter table data_keys enable row level security`,
      `alter table data_keys force row level security`,
      `create policy data_keys_platform on data_keys to claw_platform using (true) with check (true)`,
      `grant select, insert, update on data_keys to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table data_keys`);
  }
}
