import type { MigrationInterface, QueryRunner } from "typeorm";

const NAME_CHECK = `name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'`;
const IS_SHARED_TENANT = `exists (select from tenants t where t.id = tenant_id and t.name = 'default')`;
const OWN_TENANT = `tenant_id = current_setting('claw.tenant_id', true)`;

// `claw_app` acts inside one tenant; `claw_platform` works across tenants on the few tables where that is its job.
// Both are roles of the whole server: databases that are migrated at the same time may create them at the same time.
const roles = ["claw_app", "claw_platform"];

const tenantTables = [
  "projects",
  "config_templates",
  "config_versions",
  "config_values",
  "config_rollouts",
  "instances",
  "instance_events",
  "plans",
  "idempotency_keys",
] as const;
const platformTables = ["tenants", "api_tokens", "outbox"] as const;

/** Tenants and everything that is theirs, under row-level security from the first row on. */
export class CreateTenancy1700000000001 implements MigrationInterface {
  readonly name = "CreateTenancy1700000000001";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [...createRoles, ...createTables, ...createIndexes, ...secure()]) {
      await queryRunner.query(statement);
    }
  }

  /** The roles stay: other databases of the server use them. */
  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of ["outbox", "api_tokens", ...[...tenantTables].reverse(), "tenants"]) {
      await queryRunner.query(`drop table ${table}`);
    }
  }
}

const createRoles = [
  ...roles.map(
    (role) => `
      do $$ begin
        if not exists (select from pg_roles where rolname = '${role}') then
          create role ${role} nologin;
        end if;
      exception when duplicate_object or unique_violation then null;
      end $$`,
  ),
  ...roles.map(
    (role) => `
      do $$ begin
        if not pg_has_role(current_user, '${role}', 'member') then
          execute format('grant ${role} to %I', current_user);
        end if;
      end $$`,
  ),
];

const METADATA_COLUMNS = `
  name text collate "C" not null,
  labels jsonb not null default '{}',
  annotations json not null default '{}',
  generation integer not null,
  resource_version integer not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null`;

// Specs are json and not jsonb: it keeps key order, which digests and diffs rest on, and every string that JSON can hold.
const createTables = [
  `create table tenants (
    id text not null,
    ${METADATA_COLUMNS},
    spec json not null,
    constraint tenants_pkey primary key (id),
    constraint tenants_name_key unique (name),
    constraint tenants_name_check check (${NAME_CHECK})
  )`,
  `create table projects (
    id text not null,
    tenant_id text not null,
    ${METADATA_COLUMNS},
    spec json not null,
    constraint projects_pkey primary key (id),
    constraint projects_tenant_id_id_key unique (tenant_id, id),
    constraint projects_tenant_id_name_key unique (tenant_id, name),
    constraint projects_name_check check (${NAME_CHECK}),
    constraint projects_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
  )`,
  `create table config_templates (
    id text not null,
    tenant_id text not null,
    ${METADATA_COLUMNS},
    spec json not null,
    published_version integer not null,
    published_digest text,
    shared boolean not null default false,
    constraint config_templates_pkey primary key (id),
    constraint config_templates_tenant_id_id_key unique (tenant_id, id),
    constraint config_templates_tenant_id_name_key unique (tenant_id, name),
    constraint config_templates_name_check check (${NAME_CHECK}),
    constraint config_templates_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
  )`,
  `create table config_versions (
    tenant_id text not null,
    template_id text not null,
    version integer not null,
    spec json not null,
    digest text not null,
    author text not null,
    message text not null,
    created_at timestamptz(3) not null,
    constraint config_versions_pkey primary key (template_id, version),
    constraint config_versions_version_check check (version > 0),
    constraint config_versions_tenant_id_template_id_fkey foreign key (tenant_id, template_id)
      references config_templates (tenant_id, id) on delete cascade
  )`,
  // A value's level names what owner_id is the id of; it is empty at the global level.
  `create table config_values (
    tenant_id text not null,
    level text not null,
    owner_id text not null,
    key text not null,
    value json not null,
    secret boolean not null,
    constraint config_values_pkey primary key (tenant_id, level, owner_id, key),
    constraint config_values_level_check check (level in ('global', 'tenant', 'project', 'instance')),
    constraint config_values_owner_id_check check ((level = 'global') = (owner_id = '')),
    constraint config_values_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
  )`,
  // A version on its way to the instances: which steps were agreed, and how far it is.
  `create table config_rollouts (
    id text not null,
    tenant_id text not null,
    template_id text not null,
    version integer not null,
    strategy json not null,
    state json not null,
    phase text not null,
    created_at timestamptz(3) not null,
    updated_at timestamptz(3) not null,
    constraint config_rollouts_pkey primary key (id),
    constraint config_rollouts_phase_check
      check (phase in ('Pending', 'Progressing', 'Paused', 'Completed', 'Aborted', 'Failed')),
    constraint config_rollouts_template_id_version_fkey foreign key (template_id, version)
      references config_versions (template_id, version) on delete cascade,
    constraint config_rollouts_tenant_id_template_id_fkey foreign key (tenant_id, template_id)
      references config_templates (tenant_id, id) on delete cascade
  )`,
  // type, template, cpu, memory_bytes, storage_bytes, replicas and running repeat parts of spec, for filters and quota sums.
  `create table instances (
    id text not null,
    tenant_id text not null,
    project_id text not null,
    ${METADATA_COLUMNS},
    spec json not null,
    type text not null,
    template text,
    replicas integer not null,
    running boolean not null,
    cpu numeric not null,
    memory_bytes numeric not null,
    storage_bytes numeric not null,
    restarted_at timestamptz(3),
    deleted_at timestamptz(3),
    purge_data boolean not null,
    phase text not null,
    observed_generation integer not null,
    last_transition_time timestamptz(3) not null,
    conditions json not null,
    agent json,
    config_version integer,
    attempts integer not null,
    next_attempt_at timestamptz(3),
    constraint instances_pkey primary key (id),
    constraint instances_tenant_id_name_key unique (tenant_id, name),
    constraint instances_name_check check (${NAME_CHECK}),
    constraint instances_replicas_check check (replicas >= 0),
    constraint instances_phase_check check (phase in ('Creating', 'Running', 'Stopped', 'Failed', 'Destroyed')),
    constraint instances_tenant_id_project_id_fkey foreign key (tenant_id, project_id) references projects (tenant_id, id)
  )`,
  // No foreign key to instances: what happened to an instance outlives it.
  `create table instance_events (
    sequence bigserial not null,
    id text not null,
    tenant_id text not null,
    instance_id text not null,
    time timestamptz(3) not null,
    type text not null,
    reason text not null,
    message text not null,
    actor text,
    constraint instance_events_pkey primary key (sequence),
    constraint instance_events_type_check check (type in ('Normal', 'Warning')),
    constraint instance_events_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
  )`,
  `create table plans (
    id text not null,
    tenant_id text not null,
    created_at timestamptz(3) not null,
    expires_at timestamptz(3) not null,
    author text not null,
    changes json not null,
    ids json not null,
    base json not null,
    digest text not null,
    preview json not null,
    applied_at timestamptz(3),
    constraint plans_pkey primary key (id),
    constraint plans_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
  )`,
  // No foreign key to tenants: requests that are of no tenant have the tenant_id 'platform'.
  `create table idempotency_keys (
    tenant_id text not null,
    key text not null,
    request_digest text not null,
    status integer,
    body json,
    created_at timestamptz(3) not null default now(),
    constraint idempotency_keys_pkey primary key (tenant_id, key)
  )`,
  // No foreign key to tenants: the event that a tenant was deleted is published after it is gone.
  `create table outbox (
    sequence bigserial not null,
    tenant_id text not null,
    id text not null,
    aggregate text not null,
    event text not null,
    time timestamptz(3) not null,
    data json not null,
    constraint outbox_pkey primary key (sequence),
    constraint outbox_id_key unique (id)
  )`,
  `create table api_tokens (
    digest text not null,
    subject text not null,
    tenant_id text,
    platform boolean not null,
    created_at timestamptz(3) not null default now(),
    constraint api_tokens_pkey primary key (digest),
    constraint api_tokens_digest_check check (digest ~ '^[0-9a-f]{64}$'),
    constraint api_tokens_platform_check check (platform = (tenant_id is null)),
    constraint api_tokens_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
  )`,
];

const createIndexes = [
  `create index config_versions_tenant_id_template_id_idx on config_versions (tenant_id, template_id)`,
  `create index config_rollouts_template_id_version_idx on config_rollouts (template_id, version)`,
  `create index config_rollouts_tenant_id_template_id_idx on config_rollouts (tenant_id, template_id)`,
  `create index instances_tenant_id_project_id_idx on instances (tenant_id, project_id)`,
  `create index instances_tenant_id_template_idx on instances (tenant_id, template)`,
  `create index instances_tenant_id_created_at_id_idx on instances (tenant_id, created_at, id)`,
  `create index instances_tenant_id_phase_id_idx on instances (tenant_id, phase, id)`,
  `create index instances_due_idx on instances (tenant_id, updated_at) where generation > observed_generation`,
  `create index instance_events_tenant_id_instance_id_sequence_idx on instance_events (tenant_id, instance_id, sequence)`,
  `create index plans_tenant_id_expires_at_idx on plans (tenant_id, expires_at)`,
  `create index idempotency_keys_tenant_id_created_at_idx on idempotency_keys (tenant_id, created_at)`,
  `create index api_tokens_tenant_id_idx on api_tokens (tenant_id)`,
];

function secure(): string[] {
  return [
    `grant usage on schema public to ${roles.join(", ")}`,
    ...[...tenantTables, ...platformTables].flatMap((table) => [
      `alter table ${table} enable row level security`,
      `alter table ${table} force row level security`,
    ]),
    ...tenantTables.flatMap((table) => [
      `create policy ${table}_tenant on ${table} to claw_app using (${OWN_TENANT}) with check (${OWN_TENANT})`,
      `grant select, insert, update, delete on ${table} to claw_app`,
    ]),
    ...platformTables.flatMap((table) => [
      `create policy ${table}_platform on ${table} to claw_platform using (true) with check (true)`,
      `grant select, insert, update, delete on ${table} to claw_platform`,
    ]),

    `grant usage on sequence instance_events_sequence_seq to claw_app`,
    `grant usage on sequence outbox_sequence_seq to claw_platform`,

    `create policy tenants_tenant on tenants to claw_app using (id = current_setting('claw.tenant_id', true))`,
    // The right to update one column is what `select for update` asks for; quota decisions lock the tenant's row.
    `grant select, update (updated_at) on tenants to claw_app`,

    `create policy config_templates_shared on config_templates for select to claw_app using (shared)`,
    `create policy config_versions_shared on config_versions for select to claw_app
       using (exists (select from config_templates t where t.id = template_id and t.shared))`,
    `create policy config_values_global on config_values for select to claw_app using (level = 'global')`,
    ...restrictWrites("config_templates", `not shared or ${IS_SHARED_TENANT}`),
    ...restrictWrites("config_values", `level <> 'global' or ${IS_SHARED_TENANT}`),

    // Its own keys, and those of a tenant that it deletes.
    `create policy idempotency_keys_platform on idempotency_keys to claw_platform using (true) with check (tenant_id = 'platform')`,
    `grant select, insert, update, delete on idempotency_keys to claw_platform`,

    // What the platform must know of instances to hand out work and to keep shared templates that are in use.
    `create policy instances_platform on instances for select to claw_platform using (true)`,
    `grant select (id, tenant_id, name, template, generation, observed_generation, next_attempt_at, updated_at)
       on instances to claw_platform`,
    `create policy config_templates_platform on config_templates for select to claw_platform using (true)`,
    `grant select (tenant_id, name) on config_templates to claw_platform`,
  ];
}

/** What is visible to every tenant is only ever written by the shared tenant, whatever a statement says. */
function restrictWrites(table: string, check: string): string[] {
  return [
    `create policy ${table}_insert_shared on ${table} as restrictive for insert to claw_app with check (${check})`,
    `create policy ${table}_update_shared on ${table} as restrictive for update to claw_app using (true) with check (${check})`,
  ];
}
