import type { ListQuery, RoleBindingId, RoleId, ServiceAccountId, TenantId, TokenId } from "../../../../sdk/contract/index.ts";
import type { BoundRole } from "../../../domain/access/grants.ts";
import type { Role, RoleBinding, ServiceAccount, Token } from "../../../domain/access/resources.ts";
import type { Tenant } from "../../../domain/tenancy/tenant.ts";
import type { Page, PageQuery, Ref } from "../resources/page.ts";

/** As all repositories of resources: see `ports/tenancy/repositories.ts`. */
export interface RoleRepository {
  list(query: ListQuery): Promise<Page<Role>>;
  get(ref: Ref): Promise<Role>;
  find(ref: Ref): Promise<Role | undefined>;
  insert(role: Role): Promise<void>;
  update(role: Role, expected: number): Promise<void>;
  /** @throws {role.in_use} while a binding of the tenant names it */
  delete(id: RoleId): Promise<void>;
}
export interface RoleBindingRepository {
  list(query: ListQuery): Promise<Page<RoleBinding>>;
  get(ref: Ref): Promise<RoleBinding>;
  find(ref: Ref): Promise<RoleBinding | undefined>;
  insert(binding: RoleBinding): Promise<void>;
  update(binding: RoleBinding, expected: number): Promise<void>;
  delete(id: RoleBindingId): Promise<void>;
}
export interface ServiceAccountRepository {
  list(query: ListQuery): Promise<Page<ServiceAccount>>;
  get(ref: Ref): Promise<ServiceAccount>;
  find(ref: Ref): Promise<ServiceAccount | undefined>;
  insert(account: ServiceAccount): Promise<void>;
  update(account: ServiceAccount, expected: number): Promise<void>;
  /** With its tokens. */
  delete(id: ServiceAccountId): Promise<void>;
  /** How many tokens each has that can still be used. */
  countTokens(ids: readonly ServiceAccountId[], now: string): Promise<ReadonlyMap<ServiceAccountId, number>>;
}

/** A tenant's tokens, as its people see them. */
export interface TokenRepository {
  list(query: PageQuery & { readonly serviceAccountId?: ServiceAccountId | undefined }): Promise<Page<Token>>;
  /** @throws {token.not_found} */
  get(id: string): Promise<Token>;
  /** @throws {token.name_taken} while its service account has another of that name */
  insert(token: Token, digest: string): Promise<void>;
  revoke(id: TokenId, at: string): Promise<void>;
}

/** Who somebody is that brings a token. */
export type Bearer = { readonly administrator: string } | TokenBearer;

/** A service account, by one of its tokens. */
export interface TokenBearer {
  readonly id: TokenId;
  readonly name: string;
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly serviceAccount: string;
  readonly scopes: Token["scopes"];
  readonly lastUsedAt: string | undefined;
  readonly expiresAt: string | undefined;
  /** Where it was used: see `senderOf`. */
  readonly places: readonly string[];
}

/** Where somebody stands. */
export interface Standing {
  readonly tenant: Tenant | undefined;
  readonly roles: readonly BoundRole[];
}

/** What the platform asks before anything else: who somebody is, and what they may do. */
export interface AccessRepository {
  /** By SHA-256 of the token, hex. One that is revoked or has expired belongs to nobody. */
  bearer(digest: string, now: string): Promise<Bearer | undefined>;
  /** That it was used now. @returns whether it was in a place that is not known */
  used(token: TokenId, at: string, place: string | undefined): Promise<boolean>;
  /** A tenant, where there is one of that id or name, and the roles that bindings give to any of the subjects, in it and on the platform. */
  standing(subjects: readonly string[], tenant: Ref | undefined): Promise<Standing>;
  /** Names of tenants where a binding, or the tenant itself, names any of them, a bounded number in order. @param admins as tenants name them */
  tenantsOf(subjects: readonly string[], admins: readonly string[]): Promise<readonly string[]>;
  /** Held until the transaction ends: replicas that start at once, resets and a retirement come one after another. */
  lockAdministrator(): Promise<AdministratorToken>;
  /** Lets in who holds the token, under that name, and nobody with another; retired, nobody at all. */
  setAdministrator(token: AdministratorToken & { readonly digest: string }, subject: string): Promise<void>;
}

/** What is known of the administrator's token. */
export interface AdministratorToken {
  /** How often it was reset. */
  readonly generation: number;
  /** SHA-256, hex; undefined before the first start. */
  readonly digest: string | undefined;
  readonly retired: boolean;
}
