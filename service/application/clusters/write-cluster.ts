import { type ClusterInput, SECRET_MASK } from "../../../sdk/contract/index.ts";
import { type PlannedChange, targetKey, targetOf } from "../../domain/change.ts";
import {
  type Cluster,
  type InstanceRelevant,
  instanceRelevant,
  type SealedClusterSpec,
  unknownState,
} from "../../domain/clusters/cluster.ts";
import { KubeconfigError, parseKubeconfig } from "../../domain/clusters/kubeconfig.ts";
import { digestOf } from "../../domain/digest.ts";
import { type Sealed, sealedPlaces } from "../../domain/sealed.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import {
  assertExpected,
  fresh,
  invalid,
  mergedMetadata,
  revised,
  type Stamp,
  type WriteDependencies,
  type Written,
} from "../resources/write-context.ts";
import { sealGiven } from "../secrets/seal-config.ts";

/** Writes a cluster. Its instances are to be reconciled when what they are made of changes; credentials that rotate touch none. */
export async function writeCluster(
  tx: PlatformTransaction,
  change: PlannedChange,
  stamp: Stamp,
  deps: WriteDependencies,
): Promise<Written> {
  const name = targetOf(change).name;
  const shared = await tx.tenants.get(SHARED_TENANT);
  const before = await tx.clusters.find(name);
  assertExpected(change, before, stamp);
  const result = { change, kind: "Cluster", name, tenant: shared.name, tenantId: shared.id } as const;
  if (change.action === "delete" && before) {
    await tx.clusters.delete(before);
    return { ...result, op: "delete", before, after: undefined };
  }
  const manifest = (change as { manifest: ClusterInput }).manifest;
  const spec = sealCredentials(manifest.spec, before?.spec, deps.cipher);
  if (!before) {
    const after: Cluster = {
      ...fresh(targetKey(change), "cls", stamp),
      name,
      ...mergedMetadata(manifest, undefined),
      spec,
      state: unknownState,
    };
    await tx.clusters.insert(after);
    return { ...result, op: "create", before, after };
  }
  const { op, after } = revised(before, { ...before, ...mergedMetadata(manifest, before), spec }, stamp.now);
  if (op === "update") {
    await tx.clusters.update(after, before.resourceVersion);
    if (changesInstances(before.spec, after.spec)) {
      await reviseInstances(tx, before, after);
    }
  }
  return { ...result, op, before, after };
}

/** Whether a cluster's change is one of its instances too. */
export function changesInstances(before: InstanceRelevant, after: InstanceRelevant): boolean {
  return digestOf(instanceRelevant(before)) !== digestOf(instanceRelevant(after));
}

async function reviseInstances(tx: PlatformTransaction, before: Cluster, after: Cluster): Promise<void> {
  const users = await tx.clusters.users(before.name);
  if (users.length > 0 && before.spec.namespacePrefix !== after.spec.namespacePrefix) {
    throw invalid(
      "spec.namespacePrefix",
      `cluster '${before.name}' is in use: its instances can't change their namespaces`,
      "keep the prefix",
    );
  }
  for (const { tenantId, tenant, instance: name } of users) {
    const { instances } = await tx.enter(tenantId);
    const instance = await instances.get(name);
    const { type } = instance.spec;
    const isHere = instance.cluster === before.name && instance.deletedAt === undefined;
    if (isHere && before.spec.images.claws[type] !== undefined && after.spec.images.claws[type] === undefined) {
      throw invalid(
        `spec.images.claws.${type}`,
        `instance '${tenant}/${name}' of cluster '${before.name}' is of type '${type}' and would have no image`,
        "keep the image, or destroy or move the instances of that type first",
      );
    }
    await instances.requestReconcile([instance.id]);
  }
}

function sealCredentials(spec: ClusterInput["spec"], former: SealedClusterSpec | undefined, cipher: SecretCipher): SealedClusterSpec {
  const { credentials } = spec;
  if (credentials.source === "inCluster") {
    return { ...spec, credentials };
  }
  assertKubeconfig(credentials.kubeconfig);
  const known = former?.credentials.source === "kubeconfig" ? former.credentials.kubeconfig : undefined;
  const path = ["spec", "credentials", "kubeconfig"];
  const sealing = { isSecret: () => true, former: sealedPlaces(known, path), cipher };
  // A plan's manifest holds it sealed already.
  const kubeconfig = sealGiven(credentials.kubeconfig, sealing, path, path.join(".")) as unknown as Sealed;
  return { ...spec, credentials: { ...credentials, kubeconfig } };
}

/** @throws {ClawError} `request.invalid`, saying nothing of what it holds */
function assertKubeconfig(given: unknown): void {
  if (typeof given !== "string" || given === SECRET_MASK) {
    return;
  }
  try {
    parseKubeconfig(given);
  } catch (error) {
    if (error instanceof KubeconfigError) {
      throw invalid(
        "spec.credentials.kubeconfig",
        error.message,
        "give the text of a kubeconfig, such as 'kubectl config view --raw' prints it",
      );
    }
    throw error;
  }
}
