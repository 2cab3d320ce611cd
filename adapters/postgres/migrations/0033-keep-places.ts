import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * Where tokens were used; and the one way in which records of the audit log are removed. The service itself can't delete one any more: a function does, those
 * of at least 29 days up to where the head of their chain starts, and only when the newest record of the chain says so.
 */
export class KeepPlaces1700000000033 implements MigrationInterface {
  readonly name = "KeepPlaces1700000000033";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `alter table api_tokens add column places text[] not null default '{}'`,

      `drop policy audit_records_retention on audit_records`,
      `revoke delete on audit_records from claw_platform`,
      `revoke update (start) on audit_chains from claw_platform`,
      // Row-level security is forced: the owner, as whom the function runs, is held by it too.
      `create policy audit_records_keeper on audit_records to current_user using (true)`,
      `create policy audit_chains_keeper on audit_chains to current_user using (true)`,
      `create function remove_audit_records(of_chain text) returns bigint
       language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
       declare
         head json;
         up_to bigint;
         removed bigint;
       begin
         select c.head into head from public.audit_chains c where c.tenant_id = of_chain for update;
         up_to := (head -> 'start' ->> 'sequence')::bigint;
         if not exists (
           select from public.audit_records r
           where r.tenant_id = of_chain and r.sequence = up_to and r.record ->> 'hash' = head -> 'start' ->> 'hash') then
           raise exception 'the chain % does not start behind one of its records', of_chain;
         end if;
         if not exists (
           select from public.audit_records r
           where r.tenant_id = of_chain and r.sequence = (head ->> 'sequence')::bigint
             and r.record ->> 'action' = 'audit.remove' and r.record -> 'details' ->> 'upTo' = up_to::text) then
           raise exception 'the newest record of the chain % does not say what is removed', of_chain;
         end if;
         if exists (
           select from public.audit_records r
           where r.tenant_id = of_chain and r.sequence <= up_to
             and (r.record ->> 'time') collate "C" > to_char((now() - interval '29 days') at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS')) then
           raise exception 'records of the chain % are younger than 29 days', of_chain;
         end if;
         update public.audit_chains set start = up_to where tenant_id = of_chain;
         delete from public.audit_records where tenant_id = of_chain and sequence <= up_to;
         get diagnostics removed = row_count;
         return removed;
       end $$`,
      `revoke all on function remove_audit_records(text) from public`,
      `grant execute on function remove_audit_records(text) to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `drop function remove_audit_records(text)`,
      `drop policy audit_chains_keeper on audit_chains`,
      `drop policy audit_records_keeper on audit_records`,
      `grant update (start) on audit_chains to claw_platform`,
      `grant delete on audit_records to claw_platform`,
      `create policy audit_records_retention on audit_records for delete to claw_platform
         using (sequence <= (select c.start from audit_chains c where c.tenant_id = audit_records.tenant_id))`,
      `alter table api_tokens drop column places`,
    ]) {
      await queryRunner.query(statement);
    }
  }
}
