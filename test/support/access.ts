import type { Claw } from "../../sdk/client/index.ts";
import type { Permission } from "../../sdk/contract/index.ts";

const API_VERSION = "clusterclaw.io/v1";

/** Somebody of a tenant, by a token: a service account of its own that has a role. */
export interface TokenWish {
  readonly name: string;
  /** @default tenant-admin */
  readonly role?: string;
  /** @default the whole tenant */
  readonly at?: "tenant" | "platform" | { readonly project: string };
  readonly scopes?: Permission[];
}

/** Makes a service account with a role and answers a token of it. @param admin an administrator's client, in the tenant */
export async function aToken(admin: Claw, { name, role = "tenant-admin", at = "tenant", scopes }: TokenWish): Promise<string> {
  await admin.serviceAccounts.create({ apiVersion: API_VERSION, kind: "ServiceAccount", metadata: { name } });
  const subjects = [{ kind: "ServiceAccount" as const, name }];
  await admin.roleBindings.create({ apiVersion: API_VERSION, kind: "RoleBinding", metadata: { name }, spec: { role, subjects, at } });
  const { token } = await admin.tokens.create({ name, serviceAccount: name, ...(scopes && { scopes }) });
  return token;
}
