import type { Change, Manifest, ManifestKind } from "../../sdk/contract/index.ts";
import { SHARED_TENANT } from "./tenancy/tenant.ts";

/** A change with what the caller meant beyond it. */
export type PlannedChange = Change & {
  /** Name of the tenant it is made in; for a Tenant manifest, the tenant itself. What is of no tenant goes with the shared one. */
  readonly tenant: string;
  /** `POST` wants the resource absent, `PUT` wants it present; a manifest that is applied takes either. */
  readonly expect?: "absent" | "present";
  /** A template is written as a draft; otherwise applying it publishes it too. */
  readonly draft?: boolean;
};

/** What a change is about. */
export interface Target {
  readonly kind: ManifestKind;
  readonly name: string;
}

export function targetOf(change: Change): Target {
  switch (change.action) {
    case "apply":
      return { kind: change.manifest.kind, name: change.manifest.metadata.name };
    case "delete":
      return { kind: change.kind, name: change.name };
    case "publish":
      return { kind: "ConfigTemplate", name: change.name };
    default:
      return { kind: "ClawInstance", name: change.name };
  }
}

/** Identifies a change's resource within a plan: `ClawInstance/tenant-a/claw-1`. */
export function targetKey(change: PlannedChange): string {
  const { kind, name } = targetOf(change);
  return `${kind}/${change.tenant}/${name}`;
}

const ORDER: readonly ManifestKind[] = ["Cluster", "Tenant", "Project", "ConfigTemplate", "ClawInstance"];

/** Orders changes so that what others need comes first and deletions go the other way, last. */
export function inWriteOrder<T extends PlannedChange>(changes: readonly T[]): T[] {
  const rank = (change: PlannedChange) => {
    const kind = ORDER.indexOf(targetOf(change).kind);
    return change.action === "delete" ? 100 - kind : kind;
  };
  return [...changes].sort((a, b) => rank(a) - rank(b));
}

/** The tenant a manifest belongs to: itself, its namespace, or the one that the request is about. */
export function tenantOf(manifest: Manifest, requestTenant: string | undefined): string | undefined {
  switch (manifest.kind) {
    case "Tenant":
      return manifest.metadata.name;
    case "Cluster":
      return SHARED_TENANT;
    default:
      return manifest.metadata.namespace ?? requestTenant;
  }
}
