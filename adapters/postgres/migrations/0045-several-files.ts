import type { MigrationInterface, QueryRunner } from "typeorm";

/** A claw type has any number of files that are rendered, where it had one. */
export class SeveralFiles1700000000045 implements MigrationInterface {
  readonly name = "SeveralFiles1700000000045";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table claw_types no force row level security`);
    await queryRunner.query(
      `update claw_types set spec = ((spec::jsonb - 'config') || jsonb_build_object('files',
         case when spec::jsonb ? 'config' then jsonb_build_array(spec::jsonb -> 'config') else '[]'::jsonb end))::json`,
    );
    await queryRunner.query(`alter table claw_types force row level security`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`alter table claw_types no force row level security`);
    await queryRunner.query(
      `update claw_types set spec = ((spec::jsonb - 'files') ||
         case when spec::jsonb -> 'files' -> 0 is null then '{}'::jsonb else jsonb_build_object('config', spec::jsonb -> 'files' -> 0) end)::json`,
    );
    await queryRunner.query(`alter table claw_types force row level security`);
  }
}
