import type { MigrationInterface, QueryRunner } from "typeorm";

const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;

/**
 * Who did what: chains of records, one of each tenant and one of the platform, that outlive what they are about. Nobody of the service changes a record,
 * or deletes one but what the head says, as it was signed, to have been removed.
 */
export class KeepAudit1700000000028 implements MigrationInterface {
  readonly name = "KeepAudit1700000000028";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table audit_chains (
        tenant_id text not null,
        head json not null,
        start bigint not null,
        constraint audit_chains_pkey primary key (tenant_id)
      ) with (fillfactor = 50)`,
      `create table audit_records (
        tenant_id text not null,
        sequence bigint not null,
        record json not null,
        constraint audit_records_pkey primary key (tenant_id, sequence)
      )`,
      // Of what was hashed, and not of columns beside it: what is found by them is what is verified.
      `create index audit_records_actor_idx on audit_records (tenant_id, (record ->> 'actor'), sequence)`,
      `create index audit_records_resource_idx on audit_records (tenant_id, (record -> 'resource' ->> 'name'), sequence)`,
      `create index audit_records_time_idx on audit_records (tenant_id, ((record ->> 'time') collate "C"), sequence)`,
      ...["audit_chains", "audit_records"].flatMap((table) => [
        `alter table ${table} enable row level security`,
        `alter table ${table} force row level security`,
        `create policy ${table}_tenant on ${table} for select to claw_app using (${OWN_TENANT})`,
        `grant select on ${table} to claw_app`,
        `create policy ${table}_read on ${table} for select to claw_platform using (true)`,
        `create policy ${table}_append on ${table} for insert to claw_platform with check (true)`,
        `grant select, insert on ${table} to claw_platform`,
      ]),
      `create policy audit_chains_extend on audit_chains for update to claw_platform using (true) with check (true)`,
      `grant update (head, start) on audit_chains to claw_platform`,
      `create policy audit_records_retention on audit_records for delete to claw_platform
         using (sequence <= (select c.start from audit_chains c where c.tenant_id = audit_records.tenant_id))`,
      `grant delete on audit_records to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table audit_records`);
    await queryRunner.query(`drop table audit_chains`);
  }
}
