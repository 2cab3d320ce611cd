import type { ApiError } from "../../kubernetes/client/api-errors.ts";
import { at, type KubeObject } from "../../kubernetes/client/objects.ts";
import { type Change, isWithin, toPropertyPath } from "./changes.ts";

export interface Mutability {
  readonly enableConfigMapMutable: boolean;
  readonly enableSecretMutable: boolean;
}

/** What makes another object. */
const identity = ["metadata.name", "metadata.namespace"];

/** For when the server can't be asked, as a value is not known yet, or complains of something else first. */
const immutableFields: Readonly<Record<string, readonly string[]>> = {
  "apps/v1/DaemonSet": ["spec.selector"],
  "apps/v1/Deployment": ["spec.selector"],
  "apps/v1/StatefulSet": ["spec.podManagementPolicy", "spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"],
  "batch/v1/Job": ["spec.completions", "spec.selector", "spec.template"],
  "rbac.authorization.k8s.io/v1/ClusterRoleBinding": ["roleRef"],
  "rbac.authorization.k8s.io/v1/RoleBinding": ["roleRef"],
  "storage.k8s.io/v1/StorageClass": ["parameters", "provisioner"],
  "v1/PersistentVolume": ["spec.csi", "spec.hostPath", "spec.local", "spec.nfs"],
  "v1/PersistentVolumeClaim": ["spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"],
  "v1/ResourceQuota": ["spec.scopes"],
  "v1/Service": ["spec.clusterIP"],
};

/** Which changes need a replacement whatever the server says: as with Pulumi's provider, data is replaced so that pods see it change. */
export function replacesAlways(object: KubeObject, { enableConfigMapMutable, enableSecretMutable }: Mutability): readonly string[] {
  const isImmutable = at(object, "immutable") === true;
  switch (`${object["apiVersion"]}/${object["kind"]}`) {
    case "v1/ConfigMap":
      return enableConfigMapMutable && !isImmutable ? identity : [...identity, "data", "binaryData", "immutable"];
    case "v1/Secret":
      return [...identity, "type", ...(enableSecretMutable && !isImmutable ? [] : ["data", "stringData", "immutable"])];
    default:
      return identity;
  }
}

export function knownImmutable(object: KubeObject): readonly string[] {
  return immutableFields[`${object["apiVersion"]}/${object["kind"]}`] ?? [];
}

/** Which changes the server refused because the field can't be changed in an existing object; empty when it refused for other reasons. */
export function replacesLearned({ causes }: ApiError, changes: readonly Change[]): Change[] {
  return changes.filter(({ path }) => {
    const property = toPropertyPath(path);
    return causes.some(({ field, message }) => {
      if (
        !/immutable|updates to .* are forbidden|may not (be changed|change)|cannot be changed|can't be changed|not updatable/i.test(message)
      ) {
        return false;
      }
      return (
        (isWithin(property, field) || isWithin(field, property)) &&
        !exceptions(message).some((name) => isWithin(property, `${field}.${name}`))
      );
    });
  });
}

/** The fields that a refusal says may change: `other than 'replicas', 'template'`, `except resources.requests and …`. */
function exceptions(message: string): string[] {
  const quoted = /other than (.*?) are forbidden/s.exec(message)?.[1];
  if (quoted) {
    return [...quoted.matchAll(/[`'"]([\w.[\]*]+)[`'"]/g)].map((match) => (match[1] ?? "").replace(/^spec\./, ""));
  }
  return (/ except (.*?)(?: for |$)/.exec(message)?.[1] ?? "")
    .split(/,| and /)
    .map((name) => name.trim())
    .filter(Boolean);
}
