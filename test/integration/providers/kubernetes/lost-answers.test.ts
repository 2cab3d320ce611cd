import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap.js";
import { describe } from "vitest";
import { KubernetesProvider } from "../../../../adapters/providers/kubernetes/provider.ts";
import { startApiProxy } from "../../../support/kubernetes/api-proxy.ts";
import { type KubernetesCase, kubernetesSuite } from "../../../support/kubernetes/stack.ts";

interface Loss {
  /** What is lost of a write: its answer, or the request itself. */
  readonly of: "answer" | "request";
  /** Of how many writes; all when absent. */
  readonly times?: number;
  /** Whether reads fail too once a write was lost. */
  readonly cut?: boolean;
}

/** A way to the cluster that loses what it is told to of the writes of one object. */
async function aLossyWay({ kubeconfig }: KubernetesCase["cluster"]) {
  let loss: Loss | undefined;
  let lost = 0;
  const proxy = await startApiProxy(kubeconfig, (from, to, forward) => {
    const isWrite = from.method !== "GET" && !from.url?.includes("dryRun");
    const isOfIt = loss !== undefined && (from.url?.includes("/configmaps/settings") ?? false);
    const isLost = isOfIt && isWrite && lost < (loss?.times ?? Number.POSITIVE_INFINITY);
    if ((isLost && loss?.of === "request") || (isOfIt && !isWrite && loss?.cut && lost > 0)) {
      to.destroy();
    } else {
      forward(() => !isLost);
    }
    lost += isLost ? 1 : 0;
  });
  return {
    kubeconfig: proxy.kubeconfig,
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
    lose(next: Loss | undefined) {
      loss = next;
      lost = 0;
    },
  };
}

const TYPE = "kubernetes:core/v1:ConfigMap";

describe("an object whose write gets no answer", () => {
  const onCluster = kubernetesSuite();
  /** What there is, what the state says, and a program that declares it. */
  const settingsOf = ({ program, namespace, cluster, stack }: KubernetesCase, kubeconfig: string) => ({
    wish: (mode: string) =>
      program((options) => new ConfigMap("settings", { metadata: { name: "settings" }, data: { mode } }, options), {
        kubeconfig,
        enableConfigMapMutable: true,
      }),
    nothing: program(() => undefined, { kubeconfig, enableConfigMapMutable: true }),
    there: async () => (await cluster.api.get(`/api/v1/namespaces/${namespace}/configmaps/settings`))?.data.mode,
    known: async () => (await stack.resource("settings"))?.id !== undefined,
  });

  onCluster("is made, changed and deleted all the same when one answer is lost", async (context) => {
    const { stack, expect } = context;
    await using way = await aLossyWay(context.cluster);
    const { wish, nothing, there, known } = settingsOf(context, way.kubeconfig);
    way.lose({ of: "answer", times: 1 });
    expect((await stack.up(wish("quiet"))).message).toBe("");
    way.lose({ of: "answer", times: 1 });
    expect((await stack.up(wish("loud"))).message).toBe("");
    expect([await there(), await known()]).toEqual(["loud", true]);
    way.lose({ of: "answer", times: 1 });
    expect((await stack.up(nothing)).message).toBe("");
    expect([await there(), await known()]).toEqual([undefined, false]);
  });

  onCluster("is known when it was made though all answers are lost, and goes when nobody wants it then", async (context) => {
    const { stack, expect } = context;
    for (const cut of [false, true]) {
      await using way = await aLossyWay(context.cluster);
      const { wish, nothing, there, known } = settingsOf(context, way.kubeconfig);
      way.lose({ of: "answer", cut });
      expect((await stack.up(wish("quiet"))).ok).toBe(false);
      expect([await there(), await known()]).toEqual(["quiet", true]);
      way.lose(undefined);
      expect((await stack.up(nothing)).message).toBe("");
      expect([await there(), await known()]).toEqual([undefined, false]);
    }
  });

  onCluster("is as before when that is wished after a change whose answers were lost", async (context) => {
    const { stack, expect } = context;
    await using way = await aLossyWay(context.cluster);
    const { wish, there } = settingsOf(context, way.kubeconfig);
    await stack.up(wish("quiet"));
    way.lose({ of: "answer" });
    expect((await stack.up(wish("loud"))).ok).toBe(false);
    expect(await there()).toBe("loud");
    way.lose(undefined);
    expect((await stack.up(wish("quiet"))).message).toBe("");
    expect(await there()).toBe("quiet");
  });

  onCluster("is there when it is wished again after a deletion whose answers were lost", async (context) => {
    const { stack, expect, engine } = context;
    // The CLI has no way to be told that a deletion may have been done: where it can't be read either, a refresh finds out.
    for (const cut of engine === "cli" ? [false] : [false, true]) {
      await using way = await aLossyWay(context.cluster);
      const { wish, nothing, there, known } = settingsOf(context, way.kubeconfig);
      await stack.up(wish("quiet"));
      way.lose({ of: "answer", cut });
      expect((await stack.up(nothing)).ok).toBe(!cut);
      expect(await known()).toBe(cut);
      await expect.poll(there, { timeout: 20_000 }).toBeUndefined();
      way.lose(undefined);
      expect((await stack.up(wish("quiet"))).message).toBe("");
      expect(await there()).toBe("quiet");
      expect((await stack.up(nothing)).message).toBe("");
    }
  });

  onCluster("is left alone when it turns out to be somebody else's", async (context) => {
    const { stack, expect, cluster, namespace } = context;
    await using way = await aLossyWay(cluster);
    const { wish, nothing, there, known } = settingsOf(context, way.kubeconfig);
    way.lose({ of: "request", cut: true });
    expect((await stack.up(wish("quiet"))).ok).toBe(false);
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    await cluster.api.create(path, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { mode: "theirs" } });
    way.lose(undefined);
    expect((await stack.up(nothing)).message).toBe("");
    expect([await there(), await known()]).toEqual(["theirs", false]);
  });

  onCluster("is not in the state when it was surely not made", async (context) => {
    const { expect, namespace } = context;
    await using way = await aLossyWay(context.cluster);
    way.lose({ of: "request" });
    const provider = new KubernetesProvider({});
    await provider.configure({ kubeconfig: way.kubeconfig });
    const inputs = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace } };
    const creating = provider.create({
      urn: `urn:pulumi:s::p::${TYPE}::settings`,
      type: TYPE,
      name: "settings",
      inputs,
      preview: false,
      timeoutSeconds: 0,
    });
    await expect(creating).rejects.not.toHaveProperty("reasons");
    await provider.close();
  });
});
