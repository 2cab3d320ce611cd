import type { MigrationInterface, QueryRunner } from "typeorm";

/** What claws' own programs say of configurations: asked once, known to every replica. */
export class KnowClaws1700000000022 implements MigrationInterface {
  readonly name = "KnowClaws1700000000022";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table claw_schemas (
        package text not null,
        version text not null,
        schema text not null,
        constraint claw_schemas_pkey primary key (package, version)
      )`,
      `create table claw_verdicts (
        package text not null,
        version text not null,
        digest text not null,
        issues jsonb not null,
        checked_at timestamptz(3) not null,
        constraint claw_verdicts_pkey primary key (package, version, digest)
      )`,
      `create index claw_verdicts_checked_at_idx on claw_verdicts (checked_at)`,
      ...["claw_schemas", "claw_verdicts"].flatMap((table) => [
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
    await queryRunner.query(`drop table claw_verdicts`);
    await queryRunner.query(`drop table claw_schemas`);
  }
}
