import { createHash } from "node:crypto";

/** What every object of ours carries as `app.kubernetes.io/managed-by`. */
export const MANAGED_BY = "clusterclaw";

/** Whose an object is. */
export interface Owner {
  readonly tenant: string;
  readonly project: string;
  readonly instance: string;
  readonly uid: string;
  /** The claw type. */
  readonly type: string;
}

/** Labels of everything that belongs to a tenant. */
export function tenantLabels(tenant: string): Record<string, string> {
  return { "app.kubernetes.io/managed-by": MANAGED_BY, "clusterclaw.io/tenant": tenant };
}

/**
 * The label by which a control plane finds what it made and nobody knows any more. On objects alone, never in a pod's template or a selector: there it
 * would restart what runs without it.
 */
export function ownerLabels(controlPlane: string | undefined): Record<string, string> {
  return controlPlane === undefined ? {} : { "clusterclaw.io/control-plane": controlPlane };
}

/** Labels of everything that belongs to one instance. */
export function instanceLabels({ tenant, project, instance, uid, type }: Owner): Record<string, string> {
  return {
    ...tenantLabels(tenant),
    "app.kubernetes.io/component": "claw",
    "app.kubernetes.io/instance": instance,
    "app.kubernetes.io/name": type.toLowerCase(),
    "clusterclaw.io/instance": instance,
    "clusterclaw.io/instance-uid": uid,
    "clusterclaw.io/project": project,
  };
}

/** Labels that only the pods of one instance have: a later instance of the same name has other ones. */
export function instanceSelector(uid: string): Record<string, string> {
  return { "clusterclaw.io/instance-uid": uid };
}

/** Room for what Kubernetes appends to a StatefulSet's name where 63 characters are the limit: `-0`, and the revision's hash. */
const NAME_MAX = 52;

/** The name of an instance's objects: its own, shortened unambiguously where that is too long. */
export function objectName(instance: string): string {
  return instance.length <= NAME_MAX ? instance : `${instance.slice(0, NAME_MAX - 9).replace(/-+$/, "")}-${shortHash(instance)}`;
}

/** The name of an instance's volume claim: of this instance alone, so that none ever takes over another's retained data. */
export function claimName(instance: string, volume: string, uid: string): string {
  return `${objectName(instance)}-${volume}-${shortHash(uid)}`;
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
