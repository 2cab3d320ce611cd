import type { MigrationInterface, QueryRunner } from "typeorm";

/** The pages of a preview after its first one, which is the plan's. */
export class PagePreviews1700000000017 implements MigrationInterface {
  readonly name = "PagePreviews1700000000017";

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      // Plans of before have another form; they would have expired within the hour.
      `truncate plans`,
      `create table plan_pages (
        plan_id text not null,
        cursor text not null,
        tenant_id text not null,
        page json not null,
        constraint plan_pages_pkey primary key (plan_id, cursor),
        constraint plan_pages_plan_id_fkey foreign key (plan_id) references plans (id) on delete cascade,
        constraint plan_pages_tenant_id_fkey foreign key (tenant_id) references tenants (id) on delete cascade
      )`,
      `create index plan_pages_tenant_id_idx on plan_pages (tenant_id)`,
      `alter table plan_pages enable row level security`,
      `alter table plan_pages force row level security`,
      `create policy plan_pages_tenant on plan_pages to claw_app
         using (tenant_id = current_setting('claw.tenant_id', true)) with check (tenant_id = current_setting('claw.tenant_id', true))`,
      `grant select, insert, update, delete on plan_pages to claw_app`,
    ]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`drop table plan_pages`);
  }
}
