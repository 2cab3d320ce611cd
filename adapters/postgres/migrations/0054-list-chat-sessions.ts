import type { MigrationInterface, QueryRunner } from "typeorm";

const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;

/** The sessions in which somebody has talked to an instance; of one that is shared, nobody's in particular. */
export class ListChatSessions1700000000054 implements MigrationInterface {
  readonly name = "ListChatSessions1700000000054";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table chat_sessions (
        tenant_id text not null,
        instance_id text not null,
        subject text not null,
        name text not null,
        last_used_at timestamptz(3) not null,
        constraint chat_sessions_pkey primary key (instance_id, subject, name),
        constraint chat_sessions_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade,
        constraint chat_sessions_instance_id_fkey foreign key (instance_id) references instances (id) on delete cascade
      )`,
      `create index chat_sessions_tenant_id_idx on chat_sessions (tenant_id)`,
      `alter table chat_sessions enable row level security`,
      `alter table chat_sessions force row level security`,
      `create policy chat_sessions_tenant on chat_sessions to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
      `grant select, insert, update, delete on chat_sessions to claw_app`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table chat_sessions`);
  }
}
