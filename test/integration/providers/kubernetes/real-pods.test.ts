import { describe } from "vitest";
import { NODE_IMAGE } from "../../../support/kubernetes/images.ts";
import { Kind, kubernetesSuite, upUntilTold } from "../../../support/kubernetes/stack.ts";
import { aDeployment } from "../../../support/kubernetes/workloads.ts";

const readinessProbe = { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 1 };

/** A Deployment of one pod on the real node. */
function onRealNode(container: Record<string, unknown>) {
  const spec = {
    nodeSelector: { type: "real" },
    terminationGracePeriodSeconds: 1,
    containers: [{ name: "main", image: NODE_IMAGE, readinessProbe, ...container }],
  };
  return aDeployment({ template: { metadata: { labels: { app: "web" } }, spec } });
}

describe("pods that really run", () => {
  const onCluster = kubernetesSuite({ real: true });

  onCluster("are waited for until their probes say that they are ready", async ({ stack, program, cluster, namespace, expect }) => {
    const web = onRealNode({ env: [{ name: "READY_MS", value: "1500" }] });
    const made = await stack.up(program((options) => new Kind("kubernetes:apps/v1:Deployment", "web", web, options)));
    expect(made.ok, made.message).toBe(true);
    const [pod] = await cluster.api.list(`/api/v1/namespaces/${namespace}/pods`);
    expect(await (await fetch(`http://${pod.status.podIP}:8080/`)).json()).toMatchObject({ ready: true });
    expect((await stack.destroy()).ok).toBe(true);
  });

  const failing = [
    ["an image that can't be had", { image: "registry.invalid/none:1" }, /ErrImagePull|ImagePullBackOff/],
    [
      "a program that ends",
      { command: ["/usr/bin/node", "-e", "process.exit(3)"] },
      /container "main": (Error|CrashLoopBackOff).*\(exit code 3/,
    ],
    [
      "memory that does not suffice",
      {
        command: ["/usr/bin/node", "-e", "const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))"],
        resources: { limits: { memory: "100Mi" } },
      },
      // Which of the two the kubelet gets to see is a race between the kernel's messages.
      /OOMKilled|exit code 137/,
    ],
  ] as const;
  for (const [what, container, reason] of failing) {
    onCluster(`have their reason told: ${what}`, async ({ stack, program, expect }) => {
      const web = onRealNode(container);
      const options = { customTimeouts: { create: "8s", update: "8s" } };
      const declared = program((given) => new Kind("kubernetes:apps/v1:Deployment", "web", web, { ...given, ...options }));
      const [failed] = await upUntilTold(() => stack.up(declared), reason);
      expect(failed.ok).toBe(false);
      expect(failed.message).toMatch(reason);
    });
  }
});
