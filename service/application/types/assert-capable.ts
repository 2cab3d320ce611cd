import {
  type CapabilityName,
  ClawError,
  type ClawInstance,
  capabilities,
  type Permission,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import type { ClawTypes } from "../ports/instances/claw-adapter.ts";
import type { Transactions } from "../ports/transactions.ts";

/** What a claw has to be capable of for what a permission lets one do. */
const NEEDED: Readonly<Partial<Record<Permission, CapabilityName>>> = { "instances.chat": "chat", "instances.console": "console" };

/** Refuses at once what no claw of the instance's type can do. @throws {ClawError} `instance.unsupported` */
export async function assertCapable(
  { metadata, spec }: ClawInstance,
  { permission, tenantId }: { readonly permission: Permission; readonly tenantId: TenantId },
  { types, transactions }: { readonly types: ClawTypes; readonly transactions: Pick<Transactions, "reads"> },
): Promise<void> {
  const needed = NEEDED[permission];
  const adapter = needed && (await transactions.reads.tenant(tenantId, (scope) => types.find(spec.type, scope)));
  if (needed && adapter && !adapter.capabilities[needed]) {
    const message = `instance '${metadata.name}' is of type '${adapter.type}', which has not the capability '${needed}' (${capabilities[needed]})`;
    const fix = `see what its claws can do: claw types describe ${adapter.type}`;
    throw new ClawError("instance.unsupported", `${message}; ${fix}`, { issues: [{ path: "spec.type", message, fix }] });
  }
}
