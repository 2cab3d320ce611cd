import { API_VERSION, type Cluster as ClusterResource, clusterFacts } from "../../../sdk/contract/index.ts";
import {
  type Amount,
  type Cluster,
  capacityOf,
  type InstanceRelevant,
  instanceRelevant,
  type Load,
  phaseOf,
  unknownState,
} from "../../domain/clusters/cluster.ts";
import { digestOf } from "../../domain/digest.ts";
import { maskLeaves } from "../../domain/sealed.ts";
import { toGibibytes } from "../../domain/tenancy/quota.ts";
import { assertLost, lettingGoOf } from "../instances/lost.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { defineKind, ofPlatform, REMOVED } from "../resources/define-kind.ts";
import type { ResourceKind } from "../resources/kind.ts";
import { everyOf, pagesOf } from "../resources/pages.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { invalid } from "../resources/refusals.ts";
import { sealCredentials } from "./seal-credentials.ts";

export function clusterKind({ cipher }: { readonly cipher: SecretCipher }): ResourceKind<"Cluster", Cluster> {
  return defineKind(clusterFacts, ofPlatform, {
    rows: (tx) => tx.clusters,
    build: async ({ stamp }, { spec }, before: Cluster | undefined, base) => ({
      next: { ...base, spec: sealCredentials(stamp.actor, spec, before?.spec, cipher), state: before?.state ?? unknownState },
    }),
    // Its instances are to be reconciled when what they are made of changes; credentials that rotate touch none.
    async settle({ tx }, { op, before, after }) {
      if (before && op === "update" && changesInstances(before.spec, after.spec)) {
        await reviseInstances(tx, before, after);
      }
      return {};
    },
    async *consequences(tx, { name, forget }) {
      if (forget) {
        await assertLost(tx, name);
        yield* lettingGoOf(tx, name);
      }
    },
    async remove({ at }, before) {
      await at.clusters.delete(before);
      return REMOVED;
    },
    async present(tx, clusters) {
      const allocated = await tx.clusters.allocated();
      return clusters.map((cluster) => presentCluster(cluster, allocated.get(cluster.name)));
    },
    async touches(tx, changes) {
      const changed = new Set<string>();
      const tenants = new Set<string>();
      for (const { name, manifest, forget } of changes) {
        const before = manifest && (await tx.clusters.find(name));
        if (forget || (before && changesInstances(before.spec, manifest.spec))) {
          changed.add(name);
          for await (const { tenant } of everyOf((page) => tx.clusters.users(name, page))) {
            tenants.add(tenant);
          }
        }
      }
      return {
        tenants: [...tenants],
        async *instances(scope) {
          for (const cluster of changed) {
            yield* pagesOf((page) => scope.instances.listUsing({ cluster }, page));
          }
        },
      };
    },
  });
}

/** Whether a cluster's change is one of its instances too. */
function changesInstances(before: InstanceRelevant, after: InstanceRelevant): boolean {
  return digestOf(instanceRelevant(before)) !== digestOf(instanceRelevant(after));
}

async function reviseInstances(tx: PlatformTransaction, before: Cluster, after: Cluster): Promise<void> {
  for await (const { tenantId, tenant, instance: name } of everyOf((page) => tx.clusters.users(before.name, page))) {
    if (before.spec.namespacePrefix !== after.spec.namespacePrefix) {
      throw invalid(
        "spec.namespacePrefix",
        `cluster '${before.name}' is in use: its instances can't change their namespaces`,
        "keep the prefix",
      );
    }
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

const NOTHING: Load = { instances: 0, cpu: 0, memoryBytes: 0 };

/** A cluster as platform administrators see it: its kubeconfig is masked. */
export function presentCluster(cluster: Cluster, allocated: Load = NOTHING): ClusterResource {
  const { spec, state } = cluster;
  return {
    apiVersion: API_VERSION,
    kind: "Cluster",
    metadata: presentMetadata(cluster),
    spec: maskLeaves(spec) as ClusterResource["spec"],
    status: {
      phase: phaseOf(cluster),
      ...(state.version !== undefined && { version: state.version }),
      ...(state.nodes !== undefined && { nodes: state.nodes }),
      capacity: presentAmount(capacityOf(cluster)),
      allocated: { instances: allocated.instances, cpu: String(allocated.cpu), memory: toGibibytes(allocated.memoryBytes) },
      conditions: [...state.conditions],
    },
  };
}

function presentAmount({ instances, cpu, memoryBytes }: Amount): ClusterResource["status"]["capacity"] {
  return {
    ...(instances !== undefined && { instances }),
    ...(cpu !== undefined && { cpu: String(cpu) }),
    ...(memoryBytes !== undefined && { memory: toGibibytes(memoryBytes) }),
  };
}
