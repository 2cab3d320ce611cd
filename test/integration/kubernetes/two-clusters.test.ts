import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { declaredKinds } from "../../../adapters/kubernetes/declared-kinds.ts";
import type { Claw } from "../../../sdk/client/index.ts";
import { aClusterManifest } from "../../support/builders/cluster.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { whyNoCluster } from "../../support/kubernetes/binaries.ts";
import { type Cluster, startCluster } from "../../support/kubernetes/cluster.ts";
import { addServiceUser } from "../../support/kubernetes/service-user.ts";
import { addStorageClass } from "../../support/kubernetes/volumes.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { eventually } from "../../support/service.ts";
import { type ServiceProcess, startServiceProcess } from "../../support/service-process.ts";

const reason = whyNoCluster();
const closers: (() => Promise<unknown>)[] = [];
let database: TestDatabase;
let east: Cluster;
let west: Cluster;
/** Replicas of one control plane. */
let first: ServiceProcess;
let second: ServiceProcess;
let acme: Claw;

beforeEach(({ skip }) => skip(reason !== undefined, reason));
beforeAll(async () => {
  if (reason) {
    return;
  }
  database = await createTestDatabase();
  closers.push(() => database.drop());
  [east, west] = await Promise.all([startCluster({ nodes: 1 }), startCluster({ nodes: 1 })]);
  for (const { api, stop } of [east, west]) {
    const removeVolumes = await addStorageClass(api, "fast", 6);
    closers.push(stop, removeVolumes);
  }
  first = await startReplica();
  for (const [name, { kubeconfig }] of [
    ["east", east],
    ["west", west],
  ] as const) {
    await first.claw().clusters.create(aRegion(name, kubeconfig));
    await isReady(first, name);
  }
  await first.claw().tenants.create(aTenant("acme"));
  acme = first.claw("acme");
}, 300_000);
afterAll(async () => {
  for (const close of closers.reverse()) {
    await close();
  }
}, 120_000);

const masterKey = randomBytes(32).toString("base64");
async function startReplica(): Promise<ServiceProcess> {
  const settings = { CLAW_DATABASE_URL: database.url, CLAW_MASTER_KEY: masterKey, CLAW_WORKERS: "1", CLAW_LOG_LEVEL: "fatal" };
  const replica = await startServiceProcess(settings);
  closers.push(() => replica.stop());
  return replica;
}

function aRegion(name: string, kubeconfig: string) {
  const images = { agent: "claw-agent:test", claws: { Echo: "claw-echo:test" } };
  const credentials = { source: "kubeconfig", kubeconfig } as const;
  return aClusterManifest(name, { credentials, images, storageClass: "fast" }, { labels: { region: name, fleet: "f" } });
}

/** After an outage Kubernetes' own controllers come back with growing delays, up to a minute. */
const BACK_MS = 180_000;
const isReady = (service: ServiceProcess, cluster: string) =>
  eventually(
    () => service.claw().clusters.get(cluster),
    ({ status }) => status.phase === "Ready",
    BACK_MS,
  );
const isUnreachable = (service: ServiceProcess, cluster: string) =>
  eventually(
    () => service.claw().clusters.get(cluster),
    ({ status }) => status.phase === "Unreachable",
    BACK_MS,
  );
const isRunning = (name: string) =>
  eventually(
    () => acme.instances.get(name),
    ({ status, metadata }) => status.phase === "Running" && status.observedGeneration === metadata.generation,
    BACK_MS,
  );
const inRegion = (region: string, spec: object = {}) => ({ placement: { selector: { region } }, ...spec });
const change = (name: string, region: string, millicores: number) =>
  acme.instances.replace(name, anEcho(name, inRegion(region, { resources: { cpu: `${millicores}m`, memory: "64Mi" } })));
const statefulSet = ({ api }: Cluster, name: string) => api.get(`/apis/apps/v1/namespaces/claw-acme/statefulsets/${name}`);
const reachOf = async (name: string) =>
  (await acme.instances.get(name)).status.conditions.find(({ type }) => type === "ClusterReachable")?.status ?? "True";

describe("two clusters", { timeout: 600_000 }, () => {
  it("each have the instances whose selector is theirs", async ({ expect }) => {
    await acme.instances.create(anEcho("in-east", inRegion("east")));
    await acme.instances.create(anEcho("in-west", inRegion("west")));
    expect((await isRunning("in-east")).status.cluster).toBe("east");
    expect((await isRunning("in-west")).status.cluster).toBe("west");
    expect(await Promise.all([statefulSet(east, "in-west"), statefulSet(west, "in-east")])).toEqual([undefined, undefined]);
  });

  it("are looked after by one replica of the control plane, and by another within seconds after it was killed", async ({ expect }) => {
    const watched = await watchesOf(east);
    second = await startReplica();
    await delay(2_000);
    // A replica has a watch for each of them; those of Kubernetes' own parts come and go.
    expect(await watchesOf(east)).toBeLessThan(watched + declaredKinds.length);
    const keepers = await database.pool.query(`select distinct keeper from clusters`);
    expect(keepers.rows).toHaveLength(1);

    first.signal("SIGKILL");
    acme = second.claw("acme");
    // Only who watches the pods can tell that it has stopped.
    await acme.instances.stop("in-east");
    await eventually(
      () => acme.instances.get("in-east"),
      ({ status }) => status.phase === "Stopped",
      BACK_MS,
    );
    expect((await database.pool.query(`select distinct keeper from clusters`)).rows).not.toEqual(keepers.rows);
    await acme.instances.start("in-east");
    await isRunning("in-east");
    const events = await acme.instances.events("in-east", { limit: 100 });
    const phases = events.items.filter(({ reason: why }) => why === "PhaseChanged").map(({ message }) => /^\w+ → \w+/.exec(message)?.[0]);
    // Whether it is seen between `Stopped` and `Running` depends on how fast its pod is.
    expect(phases.reverse().slice(0, 2)).toEqual(["Creating → Running", "Running → Stopped"]);
    expect(phases.at(-1)).toMatch(/ → Running$/);
  });

  it("don't mind when the other's API server is killed; it is as declared once that is back", async ({ expect }) => {
    east.apiServer.signal("SIGKILL");
    await isUnreachable(second, "east");
    expect(await Promise.all(["in-east", "in-west"].map(reachOf))).toEqual(["False", "True"]);
    await change("in-east", "east", 110);
    await change("in-west", "west", 110);
    await isRunning("in-west");
    const waiting = await acme.instances.get("in-east");
    expect(waiting.status).toMatchObject({ phase: "Running", observedGeneration: waiting.metadata.generation - 1 });

    await east.apiServer.restart();
    await isReady(second, "east");
    await isRunning("in-east");
    expect(await reachOf("in-east")).toBe("True");
    expect((await statefulSet(east, "in-east")).spec.template.spec.containers[0].resources.limits.cpu).toBe("110m");
  });

  it("don't mind when the other's API server hangs in the middle of an operation", async ({ expect }) => {
    east.apiServer.signal("SIGSTOP");
    await change("in-east", "east", 120);
    await change("in-west", "west", 120);
    await isRunning("in-west");
    await isUnreachable(second, "east");
    expect(await Promise.all(["in-east", "in-west"].map(reachOf))).toEqual(["False", "True"]);
    await change("in-west", "west", 130);
    await isRunning("in-west");

    east.apiServer.signal("SIGCONT");
    await isReady(second, "east");
    await isRunning("in-east");
    expect((await statefulSet(east, "in-east")).spec.template.spec.containers[0].resources.limits.cpu).toBe("120m");
  });

  it("get other credentials without a change of what is there", async ({ expect }) => {
    const { uid, generation } = (await statefulSet(west, "in-west")).metadata;
    const service = second.claw();
    await service.clusters.replace("west", aRegion("west", await addServiceUser(west)));
    await isReady(second, "west");
    await acme.instances.create(anEcho("also-west", inRegion("west")));
    await isRunning("also-west");
    expect((await statefulSet(west, "in-west")).metadata).toMatchObject({ uid, generation });
    // Revoked, and replaced again.
    await west.api.delete("/api/v1/namespaces/default/serviceaccounts/control-plane");
    await isUnreachable(second, "west");
    expect((await service.clusters.get("west")).status.conditions).toMatchObject([{ reason: "Unauthorized" }]);
    await service.clusters.replace("west", aRegion("west", west.kubeconfig));
    await isReady(second, "west");
    await change("in-west", "west", 140);
    await isRunning("in-west");
  });

  // What stays, and why, is in `test/integration/application/clusters`.
  it("give one another what may move when one is drained", async ({ expect }) => {
    await second.claw().clusters.replace("west", {
      ...aRegion("west", west.kubeconfig),
      spec: { ...aRegion("west", west.kubeconfig).spec, unschedulable: true },
    });
    await acme.instances.create(anEcho("may-move", { placement: { selector: { fleet: "f" } }, deletionPolicy: "delete" }));
    expect((await isRunning("may-move")).status.cluster).toBe("east");
    await second.claw().clusters.replace("west", aRegion("west", west.kubeconfig));
    await isReady(second, "west");
    const drained = await second.claw().clusters.drain("east", { discardData: true });
    expect(drained.moved).toEqual([{ tenant: "acme", instance: "may-move", to: "west" }]);
    await eventually(
      () => acme.instances.get("may-move"),
      ({ status, metadata }) =>
        status.cluster === "west" && status.phase === "Running" && status.observedGeneration === metadata.generation,
      BACK_MS,
    );
    expect(await statefulSet(east, "may-move")).toBeUndefined();
    expect(await statefulSet(west, "may-move")).toBeDefined();
  });
});

/** Watches that the API server serves at the moment, of all kinds and for whoever. */
async function watchesOf({ api }: Cluster): Promise<number> {
  const metrics = String(await api.get("/metrics"));
  return [...metrics.matchAll(/^apiserver_longrunning_requests\{[^}]*verb="WATCH"[^}]*\} (\S+)$/gm)]
    .map(([, count]) => Number(count))
    .reduce((sum, count) => sum + count, 0);
}
