import { ClawError, type PlanId } from "../../../sdk/contract/index.ts";
import type { Plan, PlanRepository } from "../../../service/application/ports/resources/plan-repository.ts";
import type { PreviewPage } from "../../../service/domain/preview-pages.ts";
import { PlanEntity, type PlanRow } from "../entities/plan.ts";
import { PlanPageEntity } from "../entities/plan-page.ts";
import type { Scope } from "../session.ts";
import { insertRow } from "./rows.ts";

/** What a tenant keeps of previews at most, newest first: what they show is as large as what they are about. */
const KEPT_MAX = 1000;
const KEPT_BYTES_MAX = 256 * 1024 * 1024;

export class PostgresPlanRepository implements PlanRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async insert(plan: Plan, pages: readonly PreviewPage[]): Promise<void> {
    await this.#scope.run(async (manager) => {
      await insertRow(manager, PlanEntity, {
        id: plan.id,
        tenant_id: plan.tenantId,
        created_at: new Date(plan.createdAt),
        expires_at: new Date(plan.expiresAt),
        author: plan.author,
        changes: plan.changes,
        ids: plan.ids,
        base: plan.base,
        digest: plan.digest,
        preview: plan.preview,
        applied_at: plan.appliedAt === undefined ? null : new Date(plan.appliedAt),
        bytes: bytesOf([plan.changes, plan.base, plan.preview]),
      });
      let bytes = 0;
      for (const [index, page] of pages.entries()) {
        await insertRow(manager, PlanPageEntity, { plan_id: plan.id, cursor: String(index + 1), tenant_id: plan.tenantId, page });
        bytes += bytesOf(page);
      }
      if (bytes > 0) {
        await manager.query(`update plans set bytes = bytes + $2 where id = $1`, [plan.id, bytes]);
      }
      // A plan can be read for a day after it expired: what became of it is a fair question. The one that was just made is kept, whatever it takes.
      await manager.query(
        `delete from plans where tenant_id = $1 and id <> $2 and (expires_at < now() - interval '1 day' or id in (
           select id from (
             select id, row_number() over newest as place, sum(bytes) over newest as taken
             from plans where tenant_id = $1 window newest as (order by created_at desc, id desc)) kept
           where place > $3 or taken > $4))`,
        [plan.tenantId, plan.id, KEPT_MAX, KEPT_BYTES_MAX],
      );
    });
  }

  async find(id: PlanId): Promise<Plan | undefined> {
    // Locked: of two who apply it at once, the second one sees that it was applied.
    const [row] = await this.#scope.run((manager) => manager.query<PlanRow[]>(`select * from plans where id = $1 for update`, [id]));
    return (
      row && {
        id: row.id,
        tenantId: row.tenant_id,
        createdAt: row.created_at.toISOString(),
        expiresAt: row.expires_at.toISOString(),
        author: row.author,
        changes: row.changes,
        ids: row.ids,
        base: row.base,
        digest: row.digest,
        preview: row.preview,
        appliedAt: row.applied_at?.toISOString(),
      }
    );
  }

  async getPage(id: PlanId, cursor: string): Promise<PreviewPage> {
    const [row] = await this.#scope.run((manager) =>
      manager.query<{ page: PreviewPage | null }[]>(
        `select p.page from plans left join plan_pages p on p.plan_id = plans.id and p.cursor = $2 where plans.id = $1`,
        [id, cursor],
      ),
    );
    if (!row) {
      throw notFound(id);
    }
    return row.page ?? { items: [] };
  }

  async discardPending(): Promise<void> {
    await this.#scope.run((manager) => manager.query(`delete from plans where applied_at is null`));
  }

  async markApplied(id: PlanId, at: string): Promise<void> {
    await this.#scope.run((manager) => manager.query(`update plans set applied_at = $2 where id = $1`, [id, at]));
  }
}

function notFound(id: PlanId): ClawError {
  return new ClawError("preview.not_found", `there is no preview '${id}'; it may have expired, make another`);
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
