import type { TenantId } from "../../../../sdk/contract/index.ts";

export interface TokenRepository {
  /** By SHA-256 of the token, hex. */
  find(
    digest: string,
  ): Promise<{ readonly subject: string; readonly tenantId: TenantId | undefined; readonly platform: boolean } | undefined>;
  insert(token: {
    readonly digest: string;
    readonly subject: string;
    readonly tenantId: TenantId | undefined;
    readonly platform: boolean;
  }): Promise<void>;
  /** Takes back every other token that a platform administrator of that name has. */
  replaceOthers(token: { readonly digest: string; readonly subject: string }): Promise<void>;
}
