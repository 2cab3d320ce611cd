import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * Old recordings go when their tenant's audit log need not keep its records any more. The service's logins delete none: a function does, which reads by itself how long
 * the tenant keeps them, so whoever has a login removes nothing that is younger.
 */
export class ExpireRecordings1700000000056 implements MigrationInterface {
  readonly name = "ExpireRecordings1700000000056";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create index recordings_started_at_idx on recordings (started_at)`,
      `create policy recordings_keeper on recordings to current_user using (true)`,
      `create policy tenants_keeper on tenants for select to current_user using (true)`,
      `create function remove_old_recordings(at_most integer)
       returns table (of_tenant text, recording text, of_instance text, called text, kept_days integer)
       language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
       begin
         return query
           with old as (
             select r.tenant_id, r.id, (t.spec ->> 'auditRetentionDays')::integer as days
             from public.recordings r join public.tenants t on t.id = r.tenant_id
             where r.started_at < now() - make_interval(days => (t.spec ->> 'auditRetentionDays')::integer + 1)
             order by r.started_at limit at_most)
           delete from public.recordings r using old where r.tenant_id = old.tenant_id and r.id = old.id
           returning r.tenant_id, r.id, r.instance_id, r.instance_name, old.days;
       end $$`,
      `revoke all on function remove_old_recordings(integer) from public`,
      `grant execute on function remove_old_recordings(integer) to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `drop function remove_old_recordings(integer)`,
      `drop policy tenants_keeper on tenants`,
      `drop policy recordings_keeper on recordings`,
      `drop index recordings_started_at_idx`,
    ]) {
      await queryRunner.query(statement);
    }
  }
}
