import type { Ref } from "../../../service/application/ports/resources/page.ts";
import type { PolicyRepository } from "../../../service/application/ports/tenancy/policy-repository.ts";
import type { StoredPolicy } from "../../../service/domain/policies/policy.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import { PolicyEntity, type PolicyRow } from "../entities/policy.ts";
import type { Scope } from "../session.ts";
import { PlainRows } from "./plain-rows.ts";
import { columnOf } from "./rows.ts";

const toPolicy = (row: PolicyRow): StoredPolicy => ({
  id: row.id,
  tenantId: row.tenant_id,
  ...toMetadata(row),
  spec: row.spec,
  projectId: row.project_id ?? undefined,
});

export class PostgresPolicyRepository extends PlainRows<PolicyRow, StoredPolicy> implements PolicyRepository {
  constructor(scope: Scope) {
    super(scope, {
      kind: "Policy",
      table: "policies",
      entity: PolicyEntity,
      toDomain: toPolicy,
      toRow: (policy) => ({
        id: policy.id,
        tenant_id: policy.tenantId,
        ...fromMetadata(policy),
        spec: policy.spec,
        project_id: policy.projectId ?? null,
        platform: policy.spec.at === "platform",
      }),
    });
  }

  override async find(ref: Ref): Promise<StoredPolicy | undefined> {
    const [row] = await this.scope.run((manager) =>
      manager.query<PolicyRow[]>(
        `select * from policies where ${columnOf("Policy", ref)} = $1
         order by tenant_id = current_setting('claw.tenant_id', true) desc limit 1`,
        [ref],
      ),
    );
    return row && toPolicy(row);
  }

  async inForce(): Promise<readonly StoredPolicy[]> {
    const rows = await this.scope.run((manager) => manager.query<PolicyRow[]>(`select * from policies order by platform desc, name`));
    return rows.map(toPolicy);
  }
}
