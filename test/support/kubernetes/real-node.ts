import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ApiClient } from "./api-client.ts";
import type { Binaries } from "./binaries.ts";
import { type HostChanges, nameOf } from "./host-changes.ts";
import { PAUSE_IMAGE, writeImages } from "./images.ts";
import type { Processes } from "./processes.ts";

/**
 * A node whose pods really run: containerd, runc and a kubelet, in mount and process namespaces of their own, so that no mount shows on
 * the host and the end of the first process ends all of them. NetworkPolicies are not enforced, and Services have no addresses.
 */
export async function startRealNode(
  dir: string,
  kubeconfig: string,
  host: HostChanges,
  parts: { readonly binaries: Binaries; readonly processes: Processes; readonly api: ApiClient },
): Promise<void> {
  const { binaries, processes, api } = parts;
  const cni = join(dir, "cni");
  await Promise.all(["cni/bin", "cni/net.d", "images", "kubelet"].map((name) => mkdir(join(dir, name), { recursive: true })));
  await Promise.all([
    ...(["bridge", "host-local", "loopback"] as const).map((name) => symlink(binaries.command(`cni-${name}`)[0], join(cni, "bin", name))),
    writeFile(join(cni, "net.d/10-bridge.conflist"), JSON.stringify(networkOf(host, join(cni, "data")))),
    writeFile(join(dir, "containerd.toml"), containerdConfig(dir, binaries.command("runc")[0])),
    writeFile(join(dir, "kubelet.json"), JSON.stringify(kubeletConfig(dir, host))),
    writeFile(join(dir, "resolv.conf"), "nameserver 127.0.0.1\n"),
  ]);
  const images = writeImages(join(dir, "images"));
  const socket = join(dir, "containerd.sock");
  const [ctr] = binaries.command("ctr");
  const script = `
    mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /var/log && mkdir /run/netns || exit 1
    '${binaries.command("containerd")[0]}' --config '${dir}/containerd.toml' --log-level warn &
    until '${ctr}' -a '${socket}' version >/dev/null 2>&1; do sleep 0.05; done
    ${images.map((image) => `'${ctr}' -a '${socket}' -n k8s.io images import '${image}' || exit 1`).join("\n")}
    ${binaries.command("kubelet").join(" ")} --config '${dir}/kubelet.json' --kubeconfig '${kubeconfig}' --hostname-override real-1 \\
      --node-ip ${host.address} --root-dir '${dir}/kubelet' --cert-dir '${dir}/kubelet/pki' --node-labels type=real --v 1`;
  processes.start("real-node", ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script], {
    env: { PATH: `${binaries.dir}:${process.env["PATH"] ?? ""}` },
    stopSignal: "SIGKILL",
  });
  await processes.until("the real node is ready", async () => {
    const node = await api.get("/api/v1/nodes/real-1");
    return node?.status.conditions.some(({ type, status }: Record<string, string>) => type === "Ready" && status === "True");
  });
}

function networkOf({ number }: HostChanges, dataDir: string): object {
  const ipam = { type: "host-local", ranges: [[{ subnet: `10.98.${number}.0/24` }]], routes: [{ dst: "0.0.0.0/0" }], dataDir };
  return {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [{ type: "bridge", bridge: nameOf(number), isGateway: true, hairpinMode: true, ipam }],
  };
}

function containerdConfig(dir: string, runc: string): string {
  return `
version = 3
root = '${dir}/containerd/root'
state = '${dir}/containerd/state'
oom_score = 0
disabled_plugins = ['io.containerd.nri.v1.nri']
[grpc]
  address = '${dir}/containerd.sock'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '${PAUSE_IMAGE}'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['${dir}/cni/bin']
  conf_dir = '${dir}/cni/net.d'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = '${runc}'
`;
}

function kubeletConfig(dir: string, { address, cgroup }: HostChanges): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    // The address is this cluster's own and reachable from this machine alone.
    address,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: "AlwaysAllow" },
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${cgroup}`,
    containerRuntimeEndpoint: `unix://${dir}/containerd.sock`,
    enforceNodeAllocatable: ["pods"],
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%" },
    failCgroupV1: false,
    failSwapOn: false,
    healthzPort: 0,
    imageGCHighThresholdPercent: 100,
    makeIPTablesUtilChains: false,
    oomScoreAdj: 0,
    podLogsDir: `${dir}/pod-logs`,
    resolvConf: `${dir}/resolv.conf`,
    volumePluginDir: `${dir}/plugins`,
  };
}
