import { delimiter, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Claw } from "../../sdk/client/index.ts";
import type { ClawInstance } from "../../sdk/contract/index.ts";
import { aClusterManifest } from "../support/builders/cluster.ts";
import { anEcho, aTenant } from "../support/builders/manifests.ts";
import { findProgram } from "../support/find-program.ts";
import { applyAlike, declaredOf } from "../support/kubernetes/bare-pod.ts";
import { whyNoCluster } from "../support/kubernetes/binaries.ts";
import { type Cluster, startCluster } from "../support/kubernetes/cluster.ts";
import { addProjectImages, projectImages, whyNoImages } from "../support/kubernetes/project-images.ts";
import { addServiceUser, requestsOfUser } from "../support/kubernetes/service-user.ts";
import { addStorageClass } from "../support/kubernetes/volumes.ts";
import { createEmptyDatabase } from "../support/postgres.ts";
import { cpuSeconds, residentBytes, type ServiceProcess, startServiceProcess } from "../support/service-process.ts";
import { setup } from "../support/services.ts";
import { atMost, type Figure, percentile, shown } from "./figure.ts";

const TENANT = "hundred";
const TENANT_SIZE = 100;
const WRITERS = 8;
const CHANGES = 30;
const CLI_CHANGES = 2;
const DRIFTS = 30;
const CRASHES = 30;
const IDLE_MS = 60_000;
const REAL_STARTS = 3;
const TIMEOUT_MS = 120_000;

/** What a tenant on a cluster costs and how long its changes take: on emulated nodes, and one pod at a time on a real one. */
export async function bench(): Promise<Figure[]> {
  const reason = whyNoCluster();
  if (reason) {
    throw new Error(reason);
  }
  const stopServers = await setup();
  try {
    return [...(await withCluster(false, onEmulatedNodes)), ...(await onRealNode())];
  } finally {
    await stopServers();
  }
}

type Work = (service: ServiceProcess, cluster: Cluster) => Promise<Figure[]>;

async function withCluster(real: boolean, work: Work): Promise<Figure[]> {
  const cluster = await startCluster({ real });
  const database = await createEmptyDatabase();
  try {
    const service = await startServiceProcess({
      CLAW_RATE_LIMITS: "off",
      CLAW_DATABASE_URL: database.url,
      // The CLI takes our provider for the cluster: its own can't be downloaded everywhere.
      PATH: [resolve("adapters/providers/kubernetes/plugin"), process.env["PATH"]].join(delimiter),
      ...(real && { CLAW_HOST: "0.0.0.0" }),
    });
    try {
      return await work(service, cluster);
    } finally {
      await service.stop();
    }
  } finally {
    await database.drop();
    await cluster.stop();
  }
}

async function onEmulatedNodes(service: ServiceProcess, cluster: Cluster): Promise<Figure[]> {
  const { api } = cluster;
  const removeVolumes = await addStorageClass(api, TENANT, TENANT_SIZE);
  const kubeconfig = await addServiceUser(cluster);
  const images = { agent: "claw-agent:test", claws: { Echo: "claw-echo:test" } };
  const credentials = { source: "kubeconfig", kubeconfig };
  const claw = await inTenant(service, "emulated", { credentials, images, storageClass: TENANT });
  try {
    return [
      ...(await created(service, claw)),
      ...(await changed(claw, "embedded engine", CHANGES, 1.5)),
      ...(await drifted(claw, cluster)),
      ...(await crashed(claw, cluster)),
      await idle(cluster),
      ...(await changedByCli(service, claw)),
    ];
  } finally {
    await removeVolumes();
  }
}

async function created(service: ServiceProcess, claw: Claw): Promise<Figure[]> {
  const cpuBefore = await cpuSeconds(service.pid);
  const startMs = performance.now();
  const names = Array.from({ length: TENANT_SIZE }, (_, index) => nameOf(index));
  const writers = names.values();
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (const name of writers) {
        await claw.instances.create(anEcho(name));
      }
    }),
  );
  const acceptedMs = performance.now();
  for (const deadline = Date.now() + TIMEOUT_MS; ; await delay(100)) {
    const ready = (await claw.instances.list({ limit: 200 })).items.filter((instance) => isReady(instance) && isApplied(instance));
    if (ready.length === TENANT_SIZE) {
      break;
    }
    if (Date.now() > deadline) {
      throw new Error(`only ${ready.length} of ${TENANT_SIZE} instances became ready`);
    }
  }
  const endMs = performance.now();
  return [
    shown(`${TENANT_SIZE} instances: first write → all accepted`, (acceptedMs - startMs) / 1000, "s"),
    shown(`${TENANT_SIZE} instances: first write → all Ready`, (endMs - startMs) / 1000, "s"),
    shown(`${TENANT_SIZE} instances: CPU time of the control plane`, (await cpuSeconds(service.pid)) - cpuBefore, "s"),
    shown(`${TENANT_SIZE} instances: resident memory of the control plane`, (await residentBytes(service.pid, () => true)) / 2 ** 20, "MB"),
  ];
}

/** One instance at a time, another each time. */
async function changed(claw: Claw, by: string, count: number, limit?: number): Promise<Figure[]> {
  const tookMs: number[] = [];
  for (let round = 0; round < count; round++) {
    const name = nameOf(round);
    await claw.instances.replace(name, anEcho(name, { resources: { cpu: `${101 + count + round}m`, memory: "64Mi" } }));
    const acceptedMs = performance.now();
    await until(() => claw.instances.get(name), isApplied);
    tookMs.push(performance.now() - acceptedMs);
  }
  const title = `one of ${TENANT_SIZE} changed: accepted → applied, ${by}`;
  const p95 = percentile(tookMs, 0.95) / 1000;
  return [
    shown(`${title} (median)`, percentile(tookMs, 0.5) / 1000, "s"),
    limit === undefined ? shown(`${title} (slowest of ${count})`, p95, "s") : atMost(`${title} (p95)`, p95, "s", limit),
  ];
}

async function changedByCli(service: ServiceProcess, claw: Claw): Promise<Figure[]> {
  if (!findProgram("pulumi")) {
    process.stderr.write("no figures of the CLI engine: 'pulumi' is not on PATH\n");
    return [];
  }
  await service.claw().stacks.migrate(`${TENANT}.emulated`, { engine: "cli" });
  return changed(claw, "CLI engine", CLI_CHANGES);
}

/** Somebody scales an instance with kubectl; until its status says who, and what. */
async function drifted(claw: Claw, { api }: Cluster): Promise<Figure[]> {
  const tookMs: number[] = [];
  for (let index = 0; index < DRIFTS; index++) {
    const name = nameOf(TENANT_SIZE - 1 - index);
    const path = `/apis/apps/v1/namespaces/claw-${TENANT}/statefulsets/${name}/scale`;
    await api.merge(path, { spec: { replicas: 2 } }, "kubectl-scale");
    const startMs = performance.now();
    await until(
      () => claw.instances.get(name),
      ({ status }) => status.drift?.[0]?.manager === "kubectl-scale",
    );
    tookMs.push(performance.now() - startMs);
  }
  return [
    shown("kubectl scale → drift shown (median)", percentile(tookMs, 0.5) / 1000, "s"),
    atMost("kubectl scale → drift shown (p95)", percentile(tookMs, 0.95) / 1000, "s", 2),
  ];
}

/** A kubelet says of a pod that its claw crashed; until its instance's conditions say so. */
async function crashed(claw: Claw, { api }: Cluster): Promise<Figure[]> {
  const state = { waiting: { reason: "CrashLoopBackOff" } };
  const lastState = { terminated: { reason: "OOMKilled", exitCode: 137 } };
  const container = { name: "claw", image: "claw-echo:test", imageID: "", ready: false, restartCount: 7, state, lastState };
  const tookMs: number[] = [];
  for (let index = 0; index < CRASHES; index++) {
    const name = nameOf(index);
    const status = { containerStatuses: [container], conditions: [{ type: "Ready", status: "False", reason: "ContainersNotReady" }] };
    await api.merge(`/api/v1/namespaces/claw-${TENANT}/pods/${name}-0/status`, { status });
    const startMs = performance.now();
    await until(
      () => claw.instances.get(name),
      ({ status }) => status.conditions.some(({ reason }) => reason === "OOMKilled"),
    );
    tookMs.push(performance.now() - startMs);
  }
  return [
    shown("claw crashed → condition says why (median)", percentile(tookMs, 0.5) / 1000, "s"),
    atMost("claw crashed → condition says why (p95)", percentile(tookMs, 0.95) / 1000, "s", 1),
  ];
}

/** What the API server counts when nothing changes. Its watches go on all the time: each counts as one request when it begins. */
async function idle(cluster: Cluster): Promise<Figure> {
  const before = await requestsOfUser(cluster);
  await delay(IDLE_MS);
  const perHour = ((await requestsOfUser(cluster)) - before) * (3_600_000 / IDLE_MS);
  return shown(`requests per unchanged instance of ${TENANT_SIZE} and hour`, perHour / TENANT_SIZE, "");
}

/** Starts one pod after another, each twice: as an instance, and by giving its objects to the API server as they were declared. */
async function onRealNode(): Promise<Figure[]> {
  const reason = whyNoImages();
  if (reason) {
    process.stderr.write(`no figures of real pods: ${reason}\n`);
    return [];
  }
  return withCluster(true, async (service, { api, kubeconfig, kubeconfigPath }) => {
    await addProjectImages(kubeconfigPath, ["agent", "claw"]);
    const removeVolumes = await addStorageClass(api, "real", 2 * (REAL_STARTS + 1), { isReal: true });
    const hostAddress = new URL(JSON.parse(kubeconfig).clusters[0].cluster.server).hostname;
    const claw = await inTenant(service, "real", {
      credentials: { source: "kubeconfig", kubeconfig },
      images: { agent: projectImages.agent, claws: { Echo: projectImages.claw }, pullPolicy: "Never" },
      agentUrl: `ws://${hostAddress}:${new URL(service.url).port}/agent/v1`,
      storageClass: "real",
      networkPolicy: { controlPlaneCidrs: [`${hostAddress}/32`] },
    });
    const [declaredMs, bareMs]: [number[], number[]] = [[], []];
    // The first round warms up.
    for (let round = 0; round <= REAL_STARTS; round++) {
      const name = nameOf(round);
      await claw.instances.create(anEcho(name));
      const acceptedMs = performance.now();
      await until(() => claw.instances.get(name), isReady);
      const tookMs = performance.now() - acceptedMs;
      const objects = await declaredOf(api, `claw-${TENANT}`, name);
      await claw.instances.delete(name, { purgeData: true });
      await until(
        () => claw.instances.get(name).catch(() => undefined),
        (instance) => instance === undefined,
      );
      const alikeMs = await applyAlike(api, `claw-${TENANT}`, name, objects);
      if (round > 0) {
        declaredMs.push(tookMs);
        bareMs.push(alikeMs);
      }
    }
    await removeVolumes();
    const [declaredS, bareS] = [percentile(declaredMs, 0.5) / 1000, percentile(bareMs, 0.5) / 1000];
    return [
      shown("one real pod: accepted → Ready (median)", declaredS, "s"),
      shown("one real pod: the same objects applied → Ready (median)", bareS, "s"),
      atMost("one real pod: beyond what applying the same objects takes", declaredS - bareS, "s", 1.5),
    ];
  });
}

async function inTenant(service: ServiceProcess, cluster: string, spec: object): Promise<Claw> {
  await service.claw().clusters.create(aClusterManifest(cluster, spec));
  await until(
    () => service.claw().clusters.get(cluster),
    ({ status }) => status.phase === "Ready",
  );
  await service.claw().tenants.create(aTenant(TENANT, { placement: { cluster } }));
  return service.claw(TENANT);
}

const nameOf = (index: number) => `echo-${index}`;

function isApplied({ metadata, status }: ClawInstance): boolean {
  return status.observedGeneration === metadata.generation;
}

function isReady({ status }: ClawInstance): boolean {
  return status.conditions.some(({ type, status: value }) => type === "Ready" && value === "True");
}

async function until<T>(ask: () => Promise<T>, passes: (answer: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + TIMEOUT_MS; ; await delay(10)) {
    const answer = await ask();
    if (passes(answer)) {
      return answer;
    }
    if (Date.now() > deadline) {
      throw new Error(`still not so after ${TIMEOUT_MS} ms: ${JSON.stringify(answer)}`);
    }
  }
}
