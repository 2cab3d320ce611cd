import type { MigrationInterface, QueryRunner } from "typeorm";

const tables = ["engine_stacks", "engine_resources", "engine_edges", "engine_pending_operations", "engine_history"];

/** The engine's checkpoints: a row per resource, so that a step costs what it changes and not what the stack holds. */
export class CreateStacks1700000000002 implements MigrationInterface {
  readonly name = "CreateStacks1700000000002";

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      do $$ begin
        if not exists (select from pg_roles where rolname = 'claw_app') then
          create role claw_app nologin;
        end if;
      exception when duplicate_object or unique_violation then null;
      end $$`);

    // One sequence for all stacks: a token of a removed stack can never be valid for a new one of the same name.
    await queryRunner.query(`create sequence engine_fencing_tokens`);

    await queryRunner.query(`
      create table engine_stacks (
        id bigint generated always as identity primary key,
        tenant_id text not null default current_setting('claw.tenant_id', true),
        project text not null,
        stack text not null,
        serial bigint not null default 0,
        history_version bigint not null default 0,
        secrets_provider json,
        config json not null default '{}',
        tags json not null default '{}',
        last_update_at timestamptz,
        lease_holder text,
        lease_token bigint not null default 0,
        lease_expires_at timestamptz,
        cancel_requested boolean not null default false,
        created_at timestamptz not null default now(),
        constraint engine_stacks_tenant_id_project_stack_key unique (tenant_id, project, stack)
      )`);

    // json, not jsonb: it keeps key order and every string JSON can hold ("\u0000" too), and nothing queries inside it.
    await queryRunner.query(`
      create table engine_resources (
        stack_id bigint not null,
        key text not null,
        tenant_id text not null default current_setting('claw.tenant_id', true),
        urn text not null,
        ord double precision not null,
        state json not null,
        constraint engine_resources_pkey primary key (stack_id, key),
        constraint engine_resources_stack_id_fkey foreign key (stack_id) references engine_stacks (id) on delete cascade
      )`);
    await queryRunner.query(`create index engine_resources_stack_id_urn_idx on engine_resources (stack_id, urn)`);

    // Edges have rows of their own and not an array with a GIN index: under row-level security only leakproof operators
    // may use an index, text equality is one, array overlap is not.
    await queryRunner.query(`
      create table engine_edges (
        stack_id bigint not null,
        key text not null,
        to_urn text not null,
        tenant_id text not null default current_setting('claw.tenant_id', true),
        constraint engine_edges_pkey primary key (stack_id, key, to_urn),
        constraint engine_edges_stack_id_fkey foreign key (stack_id) references engine_stacks (id) on delete cascade
      )`);
    await queryRunner.query(`create index engine_edges_stack_id_to_urn_idx on engine_edges (stack_id, to_urn)`);

    await queryRunner.query(`
      create table engine_pending_operations (
        stack_id bigint not null,
        operation_id text not null,
        tenant_id text not null default current_setting('claw.tenant_id', true),
        ord bigint generated always as identity,
        operation json not null,
        constraint engine_pending_operations_pkey primary key (stack_id, operation_id),
        constraint engine_pending_operations_stack_id_fkey foreign key (stack_id) references engine_stacks (id) on delete cascade
      )`);

    await queryRunner.query(`
      create table engine_history (
        stack_id bigint not null,
        version bigint not null,
        tenant_id text not null default current_setting('claw.tenant_id', true),
        entry json not null,
        constraint engine_history_pkey primary key (stack_id, version),
        constraint engine_history_stack_id_fkey foreign key (stack_id) references engine_stacks (id) on delete cascade
      )`);

    for (const table of tables) {
      await queryRunner.query(`alter table ${table} enable row level security`);
      await queryRunner.query(`alter table ${table} force row level security`);
      await queryRunner.query(`
        create policy ${table}_tenant on ${table}
          using (tenant_id = current_setting('claw.tenant_id', true))
          with check (tenant_id = current_setting('claw.tenant_id', true))`);
      await queryRunner.query(`grant select, insert, update, delete on ${table} to claw_app`);
    }
    await queryRunner.query(`grant usage on sequence engine_fencing_tokens to claw_app`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of [...tables].reverse()) {
      await queryRunner.query(`drop table ${table}`);
    }
    await queryRunner.query(`drop sequence engine_fencing_tokens`);
  }
}
