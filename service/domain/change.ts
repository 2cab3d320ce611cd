import { type Change, factsOf, kindOfAction, type Manifest, type ManifestKind, writeRank } from "../../sdk/contract/index.ts";
import { SHARED_TENANT } from "./tenancy/tenant.ts";

/** An instance is sent to another cluster. */
export interface Move {
  readonly action: "move";
  readonly kind: "ClawInstance";
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Why it can't stay, and why it goes there. */
  readonly reason: string;
}

/** An instance is let go of with its cluster, which nobody reaches any more and which is deleted. */
export interface LettingGo {
  readonly action: "let-go";
  readonly kind: "ClawInstance";
  readonly name: string;
  readonly cluster: string;
}

/** Follows from what was asked for and permitted elsewhere: nobody can ask for it alone. */
export type Consequence = Move | LettingGo;

/** A change with what the caller meant beyond it. */
export type PlannedChange = (Change | Consequence) & {
  /** Name of the tenant it is made in; for a Tenant manifest, the tenant itself. What is of no tenant goes with the shared one. */
  readonly tenant: string;
  /** `POST` wants the resource absent, `PUT` wants it present; a manifest that is applied takes either. */
  readonly expect?: "absent" | "present";
  /** A template is written as a draft; otherwise applying it publishes it too. */
  readonly draft?: boolean;
  /** A change before it leads to this one, which whoever carries that on makes later: it is shown, and judged, and not made. */
  readonly later?: boolean;
  /** The rollout whose driver makes it. */
  readonly rollout?: string;
  /** Where in the request its manifest is, so that what is wrong with it can be found: `manifests[3]`. */
  readonly place?: string;
};

/** What a change is about. */
export interface ChangedResource {
  readonly kind: ManifestKind;
  readonly name: string;
}

export function changedResource(change: Change | Consequence): ChangedResource {
  switch (change.action) {
    case "apply":
      return { kind: change.manifest.kind, name: change.manifest.metadata.name };
    case "delete":
    case "move":
    case "let-go":
      return { kind: change.kind, name: change.name };
    default:
      return { kind: kindOfAction(change.action), name: change.name };
  }
}

/** Whether it lets go of a resource and leaves what that has where it is. */
export function forgets(change: Change | Consequence): boolean {
  return change.action === "delete" && change.forget === true;
}

export function isConsequence(change: Change | Consequence): change is Consequence {
  return change.action === "move" || change.action === "let-go";
}

/** Identifies a change's resource within a plan: `ClawInstance/tenant-a/claw-1`. */
export function changeKey(change: PlannedChange): string {
  const { kind, name } = changedResource(change);
  return `${kind}/${change.tenant}/${name}`;
}

const LATER = 1000;

/** Orders changes so that what others need comes first and deletions go the other way, last; what is made later comes behind all. */
export function inWriteOrder<T extends PlannedChange>(changes: readonly T[]): T[] {
  const rank = (change: PlannedChange) => {
    const place = writeRank(changedResource(change).kind);
    return (change.later ? LATER : 0) + (change.action === "delete" ? 100 - place : place);
  };
  return [...changes].sort((a, b) => rank(a) - rank(b));
}

/** The tenant that a resource of a kind is kept with: itself, the shared one, or the one that is named. */
export function homeOf(kind: ManifestKind, name: string, named: string | undefined): string | undefined {
  const { scope } = factsOf(kind);
  return scope === "itself" ? name : scope === "platform" ? SHARED_TENANT : named;
}

/** The tenant a manifest belongs to: itself, its namespace, or the one that the request is about. */
export function tenantOf({ kind, metadata }: Manifest, requestTenant: string | undefined): string | undefined {
  return homeOf(kind, metadata.name, metadata.namespace ?? requestTenant);
}
