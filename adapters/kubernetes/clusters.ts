import { createHash } from "node:crypto";
import { ClusterReason, ConditionReason } from "../../sdk/contract/index.ts";
import {
  type ClusterConnection,
  ClusterError,
  type Clusters,
  type DeclaredResource,
  type KubernetesAccess,
} from "../../service/application/ports/clusters/clusters.ts";
import type { Pods } from "../../service/application/ports/instances/pods.ts";
import { type Circuit, CircuitBreaker } from "../../service/domain/circuit-breaker.ts";
import type { PropertyMap } from "../engine/contract/values.ts";
import { cleanUp } from "./clean-up.ts";
import { ApiClient } from "./client/api-client.ts";
import { ApiError, orGone, UnreachableError } from "./client/api-errors.ts";
import { MANAGER } from "./client/objects.ts";
import { openCustomResources } from "./custom-resources.ts";
import { declaredKinds } from "./declared-kinds.ts";
import { declaredAs, deviationOf, withoutAdditions } from "./drift.ts";
import { exec } from "./exec.ts";
import { inspect } from "./inspect.ts";
import { killPod } from "./kill-pod.ts";
import { isAbandoned, markedObjects, othersPolicies, removeObject } from "./marked.ts";
import { observe } from "./observe.ts";
import { podLog } from "./pod-log.ts";
import { readSecret } from "./read-secret.ts";
import { refreshPods } from "./refresh-pods.ts";
import { readUsage } from "./usage.ts";

/** The clusters that this process talks to, with the connections of each way in kept. */
export function createClusters(): Clusters & Pods & { circuits(): readonly Circuit[] } {
  const servers = new Map<string, Server>();
  const serverOf = (access: KubernetesAccess): Server => {
    const key = createHash("sha256")
      .update(JSON.stringify([access.kubeconfig, access.context]))
      .digest("base64");
    const server = servers.get(key) ?? open(access);
    servers.set(key, server);
    server.client.catch(() => servers.delete(key));
    return server;
  };
  const clientOf = (access: KubernetesAccess) => serverOf(access).client;
  const asking = <T>(access: KubernetesAccess, ask: () => Promise<T>) => asked(() => serverOf(access).breaker.run(ask));
  return {
    connect: (access) => connection(() => serverOf(access)),
    circuits: () => [...servers.values()].map(({ breaker }) => breaker.circuit),
    async *logs(access, { namespace, pod, container }, { signal, ...options }) {
      const client = await asking(access, () => clientOf(access));
      const call = { path: `/api/v1/namespaces/${namespace}/pods/${pod}/log`, signal, timeoutMs: 0 };
      const items = podLog((query) => client.lines({ ...call, query: { container, timestamps: "true", ...query } }), options);
      for (;;) {
        const next = await asked(() => items.next());
        if (next.done) {
          return;
        }
        yield next.value;
      }
    },
    exec: (access, container, options) => asking(access, async () => exec(await clientOf(access), container, options)),
    kill: (access, { namespace, pod }) => asking(access, async () => killPod(await clientOf(access), namespace, pod)),
    refreshPods: (access, namespace, uids) => asking(access, async () => refreshPods(await clientOf(access), namespace, uids)),
    cleanUp: (access, namespace, uid, withVolumes) =>
      asking(access, async () => cleanUp(await clientOf(access), namespace, uid, withVolumes)),
    removeAdditions: (access, resource) => asking(access, async () => removeAdditions(await clientOf(access), resource)),
    close() {
      for (const { client } of servers.values()) {
        client.then((connected) => connected.close()).catch(() => undefined);
      }
      servers.clear();
    },
  };
}

/** What is kept of an API server that is talked to. */
interface Server {
  readonly client: Promise<ApiClient>;
  readonly breaker: CircuitBreaker;
}

function open(access: KubernetesAccess): Server {
  const client = openClient(access);
  const server: { name: string } = { name: "kubernetes" };
  client.then(
    (connected) => {
      server.name = `kubernetes ${connected.server}`;
    },
    () => undefined,
  );
  const breaker = new CircuitBreaker({ dependency: () => server.name, isFailure: (error) => error instanceof UnreachableError });
  return { client, breaker };
}

/** @param server opens it, or gives what is open */
function connection(server: () => Server): ClusterConnection {
  const client = () => server().client;
  const asking = <T>(ask: () => Promise<T>) => asked(() => server().breaker.run(ask));
  return {
    // That one finds out whether it is there again.
    inspect: () => asked(() => server().breaker.probe(async () => inspect(await client()))),
    observe(listener) {
      const controller = new AbortController();
      void observe(client, listener, controller.signal);
      return { stop: () => controller.abort() };
    },
    usage: () => asking(async () => readUsage(await client())),
    compare: (seen, declared) =>
      asking(async () => {
        const resource = declaredAs(declared, seen);
        const path = resource && pathOf(resource);
        if (!resource || path === undefined) {
          return undefined;
        }
        const live = await orGone((await client()).request({ path }));
        return { resource, deviation: deviationOf(inputsOf(resource), live) };
      }),
    marked: (controlPlane) => asking(async () => markedObjects(await client(), controlPlane)),
    othersPolicies: (namespaces) => asking(async () => othersPolicies(await client(), namespaces)),
    isAbandoned: (namespace) => asking(async () => isAbandoned(await client(), namespace)),
    secret: (namespace, name, key) => asking(async () => readSecret(await client(), namespace, name, key)),
    remove: (thing) => asking(async () => removeObject(await client(), thing)),
    customResources: () => openCustomResources(client),
  };
}

/** Where a declared object is; undefined for kinds that are not ours to declare. */
function pathOf({ type, id = "" }: DeclaredResource): string | undefined {
  const place = declaredKinds.find(({ kind }) => type.endsWith(`:${kind}`));
  const [name, namespace] = id.split("/").reverse();
  return place && `${place.root}${namespace === undefined ? "" : `/namespaces/${namespace}`}/${place.plural}/${name}`;
}

function inputsOf({ inputs = {} }: DeclaredResource): PropertyMap {
  return inputs as PropertyMap;
}

/** With the version that was read: an edit since then is looked at by itself. */
async function removeAdditions(api: ApiClient, resource: DeclaredResource): Promise<void> {
  const path = pathOf(resource);
  const live = path === undefined ? undefined : await orGone(api.request({ path }));
  const cleaned = live && withoutAdditions(inputsOf(resource), live);
  if (path !== undefined && cleaned) {
    await orGone(api.request({ method: "PUT", path, query: MANAGER, body: cleaned }));
  }
}

/** The kubeconfig's code is loaded with the first cluster: most control planes start without one. */
async function openClient({ kubeconfig, context = "" }: KubernetesAccess): Promise<ApiClient> {
  const { inCluster, openConnection } = await import("./client/kubeconfig.ts");
  try {
    return new ApiClient(kubeconfig === "" ? inCluster() : openConnection({ kubeconfig, context, cluster: "" }));
  } catch (error) {
    throw new ClusterError(ClusterReason.InvalidKubeconfig, error instanceof Error ? error.message : String(error), error);
  }
}

const NETWORK_REASONS: Readonly<Record<string, ClusterReason>> = {
  ECONNREFUSED: ClusterReason.ConnectionRefused,
  ECONNRESET: ClusterReason.ConnectionReset,
  EPIPE: ClusterReason.ConnectionReset,
  ENOTFOUND: ClusterReason.HostUnknown,
  EAI_AGAIN: ClusterReason.HostUnknown,
  ETIMEDOUT: ClusterReason.Timeout,
  EHOSTUNREACH: ClusterReason.HostUnreachable,
  ENETUNREACH: ClusterReason.HostUnreachable,
};

async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ApiError) {
      throw new ClusterError(error.reason || `Http${error.code}`, error.message, error);
    }
    if (error instanceof UnreachableError) {
      const { code = "", message = error.message } = (error.cause ?? {}) as { code?: string; message?: string };
      const isTls = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|EPROTO/.test(code);
      throw new ClusterError(
        NETWORK_REASONS[code] ?? (isTls ? ClusterReason.CertificateInvalid : ConditionReason.Unreachable),
        message,
        error,
      );
    }
    throw error;
  }
}
