import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, onTestFinished } from "vitest";
import { createClusters } from "../../../adapters/kubernetes/clusters.ts";
import { until } from "../../support/agent/harness.ts";
import { NODE_IMAGE } from "../../support/kubernetes/images.ts";
import { mayListNodes } from "../../support/kubernetes/in-force.ts";
import { type TestCluster, useCluster } from "../../support/kubernetes/use-cluster.ts";

const project = join(import.meta.dirname, "../../..");

/** A service account that may look at nodes, and one token of it. */
async function anAccount({ api }: TestCluster, namespace: string): Promise<string> {
  await api.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: "plane" } });
  const bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
  await api.create(bindings, {
    metadata: { name: namespace },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:node" },
    subjects: [{ kind: "ServiceAccount", name: "plane", namespace }],
  });
  onTestFinished(() => api.delete(`${bindings}/${namespace}`));
  await mayListNodes(api, namespace, "plane");
  const { status } = await api.create(`/api/v1/namespaces/${namespace}/serviceaccounts/plane/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: {},
  });
  return status.token;
}

/** A folder with a kubeconfig of the cluster whose user is another one; `ask` is what the control plane asks a cluster first. */
function aKubeconfig({ kubeconfig }: TestCluster, user: object) {
  const dir = mkdtempSync(join(tmpdir(), "claw-credentials-"));
  const path = join(dir, "kubeconfig");
  const config = JSON.parse(kubeconfig);
  config.users[0].user = user;
  writeFileSync(path, JSON.stringify(config));
  const clusters = createClusters();
  onTestFinished(() => {
    clusters.close();
    rmSync(dir, { recursive: true });
  });
  return { dir, ask: () => clusters.connect({ kubeconfig: path }).inspect() };
}

describe("credentials", () => {
  const { cluster, aNamespace } = useCluster();

  /** A plugin that notes what it is asked and answers with the file `answer`. */
  async function aPlugin() {
    const token = await anAccount(cluster(), await aNamespace());
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "./plugin", interactiveMode: "Never", provideClusterInfo: true };
    const { dir, ask } = aKubeconfig(cluster(), { exec });
    const plugin = join(dir, "plugin");
    writeFileSync(plugin, `#!/bin/sh\ncd '${dir}' && echo "$KUBERNETES_EXEC_INFO" >> asked && cat answer\n`);
    chmodSync(plugin, 0o755);
    return {
      ask,
      token,
      answer: (status: { token: string; expirationTimestamp?: string }) =>
        writeFileSync(join(dir, "answer"), JSON.stringify({ apiVersion: exec.apiVersion, kind: "ExecCredential", status })),
      asked: () => (existsSync(join(dir, "asked")) ? readFileSync(join(dir, "asked"), "utf8").trim().split("\n") : []),
    };
  }
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

  it("of a file are those that it has at the time", async ({ expect }) => {
    const token = await anAccount(cluster(), await aNamespace());
    const { dir, ask } = aKubeconfig(cluster(), { tokenFile: "token" });
    writeFileSync(join(dir, "token"), "rotated-away");
    await expect(ask()).rejects.toMatchObject({ reason: "Unauthorized" });
    writeFileSync(join(dir, "token"), `${token}\n`);
    expect(await ask()).toMatchObject({ version: expect.stringMatching(/^v1\./) });
  });

  it("of an exec plugin are kept until they expire, and the plugin is told what for", async ({ expect }) => {
    const { ask, token, answer, asked } = await aPlugin();
    answer({ token, expirationTimestamp: inSeconds(3600) });
    expect(await ask()).toMatchObject({ version: expect.stringMatching(/^v1\./) });
    const calls = asked().length;
    await ask();
    expect(asked()).toHaveLength(calls);
    const { server } = JSON.parse(cluster().kubeconfig).clusters[0].cluster;
    expect(JSON.parse(asked()[0] ?? "")).toMatchObject({ kind: "ExecCredential", spec: { interactive: false, cluster: { server } } });
  });

  it("of an exec plugin that have expired are asked for again", async ({ expect }) => {
    const { ask, token, answer, asked } = await aPlugin();
    answer({ token, expirationTimestamp: inSeconds(-1) });
    await ask();
    const calls = asked().length;
    answer({ token, expirationTimestamp: inSeconds(3600) });
    await ask();
    expect(asked().length).toBeGreaterThan(calls);
  });

  it("of an exec plugin that are refused are asked for again before anybody hears of it", async ({ expect }) => {
    const { ask, token, answer } = await aPlugin();
    answer({ token: "revoked" });
    await expect(ask()).rejects.toMatchObject({ reason: "Unauthorized" });
    answer({ token });
    expect(await ask()).toMatchObject({ version: expect.stringMatching(/^v1\./) });
  });
});

describe("the control plane in a pod", () => {
  const { cluster, aNamespace } = useCluster({ real: true });

  it("gets into its own cluster by the service account of its pod", { timeout: 180_000 }, async ({ expect }) => {
    const { api, kubeconfig } = cluster();
    const namespace = await aNamespace();
    await anAccount(cluster(), namespace);
    // There is no network for Services here: the API server's own address stands for theirs.
    const { hostname, port } = new URL(JSON.parse(kubeconfig).clusters[0].cluster.server);
    const env = Object.entries({
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      KUBECONFIG: "/of/somebody/else",
    }).map(([name, value]) => ({ name, value }));
    const program = `
      const { createClusters } = await import("/project/adapters/kubernetes/clusters.ts");
      const clusters = createClusters();
      console.log((await clusters.connect({ kubeconfig: "" }).inspect()).version);
      clusters.close();`;
    await api.create(`/api/v1/namespaces/${namespace}/pods`, {
      metadata: { name: "plane" },
      spec: {
        serviceAccountName: "plane",
        nodeSelector: { type: "real" },
        restartPolicy: "Never",
        containers: [
          {
            name: "plane",
            image: NODE_IMAGE,
            args: ["--input-type=module", "--eval", program],
            env,
            volumeMounts: [{ name: "project", mountPath: "/project", readOnly: true }],
          },
        ],
        volumes: [{ name: "project", hostPath: { path: project } }],
      },
    });
    const plane = `/api/v1/namespaces/${namespace}/pods/plane`;
    await until(
      async () => ["Succeeded", "Failed"].includes((await api.get(plane)).status.phase),
      () => "the pod ends",
      120_000,
    );
    expect(await api.get(`${plane}/log`)).toMatch(/^v1\.\d+/);
  });
});
