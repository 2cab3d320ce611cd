import { PersistentVolumeClaim } from "@pulumi/kubernetes/core/v1/persistentVolumeClaim.js";
import * as pulumi from "@pulumi/pulumi";
import { tenantLabels } from "./labels.ts";

/** Inputs of {@link SharedVolume}. */
export interface SharedVolumeArgs {
  readonly tenant: string;
  readonly namespace: pulumi.Input<string>;
  readonly size: pulumi.Input<string>;
  /** One that can serve several nodes at a time; the cluster's default when absent. */
  readonly storageClass?: pulumi.Input<string>;
  /** What happens to it when it is deleted. @default "retain" */
  readonly deletionPolicy?: "retain" | "delete";
}

/**
 * A volume that all pods of a tenant may read and write at the same time.
 * @example new SharedVolume("knowledge", { tenant: "acme", namespace: boundary.namespace, size: "50Gi", storageClass: "nfs" }, { provider })
 */
export class SharedVolume extends pulumi.ComponentResource {
  /** The claim's name, for a pod's volumes. */
  readonly claim: pulumi.Output<string>;

  constructor(name: string, args: SharedVolumeArgs, opts?: pulumi.ComponentResourceOptions) {
    super("clusterclaw:kubernetes:SharedVolume", name, {}, opts);
    const claim = new PersistentVolumeClaim(
      `${name}-claim`,
      {
        // It may be bound only once a pod uses it.
        metadata: { name, namespace: args.namespace, labels: tenantLabels(args.tenant), annotations: { "pulumi.com/skipAwait": "true" } },
        spec: {
          accessModes: ["ReadWriteMany"],
          ...(args.storageClass !== undefined && { storageClassName: args.storageClass }),
          resources: { requests: { storage: args.size } },
        },
      },
      { parent: this, retainOnDelete: args.deletionPolicy !== "delete" },
    );
    this.claim = claim.metadata.name;
    this.registerOutputs({ claim: this.claim });
  }
}
