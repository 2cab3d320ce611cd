import { describe, it } from "vitest";
import type { PropertyMap } from "../../../../adapters/engine/contract/values.ts";
import { KubernetesProvider } from "../../../../adapters/providers/kubernetes/provider.ts";
import { freePort } from "../../../support/free-port.ts";

const TYPE = "kubernetes:core/v1:ConfigMap";
const call = { urn: `urn:pulumi:s::p::${TYPE}::settings`, type: TYPE, name: "settings" };
const settings: PropertyMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: "default" } };
const state = { ...call, id: "default/settings", inputs: settings, outputs: { ...settings, __inputs: settings } };

/** A provider for a cluster where nobody listens. */
async function anUnreachable(config: PropertyMap = {}, env: NodeJS.ProcessEnv = {}): Promise<KubernetesProvider> {
  const kubeconfig = JSON.stringify({
    clusters: [{ name: "c", cluster: { server: `https://127.0.0.1:${await freePort()}` } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
  const provider = new KubernetesProvider(env);
  await provider.configure({ kubeconfig, ...config });
  return provider;
}

describe("a cluster that can't be reached", () => {
  it("is named so when something is to be made, in the preview already", async ({ expect }) => {
    const provider = await anUnreachable();
    const checked = await provider.check({ ...call, olds: {}, news: settings, randomSeed: new Uint8Array(32) });
    expect(checked.failures).toEqual([]);
    for (const preview of [true, false]) {
      const creating = provider.create({ ...call, inputs: checked.inputs, preview, timeoutSeconds: 0 });
      await expect(creating).rejects.toThrow(/^configured Kubernetes cluster is unreachable: connect ECONNREFUSED 127\.0\.0\.1/);
    }
  });

  it("keeps what it has in the state, and says how to forget it", async ({ expect }) => {
    const provider = await anUnreachable();
    const hint = /PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"/;
    await expect(provider.delete({ ...state, timeoutSeconds: 0 })).rejects.toThrow(hint);
    await expect(provider.read(state)).rejects.toThrow(hint);
  });

  it("is forgotten with deleteUnreachable, by setting or by environment", async ({ expect }) => {
    for (const provider of [
      await anUnreachable({ deleteUnreachable: "true" }),
      await anUnreachable({}, { PULUMI_K8S_DELETE_UNREACHABLE: "true" }),
    ]) {
      await provider.delete({ ...state, timeoutSeconds: 0 });
      expect(await provider.read(state)).toEqual({ id: "" });
    }
  });

  it("leaves its resources as they are with skipUpdateUnreachable", async ({ expect }) => {
    const provider = await anUnreachable({ skipUpdateUnreachable: "true" });
    const news = { ...settings, data: { mode: "loud" } };
    const warnings: string[] = [];
    const log = (_severity: string, message: string) => warnings.push(message);
    const checked = await provider.check({ ...call, olds: settings, news, randomSeed: new Uint8Array(32), log });
    expect(checked.inputs).toEqual(settings);
    expect(warnings.join()).toMatch(/unreachable/);
  });

  it("is what a kubeconfig is that can't be read: only what needs it fails", async ({ expect }) => {
    const provider = new KubernetesProvider({});
    await provider.configure({ kubeconfig: "neither a path nor a kubeconfig" });
    await expect(provider.create({ ...call, inputs: settings, preview: true, timeoutSeconds: 0 })).rejects.toThrow(
      /unreachable: the kubeconfig can't be used: it is not the content of a kubeconfig: it has no 'clusters'/,
    );
  });
});
