import type { MigrationInterface, QueryRunner } from "typeorm";

const TABLES = ["administrator_token"] as const;

/** The administrator's token, and whether it is retired. */
export class SignIn1700000000030 implements MigrationInterface {
  readonly name = "SignIn1700000000030";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      // One row. The token is derived of its generation; its digest stays when it is retired, so that a start does not bring it back.
      `create table administrator_token (
        id smallint not null default 1,
        generation integer not null,
        digest text,
        retired boolean not null default false,
        constraint administrator_token_pkey primary key (id),
        constraint administrator_token_id_check check (id = 1)
      )`,
      `insert into administrator_token (generation, digest) values (0, (select digest from api_tokens where platform limit 1))`,

      ...TABLES.flatMap((table) => [
        `alter table ${table} enable row level security`,
        `alter table ${table} force row level security`,
        `create policy ${table}_platform on ${table} to claw_platform using (true) with check (true)`,
        `grant select, insert, update, delete on ${table} to claw_platform`,
      ]),
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of TABLES) {
      await queryRunner.query(`drop table ${table}`);
    }
  }
}
