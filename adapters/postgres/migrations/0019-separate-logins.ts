import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * The service's logins own nothing, so what the Pulumi CLI makes needs an owner of its own: `claw_cli`, in a schema that is nothing else's.
 * The CLI makes and changes its tables itself, which only their owner may.
 */
export class SeparateLogins1700000000019 implements MigrationInterface {
  readonly name = "SeparateLogins1700000000019";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `do $$ begin
        if not exists (select from pg_roles where rolname = 'claw_cli') then
          create role claw_cli nologin;
        end if;
      exception when duplicate_object or unique_violation then null;
      end $$`,
      // Since version 16 whoever makes a role may grant it, but not enter it.
      `do $$ begin
        if not pg_has_role(current_user, 'claw_cli', case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end) then
          execute format('grant claw_cli to %I', current_user);
        end if;
      end $$`,
      `create schema claw_cli`,
      `grant usage, create on schema claw_cli to claw_cli`,
      moveTables("public", "claw_cli", "claw_cli"),
      // The CLI keeps a table for each tenant: it goes with the tenant, which is the platform's to delete.
      `create function claw_cli.drop_state(state_table text) returns void language plpgsql security definer set search_path = pg_catalog as $$
        begin
          execute format('drop table if exists claw_cli.%I', state_table);
        end $$`,
      `revoke all on function claw_cli.drop_state from public`,
      `grant execute on function claw_cli.drop_state to claw_platform`,
      `grant usage on schema claw_cli to claw_platform`,
      `alter function claw_cli.drop_state owner to claw_cli`,
      // Before version 15 every login may make tables there.
      `revoke create on schema public from public`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(moveTables("claw_cli", "public", "current_user"));
    await queryRunner.query(`drop schema claw_cli cascade`);
  }
}

function moveTables(from: string, to: string, owner: string): string {
  return `do $$ declare name text; begin
    for name in select relname from pg_class where relnamespace = '${from}'::regnamespace and relkind = 'r' and starts_with(relname, 'pulumi_state_')
    loop
      execute format('alter table ${from}.%I set schema ${to}', name);
      execute format('alter table ${to}.%I owner to ${owner}', name);
    end loop;
  end $$`;
}
