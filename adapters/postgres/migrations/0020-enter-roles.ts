import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * Since PostgreSQL 16 whoever makes a role is its member, but only to grant it: an owner that is no superuser has to let itself in. The
 * service opens its keyring as the owner, in a role.
 */
export class EnterRoles1700000000020 implements MigrationInterface {
  readonly name = "EnterRoles1700000000020";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`do $$ declare role text; begin
      if current_setting('server_version_num')::int >= 160000 then
        foreach role in array array['claw_app', 'claw_platform', 'claw_cli'] loop
          if not pg_has_role(current_user, role, 'set') then
            execute format('grant %I to %I', role, current_user);
          end if;
        end loop;
      end if;
    end $$`);
  }

  async down(): Promise<void> {}
}
