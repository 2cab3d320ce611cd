import type { Claimant, ClaimRepository, PortClaim } from "../../../service/application/ports/instances/claim-repository.ts";
import type { Scope } from "../session.ts";

/** More than a preview can make use of. */
const ROWS_MAX = 5000;

export class PostgresClaimRepository implements ClaimRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async setAccounts({ tenantId, instance }: Claimant, digests: readonly string[]): Promise<void> {
    await this.#scope.run(async (manager) => {
      const parameters = [tenantId, instance, digests];
      await manager.query(
        `delete from claimed_accounts a using instances i
         where a.instance_id = i.id and i.tenant_id = $1 and i.name = $2 and a.digest <> all($3::text[])`,
        parameters,
      );
      await manager.query(
        `insert into claimed_accounts (digest, instance_id)
         select d.digest, i.id from instances i, unnest($3::text[]) as d (digest) where i.tenant_id = $1 and i.name = $2
         on conflict do nothing`,
        parameters,
      );
    });
  }

  async accounts(digests: readonly string[]): Promise<readonly (Claimant & { digest: string })[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ digest: string; tenant_id: Claimant["tenantId"]; name: string }[]>(
        `select a.digest, i.tenant_id, i.name from claimed_accounts a join instances i on i.id = a.instance_id
         where a.digest = any($1::text[]) order by a.digest, i.name limit ${ROWS_MAX}`,
        [digests],
      ),
    );
    return rows.map((row) => ({ digest: row.digest, tenantId: row.tenant_id, instance: row.name }));
  }

  async ports(cluster: string): Promise<readonly PortClaim[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ tenant_id: Claimant["tenantId"]; name: string; type: string; port: number }[]>(
        `select tenant_id, name, type, port from instances
         where cluster = $1 and deleted_at is null and port is not null order by name limit ${ROWS_MAX}`,
        [cluster],
      ),
    );
    return rows.map((row) => ({ tenantId: row.tenant_id, instance: row.name, type: row.type, port: row.port }));
  }
}
