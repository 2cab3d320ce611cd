import { chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ApiClient } from "./api-client.ts";

/** The user that pods of claws run as. */
const CLAW_UID = 1000;

/** Makes {@link addStorageClass} a part of one test. */
export async function aStorageClass(api: ApiClient, name: string, instances: number, options: { isReal?: boolean } = {}): Promise<string> {
  onTestFinished(await addStorageClass(api, name, instances, options));
  return name;
}

/**
 * A storage class with volumes for the claims of `instances` claws: a test cluster provisions none.
 * @param options.isReal whether the volumes are folders of this machine, which binds their pods to the real node
 * @returns what removes all of it
 */
export async function addStorageClass(
  api: ApiClient,
  name: string,
  instances: number,
  { isReal = false } = {},
): Promise<() => Promise<void>> {
  const dir = mkdtempSync(join(tmpdir(), "claw-test-volumes-"));
  const path = "/apis/storage.k8s.io/v1/storageclasses";
  const provisioner = "kubernetes.io/no-provisioner";
  await api.create(path, { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: { name }, provisioner });
  const volumes = Array.from({ length: instances }, (_, index) => [
    aVolume(`${name}-config-${index}`, "64Mi", name, dir, isReal),
    aVolume(`${name}-data-${index}`, "1Gi", name, dir, isReal),
  ]).flat();
  await Promise.all(volumes.map((volume) => api.create("/api/v1/persistentvolumes", volume)));
  return async () => {
    await api.delete(`${path}/${name}`);
    await Promise.all(volumes.map(({ metadata }) => api.delete(`/api/v1/persistentvolumes/${metadata.name}`)));
    rmSync(dir, { recursive: true, force: true });
  };
}

function aVolume(name: string, storage: string, storageClassName: string, dir: string, isReal: boolean) {
  const path = join(dir, name);
  mkdirSync(path);
  if (isReal) {
    chownSync(path, CLAW_UID, CLAW_UID);
  }
  const onRealNode = { nodeSelectorTerms: [{ matchExpressions: [{ key: "type", operator: "In", values: ["real"] }] }] };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name },
    spec: {
      capacity: { storage },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Retain",
      storageClassName,
      hostPath: { path },
      ...(isReal && { nodeAffinity: { required: onRealNode } }),
    },
  };
}
