import { ClawError } from "../../../sdk/contract/index.ts";
import type { Ref } from "../../../service/application/ports/resources/page.ts";
import type { ClawTypeRepository } from "../../../service/application/ports/types/claw-type-repository.ts";
import type { StoredClawType } from "../../../service/domain/types/claw-type.ts";
import { ClawTypeEntity, type ClawTypeRow } from "../entities/claw-type.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import type { Scope } from "../session.ts";
import { PlainRows } from "./plain-rows.ts";
import { columnOf } from "./rows.ts";

const OWN_TENANT = "current_setting('claw.tenant_id', true)";
/** What a name stands for here: a tenant's own hides the platform's. */
const MEANT = `(r.tenant_id = ${OWN_TENANT} or not exists (
  select from claw_types own where own.tenant_id = ${OWN_TENANT} and own.name = r.name))`;
const NAMED_MAX = 3;

const toClawType = (row: ClawTypeRow): StoredClawType => ({
  id: row.id,
  tenantId: row.tenant_id,
  ...toMetadata(row),
  spec: row.spec,
  shared: row.shared,
});

export class PostgresClawTypeRepository extends PlainRows<ClawTypeRow, StoredClawType> implements ClawTypeRepository {
  /** Sees of which types every tenant's instances are. */
  readonly #platform: Scope;

  constructor(scope: Scope, platform: Scope) {
    super(scope, {
      kind: "ClawType",
      table: "claw_types",
      entity: ClawTypeEntity,
      where: MEANT,
      toDomain: toClawType,
      toRow: (type) => ({ id: type.id, tenant_id: type.tenantId, ...fromMetadata(type), spec: type.spec, shared: type.shared }),
    });
    this.#platform = platform;
  }

  override async find(ref: Ref): Promise<StoredClawType | undefined> {
    const sql = `select * from claw_types where ${columnOf("ClawType", ref)} = $1 order by tenant_id = ${OWN_TENANT} desc limit 1`;
    const [row] = await this.scope.run((manager) => manager.query<ClawTypeRow[]>(sql, [ref]));
    return row && toClawType(row);
  }

  async all(): Promise<readonly StoredClawType[]> {
    const sql = `select r.* from claw_types r where ${MEANT} order by r.name`;
    return (await this.scope.run((manager) => manager.query<ClawTypeRow[]>(sql))).map(toClawType);
  }

  async assertNoInstances({ name, tenantId, shared }: StoredClawType, why: string): Promise<void> {
    const users = await this.#platform.run((manager) =>
      manager.query<{ tenant_id: string; name: string }[]>(
        `select i.tenant_id, i.name from instances i
         where i.type = $1 and (i.tenant_id = $2 or ($3 and not exists (
           select from claw_types own where own.tenant_id = i.tenant_id and own.name = $1)))
         order by i.tenant_id <> $2, i.name limit ${NAMED_MAX + 1}`,
        [name, tenantId, shared],
      ),
    );
    if (users.length > 0) {
      const own = users.filter((user) => user.tenant_id === tenantId).map((user) => `'${user.name}'`);
      const who = own.length > 0 ? `instance ${own.slice(0, NAMED_MAX).join(", ")}` : "an instance of another tenant";
      throw new ClawError("type.in_use", `claw type '${name}' is used by ${who}${own.length > NAMED_MAX ? ", …" : ""}: ${why}`);
    }
  }
}
