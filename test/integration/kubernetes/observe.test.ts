import { afterAll, beforeAll, describe, it } from "vitest";
import { createClusters } from "../../../adapters/kubernetes/clusters.ts";
import type { PodReport } from "../../../service/domain/instances/pod.ts";
import { until } from "../../support/agent/harness.ts";
import { refusePods } from "../../support/kubernetes/in-force.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";

const { cluster, aNamespace } = useCluster();
const clusters = createClusters();
const seen = new Map<string, PodReport | undefined>();
let stop = () => {};
beforeAll(() => {
  // Without a cluster the tests are skipped, and this with them.
  try {
    const listener = { pod: (uid: string, pod: PodReport | undefined) => void seen.set(uid, pod), object: () => {}, listed: () => {} };
    ({ stop } = clusters.connect(cluster()).observe(listener));
  } catch {}
});
afterAll(() => {
  stop();
  clusters.close();
});

let count = 0;
const aUid = () => `ins_${process.pid}x${count++}`;
const labels = (uid: string) => ({ "app.kubernetes.io/managed-by": "clusterclaw", "clusterclaw.io/instance-uid": uid });
const aPod = (uid: string, over: { annotations?: Record<string, string>; resources?: object } = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web-0", labels: labels(uid), annotations: over.annotations ?? {} },
  spec: { containers: [{ name: "claw", image: "example", resources: over.resources ?? {} }] },
});
const sees = (uid: string, passes: (pod: PodReport | undefined) => boolean) =>
  until(() => seen.has(uid) && passes(seen.get(uid)), `it is seen: ${uid}`);

describe("what is seen of an instance's pod", () => {
  it("is that it is ready, and then that it is gone", async ({ expect }) => {
    const { api } = cluster();
    const pods = `/api/v1/namespaces/${await aNamespace()}/pods`;
    const uid = aUid();
    await api.create(pods, aPod(uid));
    await sees(uid, (pod) => pod?.ready === true);
    expect(seen.get(uid)).toMatchObject({ name: "web-0", ready: true, reason: "Ready", restarts: 0, node: /^fake-/ });
    await api.delete(`${pods}/web-0`);
    await sees(uid, (pod) => pod === undefined);
  });

  it("is why it does not start: no image, no node that takes it, no room in the quota", async ({ expect }) => {
    const { api } = cluster();
    const pods = `/api/v1/namespaces/${await aNamespace()}/pods`;
    const image = aUid();
    await api.create(pods, aPod(image, { annotations: { "test.clusterclaw.io/waiting": "ImagePullBackOff" } }));
    await sees(image, (pod) => pod?.reason === "ImagePullBackOff");
    const big = aUid();
    const elsewhere = `/api/v1/namespaces/${await aNamespace()}`;
    await api.create(`${elsewhere}/pods`, aPod(big, { resources: { requests: { cpu: "100000" } } }));
    await sees(big, (pod) => pod?.reason === "Unschedulable");
    expect(seen.get(big)?.message).toMatch(/Insufficient cpu/);

    const namespace = await aNamespace();
    await refusePods(api, namespace);
    const refused = aUid();
    await api.create(`/apis/apps/v1/namespaces/${namespace}/statefulsets`, {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "web", labels: labels(refused) },
      spec: {
        replicas: 1,
        serviceName: "web",
        selector: { matchLabels: { "clusterclaw.io/instance-uid": refused } },
        template: { metadata: { labels: labels(refused) }, spec: aPod(refused).spec },
      },
    });
    await sees(refused, (pod) => pod?.reason === "QuotaExceeded");
    expect(seen.get(refused)?.message).toMatch(/exceeded quota: none/);
  });

  it("is that it crashed, with its last exit", async ({ expect }) => {
    const { api } = cluster();
    const pods = `/api/v1/namespaces/${await aNamespace()}/pods`;
    const uid = aUid();
    await api.create(pods, aPod(uid, { annotations: { "test.clusterclaw.io/waiting": "ContainerCreating" } }));
    // Its emulated node speaks once: after that it says nothing over what follows.
    await until(async () => (await api.get(`${pods}/web-0`)).status?.containerStatuses, "its node says that it waits");
    const crashed = (reason: string, exitCode: number) => ({
      status: {
        containerStatuses: [
          {
            name: "claw",
            image: "example",
            imageID: "",
            ready: false,
            restartCount: 7,
            state: { waiting: { reason: "CrashLoopBackOff" } },
            lastState: { terminated: { reason, exitCode } },
          },
        ],
      },
    });
    for (const [reason, exitCode, seenAs] of [
      ["Error", 78, "CrashLoopBackOff"],
      ["OOMKilled", 137, "OOMKilled"],
    ] as const) {
      await api.merge(`${pods}/web-0/status`, crashed(reason, exitCode));
      await sees(uid, (pod) => pod?.reason === seenAs);
      expect(seen.get(uid)).toMatchObject({ restarts: 7, message: expect.stringContaining(`exit code ${exitCode} (${reason})`) });
    }
  });
});
