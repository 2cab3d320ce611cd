import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "vitest";
import { until } from "../../support/agent/harness.ts";
import { whyNoCluster } from "../../support/kubernetes/binaries.ts";
import { startCluster } from "../../support/kubernetes/cluster.ts";
import { claimHost } from "../../support/kubernetes/host-changes.ts";
import { NODE_IMAGE } from "../../support/kubernetes/images.ts";

const PODS = "/api/v1/namespaces/default/pods";
const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web" },
  spec: {
    nodeSelector: { type: "real" },
    containers: [{ name: "web", image: NODE_IMAGE, readinessProbe: { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 1 } }],
  },
};

/** What is on the host of a cluster with this address. */
function traces(address: string): string[] {
  const name = `claw-test-${address.split(".")[2]}`;
  const interfaces = Object.entries(networkInterfaces());
  const addresses = interfaces.flatMap(([, all]) => all ?? []).filter((each) => each.address === address);
  const cgroups = readdirSync("/sys/fs/cgroup").filter((controller) => existsSync(`/sys/fs/cgroup/${controller}/${name}`));
  const bridges = interfaces.filter(([bridge]) => bridge === name);
  return [...addresses.map((each) => each.address), ...cgroups, ...bridges.map(([bridge]) => bridge)];
}

describe("a real node", () => {
  it("leaves nothing on the host when its processes hang on, or its run was killed", async ({ expect, skip }) => {
    const reason = whyNoCluster({ real: true });
    skip(reason !== undefined, reason);
    const hanging = claimHost();
    const child = spawn("sleep", ["600"]);
    await once(child, "spawn");
    writeFileSync(`/sys/fs/cgroup/memory/${hanging.cgroup}/cgroup.procs`, String(child.pid));
    hanging.undo();
    await until(() => child.signalCode === "SIGKILL", "the process has ended");
    expect(traces(hanging.address)).toEqual([]);

    const module = JSON.stringify(join(import.meta.dirname, "../../support/kubernetes/host-changes.ts"));
    const program = `process.stdout.write((await import(${module})).claimHost().address); process.kill(process.pid, "SIGKILL");`;
    const killed = spawnSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" });
    expect(traces(killed.stdout)).toContain("memory");
    claimHost().undo();
    expect(traces(killed.stdout)).toEqual([]);
  });

  it("runs a pod that answers, shows its log, and leaves nothing on the host", { timeout: 300_000 }, async ({ expect, skip }) => {
    const reason = whyNoCluster({ real: true });
    skip(reason !== undefined, reason);
    const overcommit = readFileSync("/proc/sys/vm/overcommit_memory", "utf8");
    const { api, kubeconfig, kubeconfigPath, stop } = await startCluster({ nodes: 0, real: true });
    const address = /10\.99\.\d+\.1/.exec(kubeconfig)?.[0] ?? "";
    try {
      await api.create(PODS, pod);
      await until(async () => (await api.get(`${PODS}/web`)).status.containerStatuses?.[0].ready === true, "the pod is ready", 120_000);
      const { status } = await api.get(`${PODS}/web`);
      expect(await (await fetch(`http://${status.podIP}:8080/`)).json()).toEqual({ host: "web", ready: true });
      expect(await api.get(`${PODS}/web/log`)).toMatch(/^listening\nGET/);
      expect(traces(address)).toEqual(expect.arrayContaining([address, "memory"]));
    } finally {
      await stop();
    }
    expect(traces(address)).toEqual([]);
    // Set back by the last cluster to leave: another test may have one now.
    const isHeld = existsSync(join(tmpdir(), "claw-test-sysctls"));
    expect(isHeld || readFileSync("/proc/sys/vm/overcommit_memory", "utf8") === overcommit).toBe(true);
    expect(existsSync(dirname(kubeconfigPath))).toBe(false);
  });
});
