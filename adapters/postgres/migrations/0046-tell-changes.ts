import type { MigrationInterface, QueryRunner } from "typeorm";
import { CHANGE_CHANNEL } from "../channels.ts";

/** What of a row is shown to people, or decides what is. `json` has no equality. */
const SHOWN = [
  ...["resource_version", "generation", "phase", "observed_generation", "cluster", "deleted_at", "config_version", "project_id"],
  ...["conditions::text", "agent::text", "pod::text", "drift::text", "delivery::text"],
];

/** Tells every replica which instances have changed, once that is committed: by the row, so that no writer can forget it. */
export class TellChanges1700000000046 implements MigrationInterface {
  readonly name = "TellChanges1700000000046";

  async up(queryRunner: QueryRunner): Promise<void> {
    // In the body and not in the trigger's condition: a column that a later migration adds can be named.
    const changed = SHOWN.map((column) => `old.${column} is distinct from new.${column}`).join(" or ");
    await queryRunner.query(`create function tell_change() returns trigger language plpgsql as $$
      begin
        if tg_op = 'DELETE' then
          perform pg_notify('${CHANGE_CHANNEL}', old.tenant_id || ' ' || old.id);
        elsif tg_op = 'INSERT' then
          perform pg_notify('${CHANGE_CHANNEL}', new.tenant_id || ' ' || new.id);
        elsif ${changed} then
          perform pg_notify('${CHANGE_CHANNEL}', new.tenant_id || ' ' || new.id);
        end if;
        return null;
      end $$`);
    await queryRunner.query(
      `create trigger instances_tell_changes after insert or update or delete on instances for each row execute function tell_change()`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop trigger instances_tell_changes on instances`);
    await queryRunner.query(`drop function tell_change()`);
  }
}
