import { ClawError, type InstanceId, type RolloutChange, type RolloutId, type TenantId } from "../../../sdk/contract/index.ts";
import type { Page } from "../../../service/application/ports/resources/page.ts";
import type { RolloutClaims, RolloutRepository } from "../../../service/application/ports/rollouts/rollout-repository.ts";
import { hasEnded, type Member, type StoredRollout } from "../../../service/domain/rollouts/rollout.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import { RolloutEntity, type RolloutMemberRow, type RolloutRow } from "../entities/rollout.ts";
import { formatNumberCursor, parseNumberCursor, readPage } from "../list-page.ts";
import type { Scope } from "../session.ts";
import { PlainRows } from "./plain-rows.ts";

const toRollout = (row: RolloutRow): StoredRollout => ({
  id: row.id,
  tenantId: row.tenant_id,
  ...toMetadata(row),
  spec: row.spec,
  state: row.state,
  dueAt: row.due_at?.toISOString(),
});

const toMember = (row: RolloutMemberRow): Member => ({ ...row.data, instance: row.instance_id, name: row.name, state: row.state });

/** Digits of a place among a rollout's instances. */
const PLACE_DIGITS = 5;

export class PostgresRolloutRepository extends PlainRows<Omit<RolloutRow, "fence">, StoredRollout> implements RolloutRepository {
  readonly #tenantId: TenantId;

  constructor(scope: Scope, tenantId: TenantId) {
    super(scope, {
      kind: "Rollout",
      table: "rollouts",
      entity: RolloutEntity,
      toDomain: (row) => toRollout(row as RolloutRow),
      toRow: (rollout) => ({
        id: rollout.id,
        tenant_id: rollout.tenantId,
        ...fromMetadata(rollout),
        spec: rollout.spec,
        state: rollout.state,
        phase: rollout.state.phase,
        due_at: rollout.dueAt === undefined ? null : new Date(rollout.dueAt),
      }),
    });
    this.#tenantId = tenantId;
  }

  async lock(id: RolloutId, fence?: number): Promise<StoredRollout | undefined> {
    const [row] = await this.scope.run((manager) => manager.query<RolloutRow[]>(`select * from rollouts where id = $1 for update`, [id]));
    return row && (fence === undefined || row.fence === fence) ? toRollout(row) : undefined;
  }

  async insertMembers(id: RolloutId, members: readonly Member[]): Promise<void> {
    const inserted = await this.scope.run((manager) =>
      manager.query<unknown[]>(
        `insert into rollout_members (rollout_id, tenant_id, place, active, instance_id, name, state, data)
         select $1, $2, m.place, true, m.instance, m.name, m.state, m.data
         from unnest($3::text[], $4::text[], $5::text[], $6::json[]) with ordinality as m (instance, name, state, data, place)
         on conflict do nothing returning 1`,
        [id, this.#tenantId, ...columnsOf(members)],
      ),
    );
    if (inserted.length < members.length) {
      throw new ClawError("rollout.overlaps", "another rollout has begun with one of the instances meanwhile");
    }
  }

  async members(id: RolloutId): Promise<readonly Member[]> {
    const sql = `select * from rollout_members where rollout_id = $1 order by place`;
    return (await this.scope.run((manager) => manager.query<RolloutMemberRow[]>(sql, [id]))).map(toMember);
  }

  listMembers(id: RolloutId, limit: number, cursor?: string): Promise<Page<Member>> {
    return this.scope.run((manager) =>
      readPage<RolloutMemberRow, Member>(manager, {
        rowsAfter: (after) => ({
          sql: `select * from rollout_members where rollout_id = $1 and place > $2`,
          parameters: [id, after === undefined ? 0 : parseNumberCursor(after, PLACE_DIGITS)],
        }),
        cursor,
        order: "place",
        limit,
        toDomain: toMember,
        cursorOf: ({ place }) => formatNumberCursor(place),
      }),
    );
  }

  async save({ id, state, dueAt }: StoredRollout, members: readonly Member[]): Promise<void> {
    await this.scope.run(async (manager) => {
      await manager.query(`update rollouts set state = $2, phase = $3, due_at = $4 where id = $1`, [
        id,
        JSON.stringify(state),
        state.phase,
        dueAt ?? null,
      ]);
      if (members.length > 0) {
        await manager.query(
          `update rollout_members r set state = m.state, data = m.data
           from unnest($2::text[], $3::text[], $4::text[], $5::json[]) as m (instance, name, state, data)
           where r.rollout_id = $1 and r.instance_id = m.instance`,
          [id, ...columnsOf(members)],
        );
      }
      if (hasEnded(state.phase)) {
        await manager.query(`update rollout_members set active = false where rollout_id = $1 and active`, [id]);
      }
    });
  }

  holders(instances: readonly InstanceId[]): Promise<readonly { readonly rollout: string; readonly instance: string }[]> {
    return this.scope.run((manager) =>
      manager.query<{ rollout: string; instance: string }[]>(
        `select r.name as rollout, min(m.name) as instance from rollout_members m join rollouts r on r.id = m.rollout_id
         where m.active and m.instance_id = any($1) group by r.name order by r.name limit 5`,
        [instances],
      ),
    );
  }

  async leftHeld(
    instances: readonly InstanceId[],
    { secret }: Pick<RolloutChange, "secret">,
  ): Promise<ReadonlyMap<InstanceId, readonly string[]>> {
    const rows = await this.scope.run((manager) =>
      manager.query<{ instance_id: InstanceId; versions: string[] }[]>(
        `select m.instance_id, array_agg(distinct m.data ->> 'to') as versions
         from rollout_members m join rollouts r on r.id = m.rollout_id
         where m.instance_id = any($1) and not m.active and coalesce(r.spec #>> '{change,secret,name}', '') = $2 group by m.instance_id`,
        [instances, secret?.name ?? ""],
      ),
    );
    return new Map(rows.map(({ instance_id, versions }) => [instance_id, versions]));
  }
}

function columnsOf(members: readonly Member[]): readonly (readonly string[])[] {
  const data = members.map(({ instance: _instance, name: _name, state: _state, ...rest }) => JSON.stringify(rest));
  return [members.map(({ instance }) => instance), members.map(({ name }) => name), members.map(({ state }) => state), data];
}

export class PostgresRolloutClaims implements RolloutClaims {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async claim(now: string, until: string): Promise<{ id: RolloutId; tenantId: TenantId; fence: number } | undefined> {
    const [[row] = []] = await this.#scope.run((manager) =>
      manager.query<[{ id: RolloutId; tenant_id: TenantId; fence: number }[], number]>(
        `update rollouts set due_at = $2, fence = fence + 1
         where id = (select id from rollouts where due_at <= $1 order by due_at limit 1 for update skip locked)
         returning id, tenant_id, fence`,
        [now, until],
      ),
    );
    return row && { id: row.id, tenantId: row.tenant_id, fence: row.fence };
  }
}
