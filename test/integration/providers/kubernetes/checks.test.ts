import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, onTestFinished } from "vitest";
import type { PropertyMap } from "../../../../adapters/engine/contract/values.ts";
import { KubernetesProvider } from "../../../../adapters/providers/kubernetes/provider.ts";
import { Kind, kubernetesSuite } from "../../../support/kubernetes/stack.ts";
import { useCluster } from "../../../support/kubernetes/use-cluster.ts";
import { aDeployment } from "../../../support/kubernetes/workloads.ts";

describe("a declaration that the server would not take", () => {
  const onCluster = kubernetesSuite();

  onCluster("is refused before anything is made, each mistake with its path", async ({ stack, program, cluster, namespace, expect }) => {
    const wrong = aDeployment(
      { replicas: "two", strategy: { type: "Sideways" }, replica: 1 },
      { ports: [{ containerPort: "80", portName: "web" }], name: undefined },
    );
    const refused = await stack.up(program((options) => new Kind("kubernetes:apps/v1:Deployment", "web", wrong, options)));
    expect(refused.ok).toBe(false);
    for (const problem of [
      /property spec\.replicas .* must be an integer, not "two"/,
      /property spec\.replica .* unknown field/,
      /property spec\.template\.spec\.containers\[0\]\.name .* is required/,
      /property spec\.template\.spec\.containers\[0\]\.ports\[0\]\.containerPort .* must be an integer, not "80"/,
      /property spec\.template\.spec\.containers\[0\]\.ports\[0\]\.portName .* unknown field/,
    ]) {
      expect(refused.diagnostics.join("\n")).toMatch(problem);
    }
    expect(await cluster.api.list(`/apis/apps/v1/namespaces/${namespace}/deployments`)).toEqual([]);
  });

  onCluster("is refused in a preview when only the server can tell", async ({ stack, program, expect }) => {
    const settings = { metadata: { name: "Not A Name" } };
    const refused = await stack.preview(program((options) => new Kind("kubernetes:core/v1:ConfigMap", "it", settings, options)));
    expect(refused.message).toMatch(/ConfigMap "Not A Name" is invalid: metadata\.name/);
  });

  onCluster("is refused for a setting that the provider does not have", async ({ stack, program, expect }) => {
    const make = (settings: object) => program((options) => new Kind("kubernetes:core/v1:ConfigMap", "it", {}, options), settings);
    const refused = await stack.preview(make({ renderYamlToDirectory: "/tmp/yaml" }));
    expect(refused.diagnostics.join("\n")).toMatch(/renderYamlToDirectory.*needs the Pulumi CLI's Kubernetes provider/);
    const plain = await stack.preview(make({ enableServerSideApply: false }));
    expect(plain.diagnostics.join("\n")).toMatch(/enableServerSideApply.*always applies on the server's side/);
  });
});

describe("the provider's settings", () => {
  const { cluster } = useCluster();

  it("take the path of a kubeconfig, one of its contexts, and the credentials of an exec plugin", async ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "claw-kubeconfig-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const config = JSON.parse(cluster().kubeconfig);
    const credential = {
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: { token: config.users[0].user.token },
    };
    writeFileSync(join(folder, "credential.json"), JSON.stringify(credential));
    const exec = { apiVersion: credential.apiVersion, command: "cat", args: [join(folder, "credential.json")] };
    const path = join(folder, "kubeconfig");
    const contexts = [...config.contexts, { name: "by-exec", context: { cluster: config.clusters[0].name, user: "exec" } }];
    writeFileSync(path, JSON.stringify({ ...config, users: [{ name: "exec", user: { exec } }], contexts }));

    const provider = new KubernetesProvider({});
    const type = "kubernetes:core/v1:Namespace";
    const read = { urn: `urn:pulumi:s::p::${type}::d`, type, name: "d", id: "default", inputs: {}, outputs: {} };
    await provider.configure({ kubeconfig: path, context: "by-exec" });
    expect(await provider.read(read)).toMatchObject({ id: "default", inputs: { kind: "Namespace", metadata: { name: "default" } } });
    await provider.configure({ kubeconfig: path, context: "nowhere" });
    await expect(provider.read(read)).rejects.toThrow(/context "nowhere" does not exist/);
  });

  const call = { urn: "urn:pulumi:s::p::pulumi:providers:kubernetes::k", type: "pulumi:providers:kubernetes", name: "k" };
  const kubeconfig = (server: string, user = "one") =>
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server } }],
      users: [{ name: user, user: { token: user } }],
      contexts: [{ name: "x", context: { cluster: "c", user } }],
      "current-context": "x",
    });
  const diff = (oldInputs: PropertyMap, news: PropertyMap) =>
    new KubernetesProvider({}).diffConfig({ ...call, id: "i", oldInputs, oldOutputs: oldInputs, news, ignoreChanges: [] });

  it("are refused by name when there is no such setting", async ({ expect }) => {
    const news = { kubeconfig: "x", kubeConfig: "x", enablePatchForce: "maybe" };
    const { failures } = await new KubernetesProvider({}).checkConfig({ ...call, olds: {}, news, randomSeed: new Uint8Array(32) });
    expect(failures.map(({ property }) => property)).toEqual(["kubeConfig", "enablePatchForce"]);
  });

  it("replace the provider's resources when they name another cluster, not when they bring new credentials", async ({ expect }) => {
    const olds = { kubeconfig: kubeconfig("https://one.example.com") };
    expect(await diff(olds, { kubeconfig: kubeconfig("https://one.example.com", "other") })).toMatchObject({
      changes: "some",
      replaces: [],
    });
    expect(await diff(olds, { kubeconfig: kubeconfig("https://two.example.com") })).toMatchObject({ replaces: ["kubeconfig"] });
    const kept = { clusterIdentifier: "prod", kubeconfig: kubeconfig("https://two.example.com") };
    expect(await diff({ ...olds, clusterIdentifier: "prod" }, kept)).toMatchObject({ changes: "some", replaces: [] });
  });
});
