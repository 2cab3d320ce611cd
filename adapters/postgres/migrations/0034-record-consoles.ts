import type { MigrationInterface, QueryRunner } from "typeorm";

const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;

/** What terminals inside instances have shown. Nobody of the service changes a part, or deletes one: recordings go with their tenant. */
export class RecordConsoles1700000000034 implements MigrationInterface {
  readonly name = "RecordConsoles1700000000034";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table recordings (
        tenant_id text not null,
        id text collate "C" not null,
        instance_id text not null,
        instance_name text not null,
        actor text not null,
        started_at timestamptz(3) not null,
        ended_at timestamptz(3),
        bytes integer not null default 0,
        constraint recordings_pkey primary key (tenant_id, id),
        constraint recordings_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
      )`,
      `create table recording_parts (
        tenant_id text not null,
        recording_id text collate "C" not null,
        sequence integer not null,
        sealed text not null,
        constraint recording_parts_pkey primary key (tenant_id, recording_id, sequence),
        constraint recording_parts_recording_fkey foreign key (tenant_id, recording_id)
          references recordings (tenant_id, id) on delete cascade
      )`,
      ...["recordings", "recording_parts"].flatMap((table) => [
        `alter table ${table} enable row level security`,
        `alter table ${table} force row level security`,
        `create policy ${table}_tenant on ${table} to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
        `grant select, insert on ${table} to claw_app`,
      ]),
      `grant update (bytes, ended_at) on recordings to claw_app`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table recording_parts`);
    await queryRunner.query(`drop table recordings`);
  }
}
