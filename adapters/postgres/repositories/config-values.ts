import { ClawError, type InstanceId, type ProjectId, type TenantId } from "../../../sdk/contract/index.ts";
import type { ConfigValueRepository } from "../../../service/application/ports/configs/repositories.ts";
import type { ConfigValue } from "../../../service/domain/configs/config-template.ts";
import { SHARED_TENANT } from "../../../service/domain/tenancy/tenant.ts";
import type { ConfigValueRow } from "../entities/config-value.ts";
import type { Scope } from "../session.ts";

export class PostgresConfigValueRepository implements ConfigValueRepository {
  readonly #scope: Scope;
  readonly #tenantId: TenantId;

  constructor(scope: Scope, tenantId: TenantId) {
    this.#scope = scope;
    this.#tenantId = tenantId;
  }

  async listFor(projectIds: readonly ProjectId[], instanceIds: readonly InstanceId[]): Promise<readonly ConfigValue[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<ConfigValueRow[]>(
        `select level, owner_id, key, value, secret from config_values
         where level = 'global'
            or tenant_id = $1 and (level = 'tenant' and owner_id = $1 or level = 'project' and owner_id = any($2)
              or level = 'instance' and owner_id = any($3))
         order by array_position('{global,tenant,project,instance}', level), key`,
        [this.#tenantId, projectIds, instanceIds],
      ),
    );
    return rows.map((row) => ({
      level: row.level,
      ownerId: row.owner_id === "" ? undefined : row.owner_id,
      key: row.key,
      value: row.value,
      secret: row.secret,
    }));
  }

  async put(value: ConfigValue): Promise<void> {
    await this.#scope.run(async (manager) => {
      if (value.level === "global") {
        const [tenant] = await manager.query<{ name: string }[]>(`select name from tenants where id = $1`, [this.#tenantId]);
        if (tenant?.name !== SHARED_TENANT) {
          throw new ClawError("auth.forbidden", `global values are set in tenant '${SHARED_TENANT}'; set '${value.key}' for the tenant`);
        }
      }
      await manager.query(
        `insert into config_values (tenant_id, level, owner_id, key, value, secret) values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant_id, level, owner_id, key) do update set value = excluded.value, secret = excluded.secret`,
        [this.#tenantId, value.level, value.ownerId ?? "", value.key, JSON.stringify(value.value), value.secret],
      );
    });
  }
}
