import { ClawError } from "../../../sdk/contract/index.ts";
import { type Actor, mayUseHost } from "../../domain/access/actor.ts";
import { rulesAt } from "../../domain/runtimes/runtimes.ts";
import type { TenantWriter } from "../resources/kind.ts";

/** Why claws of the control plane's own host can do there what it can itself, and what would mend that. */
export interface Unconfined {
  readonly why: string;
  readonly fix: string;
}

/**
 * Where nothing keeps a claw away from the control plane, whoever gets a claw there has the platform: that takes an administrator.
 * @param unconfined undefined where claws of the host are confined
 * @throws {ClawError} `auth.forbidden`
 */
export function assertConfined(actor: Actor, cluster: string, unconfined: Unconfined | undefined): void {
  if (rulesAt(cluster).isBesideControlPlane && unconfined && !mayUseHost(actor)) {
    const message = `claws on '${cluster}' are a platform administrator's only: this host can't confine them: ${unconfined.why}`;
    const { fix } = unconfined;
    throw new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path: "spec.placement.cluster", message, fix }] });
  }
}

/**
 * Where there are clusters, the control plane's own host is for tenants that were let onto it. What is there already stays, and is changed as before.
 * @throws {ClawError} `auth.forbidden`
 */
export async function assertLetOntoHost({ tx, home, stamp }: TenantWriter, cluster: string): Promise<void> {
  if (!rulesAt(cluster).isBesideControlPlane || home.spec.allowLocal || mayUseHost(stamp.actor)) {
    return;
  }
  const { items } = await tx.clusters.list({ limit: 1 });
  if (items.length > 0) {
    const message = `instances of tenant '${home.name}' may not be placed on '${cluster}', the control plane's own host, since there are clusters`;
    const fix = `name a cluster (spec.placement, --cluster), or ask a platform administrator for the tenant's spec.placement, or its spec.allowLocal`;
    throw new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path: "spec.placement.cluster", message, fix }] });
  }
}
