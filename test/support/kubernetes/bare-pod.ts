import { setTimeout as delay } from "node:timers/promises";
import type { ApiClient } from "./api-client.ts";

const TIMEOUT_MS = 60_000;

/** What an instance is made of, in the order in which one would apply it. */
const KINDS = [
  "/api/v1/secrets",
  "/api/v1/persistentvolumeclaims",
  "/api/v1/services",
  "/apis/policy/v1/poddisruptionbudgets",
  "/apis/networking.k8s.io/v1/networkpolicies",
  "/apis/apps/v1/statefulsets",
];

interface Declared {
  readonly path: string;
  readonly object: { readonly metadata: { readonly name: string }; readonly [key: string]: unknown };
}

/** The objects of an instance as somebody would apply them. */
export async function declaredOf(api: ApiClient, namespace: string, instance: string): Promise<Declared[]> {
  const found: Declared[] = [];
  for (const kind of KINDS) {
    const path = kind.replace(/\/(?=[a-z]+$)/, `/namespaces/${namespace}/`);
    const selector = encodeURIComponent(`clusterclaw.io/instance=${instance}`);
    const list = await api.get(`${path}?labelSelector=${selector}`);
    for (const { metadata, spec = {}, data } of list.items) {
      const { name, labels } = metadata;
      const { volumeName: _, clusterIPs: _ips, ...rest } = spec;
      const object = { apiVersion: list.apiVersion, kind: list.kind.replace(/List$/, ""), metadata: { name, namespace, labels } };
      found.push({ path, object: data ? { ...object, data } : { ...object, spec: rest } });
    }
  }
  return found;
}

/** How long the instance's pod takes to be ready when its objects are applied by hand. They are gone afterwards. */
export async function applyAlike(api: ApiClient, namespace: string, instance: string, objects: readonly Declared[]): Promise<number> {
  const pod = `/api/v1/namespaces/${namespace}/pods/${instance}-0`;
  const startMs = performance.now();
  await Promise.all(objects.map(({ path, object }) => api.apply(`${path}/${object.metadata.name}`, object, "kubectl")));
  await until(async () => (await api.get(pod))?.status.conditions?.some(isReady));
  const tookMs = performance.now() - startMs;
  await Promise.all(objects.map(({ path, object }) => api.delete(`${path}/${object.metadata.name}`)));
  await until(async () => (await api.get(pod)) === undefined);
  return tookMs;
}

const isReady = ({ type, status }: Record<string, string>) => type === "Ready" && status === "True";

async function until(condition: () => Promise<boolean | undefined>): Promise<void> {
  for (const deadline = Date.now() + TIMEOUT_MS; !(await condition()); await delay(10)) {
    if (Date.now() > deadline) {
      throw new Error(`a pod that was applied by hand was not there, or not gone, after ${TIMEOUT_MS} ms`);
    }
  }
}
