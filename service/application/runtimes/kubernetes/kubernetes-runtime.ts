import { ClawError, type InstanceId, type KubernetesTarget } from "../../../../sdk/contract/index.ts";
import { namespaceOf } from "../../../domain/clusters/cluster.ts";
import { ClusterError, type Clusters, type DeclaredOf } from "../../ports/clusters/clusters.ts";
import type { Agents } from "../../ports/instances/agents.ts";
import type { Pods } from "../../ports/instances/pods.ts";
import type { DeclaredResources, Handings, InstanceAddress, Runtime } from "../../ports/runtimes/runtime.ts";
import type { SecretCipher } from "../../ports/secrets/secret-cipher.ts";
import type { Transactions } from "../../ports/transactions.ts";
import { controlPlaneId } from "../control-plane-id.ts";
import { kubernetesAccess, kubernetesTarget } from "./kubernetes-target.ts";
import { openPodChannel } from "./pod-channel.ts";

/** The claw's container in its pod; the components name it. */
const CONTAINER = "claw";

export interface KubernetesRuntimeDependencies {
  readonly clusters: Pick<Clusters, "connect" | "cleanUp" | "refreshPods" | "removeAdditions"> & Pods;
  readonly agents: Agents;
  readonly transactions: Transactions;
  readonly cipher: SecretCipher;
  readonly declared: DeclaredOf;
  readonly handings: Pick<Handings, "kubernetes">;
}

/**
 * Instances that are pods of a registered cluster. Chats and connections go through their agents; logs, terminals and the kill through the
 * cluster's API.
 */
export function createKubernetesRuntime(
  { clusters, agents, transactions, cipher, declared, handings }: KubernetesRuntimeDependencies,
  resources: DeclaredResources,
): Runtime<KubernetesTarget> {
  return {
    target: async (tx, tenant, cluster) => kubernetesTarget(await tx.clusters.get(cluster), tenant, await controlPlaneId(tx), cipher),
    // Credentials that rotate change nothing that was shown.
    previewBase: ({ kubeconfig: _kubeconfig, context: _context, ...declared }) => declared,
    handing: (target, tenant, resolved) => handings.kubernetes(target, tenant, resolved),
    exchangesClaw: resources.exchangesClaw,
    async deliverFiles(target, instances, changes) {
      const changed = new Set(changes.filter(resources.changesMountedFiles).map(({ instance }) => instance));
      const uids = instances.filter(({ name, running }) => running && changed.has(name)).map(({ uid }) => uid);
      if (uids.length > 0) {
        await clusters.refreshPods(target, target.namespace, uids);
      }
    },
    async restore(target, tenant, drift) {
      const edited = new Set(drift.filter(({ diffs }) => diffs.some(({ kind }) => kind === "add")).map(({ urn }) => urn));
      const resources = edited.size > 0 ? await declared(tenant.id, tenant.name, target.cluster) : [];
      for (const resource of resources.filter(({ urn }) => edited.has(urn))) {
        await clusters.removeAdditions(target, resource);
      }
    },
    cleanUp: (target, _tenant, uid, withData) => clusters.cleanUp(target, target.namespace, uid, withData),
    isReachable: ({ status }) => status.pod !== undefined,
    async open(address, open) {
      if (open.channel === "chat" || open.channel === "tcp" || open.channel === "config") {
        return agents.open(address.uid as InstanceId, open);
      }
      if (address.pod === undefined || address.pod === "") {
        throw new ClawError(
          "instance.unreachable",
          `instance '${address.name}' has no pod on cluster '${address.cluster}'; is it running?`,
        );
      }
      const cluster = await transactions.platform((tx) => tx.clusters.get(address.cluster));
      const container = { namespace: namespaceOf(cluster.spec, address.tenant), pod: address.pod, container: CONTAINER };
      return openPodChannel(clusters, kubernetesAccess(cluster, cipher), container, open).catch((error: unknown) => {
        throw error instanceof ClusterError ? unreachable(address, error) : error;
      });
    },
    async usage(cluster) {
      const measured = cluster ? await clusters.connect(kubernetesAccess(cluster, cipher)).usage() : [];
      return measured.map(({ uid, ...usage }) => ({ instance: uid as InstanceId, ...usage }));
    },
    connect: (cluster) => clusters.connect(kubernetesAccess(cluster, cipher)),
  };
}

function unreachable({ name, cluster }: InstanceAddress, error: ClusterError): ClawError {
  return new ClawError("instance.unreachable", `instance '${name}' on cluster '${cluster}': ${error.message}`, { cause: error });
}
