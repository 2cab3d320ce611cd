import type { MigrationInterface, QueryRunner } from "typeorm";

/** Browsers that are at instances' own origins. A row is found by what a browser brings, before it is known of which tenant that is. */
export class VisitClaws1700000000036 implements MigrationInterface {
  readonly name = "VisitClaws1700000000036";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table visits (
        id text not null,
        tenant_id text not null,
        instance_id text not null,
        label text not null,
        subject text not null,
        holder json not null,
        ticket_digest text,
        key_digest text,
        created_at timestamptz(3) not null,
        expires_at timestamptz(3) not null,
        last_used_at timestamptz(3) not null,
        constraint visits_pkey primary key (id),
        constraint visits_ticket_digest_key unique (ticket_digest),
        constraint visits_key_digest_key unique (key_digest),
        constraint visits_one_digest_check check ((ticket_digest is null) <> (key_digest is null)),
        constraint visits_instance_id_fkey foreign key (instance_id) references instances (id) on delete cascade
      )`,
      `create index visits_instance_id_idx on visits (instance_id)`,
      `create index visits_subject_created_at_idx on visits (subject, created_at)`,
      `create index visits_expires_at_idx on visits (expires_at)`,
      `alter table visits enable row level security`,
      `alter table visits force row level security`,
      `create policy visits_platform on visits to claw_platform using (true) with check (true)`,
      `grant select, insert, update, delete on visits to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table visits`);
  }
}
