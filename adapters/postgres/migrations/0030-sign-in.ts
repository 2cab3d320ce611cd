import type { MigrationInterface, QueryRunner } from "typeorm";

const TABLES = ["administrator_token", "sessions", "sign_in_codes"] as const;

/** How people come in: the administrator's token and whether it is retired, sessions, and codes that are good once. */
export class SignIn1700000000030 implements MigrationInterface {
  readonly name = "SignIn1700000000030";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      // One row. The token is derived of its generation; its digest stays when it is retired, so that a start does not bring it back.
      `create table administrator_token (
        id smallint not null default 1,
        generation integer not null,
        digest text,
        retired boolean not null default false,
        constraint administrator_token_pkey primary key (id),
        constraint administrator_token_id_check check (id = 1)
      )`,
      `insert into administrator_token (generation, digest) values (0, (select digest from api_tokens where platform limit 1))`,

      `create table sessions (
        id text not null,
        kind text not null,
        digest text not null,
        subject text not null,
        groups text[] not null,
        issuer text,
        token_digest text,
        address text not null,
        user_agent text not null,
        rotation integer not null default 0,
        rotated_at timestamptz(3) not null,
        created_at timestamptz(3) not null,
        last_used_at timestamptz(3) not null,
        usable_until timestamptz(3) not null,
        expires_at timestamptz(3) not null,
        constraint sessions_pkey primary key (id),
        constraint sessions_digest_key unique (digest),
        constraint sessions_kind_check check (kind in ('browser', 'client')),
        constraint sessions_holder_check check ((issuer is null) <> (token_digest is null)),
        constraint sessions_token_digest_fkey foreign key (token_digest) references api_tokens (digest) on delete cascade
      )`,
      `create index sessions_token_digest_idx on sessions (token_digest)`,
      `create index sessions_subject_idx on sessions (subject, id)`,
      `create index sessions_expires_at_idx on sessions (expires_at)`,

      `create table sign_in_codes (
        digest text not null,
        content json not null,
        expires_at timestamptz(3) not null,
        constraint sign_in_codes_pkey primary key (digest)
      )`,
      `create index sign_in_codes_expires_at_idx on sign_in_codes (expires_at)`,

      ...TABLES.flatMap((table) => [
        `alter table ${table} enable row level security`,
        `alter table ${table} force row level security`,
        `create policy ${table}_platform on ${table} to claw_platform using (true) with check (true)`,
        `grant select, insert, update, delete on ${table} to claw_platform`,
      ]),
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of TABLES) {
      await queryRunner.query(`drop table ${table}`);
    }
  }
}
