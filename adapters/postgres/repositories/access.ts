import {
  ClawError,
  type Permission,
  type ProjectId,
  type ServiceAccountId,
  type TenantId,
  type TokenId,
} from "../../../sdk/contract/index.ts";
import type {
  AccessRepository,
  AdministratorToken,
  Bearer,
  RoleBindingRepository,
  RoleRepository,
  ServiceAccountRepository,
  Standing,
  TokenRepository,
} from "../../../service/application/ports/access/repositories.ts";
import type { Page, Ref } from "../../../service/application/ports/resources/page.ts";
import type { Role, RoleBinding, ServiceAccount, Token } from "../../../service/domain/access/resources.ts";
import { PLACES_MAX } from "../../../service/domain/access/tokens.ts";
import { SHARED_TENANT } from "../../../service/domain/tenancy/tenant.ts";
import {
  ApiTokenEntity,
  type ApiTokenRow,
  RoleBindingEntity,
  type RoleBindingRow,
  RoleEntity,
  type RoleRow,
  ServiceAccountEntity,
  type ServiceAccountRow,
} from "../entities/access.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import type { TenantRow } from "../entities/tenant.ts";
import { readPage } from "../list-page.ts";
import type { Scope } from "../session.ts";
import { PlainRows } from "./plain-rows.ts";
import { columnOf, insertRow } from "./rows.ts";
import { toTenant } from "./tenants.ts";

/** Tenants that somebody is told they are named in. */
const TENANTS_MAX = 500;

export class PostgresRoleRepository extends PlainRows<RoleRow, Role> implements RoleRepository {
  constructor(scope: Scope) {
    super(scope, {
      kind: "Role",
      table: "roles",
      entity: RoleEntity,
      toDomain: (row) => ({ id: row.id, tenantId: row.tenant_id, ...toMetadata(row), spec: row.spec }),
      toRow: (role) => ({ id: role.id, tenant_id: role.tenantId, ...fromMetadata(role), spec: role.spec }),
    });
  }

  override async delete(id: Role["id"]): Promise<void> {
    const bound = await this.scope.run((manager) =>
      manager.query<{ name: string }[]>(
        `select b.name from role_bindings b join roles r on r.name = b.role and r.tenant_id = b.tenant_id where r.id = $1 order by 1 limit 4`,
        [id],
      ),
    );
    if (bound.length > 0) {
      const names = bound.slice(0, 3).map(({ name }) => `'${name}'`);
      throw new ClawError("role.in_use", `the role is given by the role binding ${names.join(", ")}${bound.length > 3 ? ", …" : ""}`);
    }
    await super.delete(id);
  }
}

export class PostgresRoleBindingRepository extends PlainRows<RoleBindingRow, RoleBinding> implements RoleBindingRepository {
  constructor(scope: Scope) {
    super(scope, {
      kind: "RoleBinding",
      table: "role_bindings",
      entity: RoleBindingEntity,
      toDomain: (row) => ({
        id: row.id,
        tenantId: row.tenant_id,
        ...toMetadata(row),
        spec: row.spec,
        subjects: row.subjects,
        projectId: row.project_id ?? undefined,
      }),
      toRow: (binding) => ({
        id: binding.id,
        tenant_id: binding.tenantId,
        ...fromMetadata(binding),
        spec: binding.spec,
        role: binding.spec.role,
        subjects: [...binding.subjects],
        project_id: binding.projectId ?? null,
        platform: binding.spec.at === "platform",
      }),
    });
  }
}

export class PostgresServiceAccountRepository extends PlainRows<ServiceAccountRow, ServiceAccount> implements ServiceAccountRepository {
  constructor(scope: Scope) {
    super(scope, {
      kind: "ServiceAccount",
      table: "service_accounts",
      entity: ServiceAccountEntity,
      toDomain: (row) => ({ id: row.id, tenantId: row.tenant_id, ...toMetadata(row), spec: row.spec }),
      toRow: (account) => ({ id: account.id, tenant_id: account.tenantId, ...fromMetadata(account), spec: account.spec }),
    });
  }

  async countTokens(ids: readonly ServiceAccountId[], now: string): Promise<ReadonlyMap<ServiceAccountId, number>> {
    const rows = await this.scope.run((manager) =>
      manager.query<{ service_account_id: ServiceAccountId; count: string }[]>(
        `select service_account_id, count(id) from api_tokens
         where service_account_id = any($1) and revoked_at is null and expires_at > $2 group by 1`,
        [ids, now],
      ),
    );
    return new Map(rows.map(({ service_account_id, count }) => [service_account_id, Number(count)]));
  }
}

/** What a tenant may know of its tokens. */
const TOKEN_COLUMNS = `t.id, t.name, t.tenant_id, t.service_account_id, a.name as account, t.prefix, t.scopes, t.created_at, t.created_by,
  t.expires_at, t.last_used_at, t.revoked_at`;
const TOKENS = `api_tokens t join service_accounts a on a.id = t.service_account_id`;

interface TokenRow {
  readonly id: TokenId;
  readonly name: string;
  readonly tenant_id: TenantId;
  readonly service_account_id: ServiceAccountId;
  readonly account: string;
  readonly prefix: string;
  readonly scopes: Permission[] | null;
  readonly created_at: Date;
  readonly created_by: string;
  readonly expires_at: Date;
  readonly last_used_at: Date | null;
  readonly revoked_at: Date | null;
}

export class PostgresTokenRepository implements TokenRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  list({ limit, cursor, serviceAccountId }: Parameters<TokenRepository["list"]>[0]): Promise<Page<Token>> {
    return this.#scope.run((manager) =>
      readPage<TokenRow, Token>(manager, {
        // Ids sort by when they were made.
        rowsAfter: (after) => ({
          sql: `select ${TOKEN_COLUMNS} from ${TOKENS} where ($1::text is null or t.id collate "C" < $1) and ($2::text is null or t.service_account_id = $2)`,
          parameters: [after ?? null, serviceAccountId ?? null],
        }),
        cursor,
        order: `t.id collate "C" desc`,
        limit,
        toDomain: toToken,
        cursorOf: ({ id }) => id,
      }),
    );
  }

  async get(id: string): Promise<Token> {
    const [row] = await this.#scope.run((manager) =>
      manager.query<TokenRow[]>(`select ${TOKEN_COLUMNS} from ${TOKENS} where t.id = $1`, [id]),
    );
    if (!row) {
      throw new ClawError("token.not_found", `there is no token '${id}'; claw tokens list shows their ids`);
    }
    return toToken(row);
  }

  async insert(token: Token, digest: string): Promise<void> {
    const inserted = await this.#scope.run((manager) =>
      insertRow<ApiTokenRow>(manager, ApiTokenEntity, {
        digest,
        subject: token.serviceAccount,
        tenant_id: token.tenantId,
        platform: false,
        id: token.id,
        name: token.name,
        service_account_id: token.serviceAccountId,
        prefix: token.prefix,
        scopes: token.scopes ? [...token.scopes] : null,
        created_at: new Date(token.createdAt),
        created_by: token.createdBy,
        expires_at: new Date(token.expiresAt),
      }),
    );
    if (!inserted) {
      throw new ClawError(
        "token.name_taken",
        `the service account '${token.serviceAccount}' has a token '${token.name}' already; revoke that, or choose another name`,
      );
    }
  }

  async revoke(id: TokenId, at: string): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(`update api_tokens set revoked_at = $2 where id = $1 and revoked_at is null`, [id, at]),
    );
  }
}

function toToken(row: TokenRow): Token {
  return {
    id: row.id,
    name: row.name,
    tenantId: row.tenant_id,
    serviceAccountId: row.service_account_id,
    serviceAccount: row.account,
    prefix: row.prefix,
    scopes: row.scopes ?? undefined,
    createdAt: row.created_at.toISOString(),
    createdBy: row.created_by,
    expiresAt: row.expires_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString(),
    revokedAt: row.revoked_at?.toISOString(),
  };
}

interface BearerRow extends ApiTokenRow {
  readonly account: string | null;
  readonly tenant: string | null;
}

/** Nulls where nothing is bound; then `id` may be null too. */
interface BoundRow {
  readonly bound_role: string | null;
  readonly bound_project: ProjectId | null;
  readonly bound_platform: boolean | null;
  readonly permissions: Permission[] | null;
}

export class PostgresAccessRepository implements AccessRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async bearer(digest: string, now: string): Promise<Bearer | undefined> {
    const [row] = await this.#scope.run((manager) =>
      manager.query<BearerRow[]>(
        `select k.*, a.name as account, t.name as tenant from api_tokens k
         left join service_accounts a on a.id = k.service_account_id left join tenants t on t.id = k.tenant_id
         where k.digest = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > $2)`,
        [digest, now],
      ),
    );
    if (!row) {
      return undefined;
    }
    if (row.id === null || row.name === null || row.tenant_id === null || row.account === null || row.tenant === null) {
      return { administrator: row.subject };
    }
    return {
      id: row.id,
      name: row.name,
      tenantId: row.tenant_id,
      tenant: row.tenant,
      serviceAccount: row.account,
      scopes: row.scopes ?? undefined,
      lastUsedAt: row.last_used_at?.toISOString(),
      places: row.places,
      expiresAt: row.expires_at?.toISOString(),
    };
  }

  async used(token: TokenId, at: string, place: string | undefined): Promise<boolean> {
    const [row] = await this.#scope.run((manager) =>
      manager.query<{ is_new: boolean }[]>(
        `with known as (
           select id, $3::text is not null and not $3 = any(places) as is_new,
                  case when $3::text is null then places else array_append(array_remove(places, $3), $3) end as next
           from api_tokens where id = $1 for update),
         stamped as (
           update api_tokens t set last_used_at = $2, places = next[greatest(1, cardinality(next) - ${PLACES_MAX - 1}):] from known where t.id = known.id)
         select is_new from known`,
        [token, at, place ?? null],
      ),
    );
    return row?.is_new ?? false;
  }

  async standing(subjects: readonly string[], tenant: Ref | undefined): Promise<Standing> {
    const column = tenant === undefined ? "name" : columnOf("Tenant", tenant);
    const rows = await this.#scope.run((manager) =>
      manager.query<(TenantRow & BoundRow)[]>(
        `select t.*, b.role as bound_role, b.project_id as bound_project, b.platform as bound_platform, r.spec -> 'permissions' as permissions
         from (select 1) one left join tenants t on t.${column} = $2
         left join role_bindings b on b.subjects && $1 and (b.platform or b.tenant_id = t.id)
         left join lateral (
           select own.spec from roles own join tenants home on home.id = own.tenant_id
           where own.name = b.role and (own.tenant_id = b.tenant_id or home.name = $3)
           order by own.tenant_id = b.tenant_id desc limit 1) r on true`,
        [subjects, tenant ?? null, SHARED_TENANT],
      ),
    );
    const [first] = rows;
    return {
      tenant: first && first.id !== null ? toTenant(first) : undefined,
      roles: rows.flatMap(({ bound_role: role, bound_project: project, bound_platform: platform, permissions }) =>
        role === null ? [] : [{ at: platform ? "platform" : (project ?? "tenant"), role, permissions: permissions ?? undefined }],
      ),
    };
  }

  async tenantsOf(subjects: readonly string[], admins: readonly string[]): Promise<readonly string[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ name: string }[]>(
        `select t.name from tenants t
         where t.id in (select b.tenant_id from role_bindings b where b.subjects && $1 and not b.platform)
            or (t.spec -> 'admins')::jsonb ?| $2
         order by 1 limit ${TENANTS_MAX}`,
        [subjects, admins],
      ),
    );
    return rows.map(({ name }) => name);
  }

  async lockAdministrator(): Promise<AdministratorToken> {
    const [row] = await this.#scope.run((manager) =>
      manager.query<{ generation: number; digest: string | null; retired: boolean }[]>(
        `select generation, digest, retired from administrator_token for update`,
      ),
    );
    return { generation: row?.generation ?? 0, digest: row?.digest ?? undefined, retired: row?.retired ?? false };
  }

  async setAdministrator({ generation, digest, retired }: Parameters<AccessRepository["setAdministrator"]>[0], subject: string) {
    await this.#scope.run(async (manager) => {
      await manager.query(`update administrator_token set generation = $1, digest = $2, retired = $3`, [generation, digest, retired]);
      if (!retired) {
        await insertRow<ApiTokenRow>(manager, ApiTokenEntity, { digest, subject, tenant_id: null, platform: true });
      }
      await manager.query(`delete from api_tokens where platform and (digest <> $1 or $2)`, [digest, retired]);
    });
  }
}
