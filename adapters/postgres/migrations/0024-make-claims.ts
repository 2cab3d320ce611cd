import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * What one instance can have at a time, whosever it is: ports of a host, as specifications name them, and the accounts of running claws, by
 * keyed digests of their secrets.
 */
export class MakeClaims1700000000024 implements MigrationInterface {
  readonly name = "MakeClaims1700000000024";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `alter table instances add port integer`,
      // The owner is held to row-level security like everybody, and has no policy.
      `alter table instances no force row level security`,
      `update instances set port = (spec->'network'->>'port')::integer`,
      `alter table instances force row level security`,
      `grant select (type, port) on instances to claw_platform`,
      `create table claimed_accounts (
        digest text not null,
        instance_id text not null,
        constraint claimed_accounts_pkey primary key (digest, instance_id),
        constraint claimed_accounts_instance_id_fkey foreign key (instance_id) references instances (id) on delete cascade
      )`,
      `create index claimed_accounts_instance_idx on claimed_accounts (instance_id)`,
      `alter table claimed_accounts enable row level security`,
      `alter table claimed_accounts force row level security`,
      `create policy claimed_accounts_platform on claimed_accounts to claw_platform using (true) with check (true)`,
      `grant select, insert, delete on claimed_accounts to claw_platform`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table claimed_accounts`);
    await queryRunner.query(`alter table instances drop port`);
    await queryRunner.query(`revoke select (type) on instances from claw_platform`);
  }
}
