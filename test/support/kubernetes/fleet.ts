import { afterAll, beforeAll } from "vitest";
import type { Claw } from "../../../sdk/client/index.ts";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { aClusterManifest } from "../builders/cluster.ts";
import { aTenant } from "../builders/manifests.ts";
import { eventually, startTestService, type TestService } from "../service.ts";
import type { ApiClient } from "./api-client.ts";
import { useCluster } from "./use-cluster.ts";
import { aStorageClass } from "./volumes.ts";

/** A tenant whose instances go to a registered cluster. */
export interface Fleet {
  readonly api: ApiClient;
  readonly claw: Claw;
  /** The control plane's data folder. */
  readonly host: string;
  readonly platform: Claw;
  readonly namespace: string;
  /** `/apis/apps/v1/namespaces/…/statefulsets` of the tenant; the group and version may be another. */
  path(plural: string, groupVersion?: string): string;
  running(instance: string): Promise<ClawInstance>;
  /** Stops the control plane, and starts it again when that is done. */
  unwatched(work: () => Promise<unknown>): Promise<void>;
}

/** The service with the cluster that tests share: `aFleet` registers it under a name, with room for so many instances. */
export function useFleets(settings: Readonly<Record<string, string>> = {}): {
  aFleet: (name: string, instances: number, spec?: object) => Promise<Fleet>;
} {
  const { cluster } = useCluster();
  let service: TestService | undefined;
  beforeAll(async () => {
    try {
      cluster();
    } catch {
      // The tests say why they are skipped.
      return;
    }
    service = await startTestService(settings);
  });
  afterAll(() => service?.stop());
  return {
    async aFleet(name, instances, spec = {}) {
      if (!service) {
        throw new Error("the service is there within tests only");
      }
      const { api, kubeconfig } = cluster();
      const tenant = `fleet-${process.pid}-${name}`;
      const storageClass = await aStorageClass(api, tenant, instances);
      const credentials = { source: "kubeconfig", kubeconfig };
      const images = { agent: "claw-agent:test", claws: { Echo: "claw-echo:test" } };
      const platform = service.claw();
      await platform.clusters.create(aClusterManifest(name, { credentials, images, storageClass, ...spec }));
      await platform.tenants.create(aTenant(tenant, { placement: { cluster: name } }));
      const claw = service.claw(tenant);
      const { restart } = service;
      const namespace = `claw-${tenant}`;
      return {
        api,
        claw,
        host: service.dataDir,
        platform,
        namespace,
        path: (plural, groupVersion = "v1") =>
          `/${groupVersion.includes("/") ? "apis" : "api"}/${groupVersion}/namespaces/${namespace}/${plural}`,
        running: (instance) =>
          eventually(
            () => claw.instances.get(instance),
            ({ status, metadata }) => status.phase === "Running" && status.observedGeneration === metadata.generation,
            90_000,
          ),
        unwatched: (work) => restart(undefined, work),
      };
    },
  };
}
