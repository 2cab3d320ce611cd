import type { MigrationInterface, QueryRunner } from "typeorm";

/** Sessions of people who signed in. They are of no tenant: what somebody may do is asked with every request. */
export class OpenSessions1700000000035 implements MigrationInterface {
  readonly name = "OpenSessions1700000000035";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `create table sessions (
        id text not null,
        subject text not null,
        holder json not null,
        form text not null,
        key_digest text not null,
        rotation integer not null,
        rotated_at timestamptz(3) not null,
        created_at timestamptz(3) not null,
        expires_at timestamptz(3) not null,
        last_used_at timestamptz(3) not null,
        address text,
        agent text,
        constraint sessions_pkey primary key (id),
        constraint sessions_key_digest_key unique (key_digest),
        constraint sessions_key_digest_check check (key_digest ~ '^[0-9a-f]{64}$')
      )`,
      `create index sessions_subject_last_used_at_idx on sessions (subject, last_used_at)`,
      `create index sessions_expires_at_idx on sessions (expires_at)`,
      `alter table sessions enable row level security`,
      `alter table sessions force row level security`,
      `create policy sessions_platform on sessions to claw_platform using (true) with check (true)`,
      `grant select, insert, update, delete on sessions to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table sessions`);
  }
}
