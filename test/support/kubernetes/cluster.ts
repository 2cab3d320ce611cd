import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { ApiClient } from "./api-client.ts";
import { findBinaries } from "./binaries.ts";
import { claimHost } from "./host-changes.ts";
import { Processes } from "./processes.ts";
import { startRealNode } from "./real-node.ts";

export interface Cluster {
  /** Of its administrator; holds its credentials itself. */
  readonly kubeconfig: string;
  readonly kubeconfigPath: string;
  readonly api: ApiClient;
  /** For tests of what happens when it is killed, or hangs. */
  readonly apiServer: {
    signal(signal: NodeJS.Signals): void;
    /** Once it was killed. */
    restart(): Promise<void>;
  };
  /** Stops everything and leaves nothing behind. */
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** Emulated nodes: their pods become ready at once, with nothing running in them. @default 3 */
  readonly nodes?: number;
  /** Whether there is a node `real-1`, with the label `type=real`, whose pods really run: of the images in `images.ts`. @default false */
  readonly real?: boolean;
}

const users = {
  admin: ["admin", "system:masters"],
  "controller-manager": ["system:kube-controller-manager", ""],
  scheduler: ["system:kube-scheduler", ""],
  kwok: ["kwok", "system:masters"],
  kubelet: ["system:node:real-1", "system:nodes"],
} as const;
type User = keyof typeof users;

/** A Kubernetes cluster of its own on free ports of this machine: etcd and the real control plane, ready in seconds. */
export async function startCluster({ nodes = 3, real = false }: ClusterOptions = {}): Promise<Cluster> {
  const binaries = findBinaries({ real });
  const dir = await mkdtemp(join(tmpdir(), "claw-test-kubernetes-"));
  const [pki, logs] = [join(dir, "pki"), join(dir, "logs")];
  await Promise.all([mkdir(pki), mkdir(logs)]);
  const processes = new Processes(logs);
  // Pods can't reach a loopback address.
  const host = real ? claimHost() : undefined;
  const address = host?.address ?? "127.0.0.1";
  const stop = async () => {
    await processes.stop();
    host?.undo();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const [etcdPort, peerPort, apiPort, kwokPort] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    const tokens = Object.fromEntries(Object.keys(users).map((user) => [user, randomBytes(24).toString("base64url")])) as Record<
      User,
      string
    >;
    const serviceAccounts = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const url = `https://${address}:${apiPort}`;
    const file = (name: string) => join(pki, name);
    await Promise.all([
      writeFile(file("sa.key"), serviceAccounts.privateKey),
      writeFile(file("sa.pub"), serviceAccounts.publicKey),
      writeFile(file("tokens.csv"), tokenFile(tokens)),
    ]);

    const etcd = `http://127.0.0.1:${etcdPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    processes.start("etcd", [
      ...binaries.command("etcd"),
      ...["--data-dir", join(dir, "etcd"), "--log-level", "warn", "--unsafe-no-fsync"],
      ...["--listen-client-urls", etcd, "--advertise-client-urls", etcd],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`],
    ]);
    await processes.until("etcd is healthy", async () => (await fetch(`${etcd}/health`)).ok);
    processes.start("kube-apiserver", [
      ...binaries.command("kube-apiserver"),
      ...[`--etcd-servers=${etcd}`, `--bind-address=${address}`, `--secure-port=${apiPort}`, `--cert-dir=${pki}`],
      // No Service needs the API server's own address: without real pods, a documentation address.
      ...[
        `--advertise-address=${host?.address ?? "192.0.2.2"}`,
        "--endpoint-reconciler-type=none",
        "--kubelet-preferred-address-types=InternalIP",
      ],
      `--token-auth-file=${file("tokens.csv")}`,
      ...["--service-account-issuer=https://kubernetes.default.svc", `--service-account-key-file=${file("sa.pub")}`],
      `--service-account-signing-key-file=${file("sa.key")}`,
      ...["--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged"],
      ...["--service-cluster-ip-range=10.96.0.0/16", "--profiling=false"],
    ]);
    // It makes its certificate itself, which is what clients trust.
    const ca = await processes.until("the API server has a certificate", async () => {
      const pem = existsSync(file("apiserver.crt")) && readFileSync(file("apiserver.crt"), "utf8");
      return pem || undefined;
    });
    const api = new ApiClient(url, tokens.admin, ca);
    const kubeconfigs = await writeKubeconfigs(dir, url, ca, tokens);
    await processes.until("the API server is ready", async () => (await api.send("GET", "/readyz")).status === 200);

    // Their default rates delay the first service account by seconds.
    const rates = ["--kube-api-qps=500", "--kube-api-burst=1000", "--leader-elect=false", "--secure-port=0", "--profiling=false"];
    processes.start("kube-controller-manager", [
      ...binaries.command("kube-controller-manager"),
      `--kubeconfig=${kubeconfigs["controller-manager"]}`,
      ...rates,
      ...[
        "--use-service-account-credentials",
        `--service-account-private-key-file=${file("sa.key")}`,
        `--root-ca-file=${file("apiserver.crt")}`,
      ],
      ...["--allocate-node-cidrs", "--cluster-cidr=10.128.0.0/9", "--node-cidr-mask-size=24", "--service-cluster-ip-range=10.96.0.0/16"],
    ]);
    const scheduler = [...binaries.command("kube-scheduler"), `--kubeconfig=${kubeconfigs.scheduler}`, ...rates] as const;
    processes.start("kube-scheduler", scheduler, { isKept: true });
    await writeFile(join(dir, "pod.log"), emulatedLog);
    await writeFile(join(dir, "kwok-pods.yaml"), emulatedPods(join(dir, "pod.log")));
    processes.start("kwok", [
      ...binaries.command("kwok"),
      ...[
        `--kubeconfig=${kubeconfigs.kwok}`,
        `--config=${join(import.meta.dirname, "kwok.yaml")}`,
        `--config=${join(dir, "kwok-pods.yaml")}`,
      ],
      ...[
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds=40",
      ],
      ...["--node-ip=127.0.0.1", `--node-port=${kwokPort}`, `--server-address=127.0.0.1:${kwokPort}`, "--cidr=10.200.0.0/14"],
      ...[`--tls-cert-file=${file("apiserver.crt")}`, `--tls-private-key-file=${file("apiserver.key")}`],
    ]);
    await Promise.all(Array.from({ length: nodes }, (_, index) => api.create("/api/v1/nodes", emulatedNode(index + 1))));
    await processes.until("the default service account is there", () => api.get("/api/v1/namespaces/default/serviceaccounts/default"));
    await processes.until("the nodes are ready", async () => (await api.list("/api/v1/nodes")).every(isReady));
    if (host) {
      const nodeDir = join(dir, "node");
      await mkdir(nodeDir);
      await startRealNode(nodeDir, kubeconfigs.kubelet, host, { binaries, processes, api });
    }
    return {
      kubeconfig: readFileSync(kubeconfigs.admin, "utf8"),
      kubeconfigPath: kubeconfigs.admin,
      api,
      apiServer: {
        signal: (signal) => processes.signal("kube-apiserver", signal),
        restart: () => processes.restart("kube-apiserver"),
      },
      stop: async () => {
        api.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function tokenFile(tokens: Record<User, string>): string {
  return Object.entries(users)
    .map(([user, [name, group]]) => `${tokens[user as User]},${name},${name}${group && `,"${group}"`}\n`)
    .join("");
}

async function writeKubeconfigs(dir: string, url: string, ca: string, tokens: Record<User, string>): Promise<Record<User, string>> {
  const files = Object.keys(users).map(async (user) => {
    const path = join(dir, `${user}.kubeconfig`);
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "test", cluster: { server: url, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
      users: [{ name: user, user: { token: tokens[user as User] } }],
      contexts: [{ name: "test", context: { cluster: "test", user } }],
      "current-context": "test",
    };
    await writeFile(path, JSON.stringify(config), { mode: 0o600 });
    return [user, path] as const;
  });
  return Object.fromEntries(await Promise.all(files)) as Record<User, string>;
}

/** What every pod of an emulated node has said. */
const emulatedLog = ["the claw starts", "the claw is ready"].map((line) => `2026-01-01T00:00:00.000000000Z stdout F ${line}\n`).join("");

/** Logs of such pods come from a file, commands in them run on this machine. */
function emulatedPods(logsFile: string): string {
  const apiVersion = "kwok.x-k8s.io/v1alpha1";
  const documents = [
    { apiVersion, kind: "ClusterLogs", metadata: { name: "logs" }, spec: { logs: [{ logsFile }] } },
    { apiVersion, kind: "ClusterExec", metadata: { name: "exec" }, spec: { execs: [{ local: { workDir: "/" } }] } },
  ];
  return documents.map((document) => JSON.stringify(document)).join("\n---\n");
}

function emulatedNode(index: number): object {
  const capacity = { cpu: "64", memory: "256Gi", pods: "500", "ephemeral-storage": "1Ti" };
  const name = `fake-${index}`;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      annotations: { "kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0" },
      labels: {
        type: "kwok",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": `zone-${index % 3}`,
      },
    },
    status: { capacity, allocatable: capacity },
  };
}

function isReady(node: { status?: { conditions?: { type: string; status: string }[] } }): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}
