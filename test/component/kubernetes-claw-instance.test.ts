import { afterEach, beforeAll, describe, it, vi } from "vitest";
import { instanceUrns, sharedUrns } from "../../components/claw-instance/runtimes.ts";
import { stackName } from "../../components/claw-instance/urns.ts";
import { type KubernetesTarget, KubernetesTargetSchema, PodBootSchema, type ResolvedInstance } from "../../sdk/contract/index.ts";
import { handings } from "../../service/roots/control-plane/handings.ts";
import { aResolvedInstance as anInstance } from "../support/builders/resolved-instance.ts";
import { evaluate as evaluateProgram, evaluateTenant, mockEngine, typeAndName } from "../support/mocked-program.ts";

const target = KubernetesTargetSchema.parse({
  runtime: "kubernetes",
  cluster: "eu-1",
  kubeconfig: "kube-s3cret",
  namespace: "claw-acme",
  agentUrl: "wss://claw.example.com/agent/v1",
  images: { agent: "registry.example/agent:1", claws: { OpenClaw: "registry.example/openclaw:${version}" } },
  networkPolicy: { enabled: true, controlPlaneCidrs: ["10.1.0.0/16"], allowedEgress: ["0.0.0.0/0"] },
  quota: { instances: 2, cpu: "4", memory: "8Gi", storage: "20Gi" },
});
const acme = (changes: Partial<KubernetesTarget> = {}) => ({ tenant: "acme", target: { ...target, ...changes } });

beforeAll(() => mockEngine(acme()));
afterEach(() => vi.unstubAllEnvs());

async function evaluate(instances: ResolvedInstance[], changes: Partial<KubernetesTarget> = {}) {
  const { resources } = await evaluateTenant({ ...acme(changes), instances });
  const inputs = (name: string) => {
    const found = resources.get(name);
    if (!found) {
      throw new Error(`'${name}' is not registered; there are ${[...resources.keys()].join(", ")}`);
    }
    return found.inputs;
  };
  const pod = (name: string) => inputs(`${name}-claw`).spec.template.spec;
  const secretData = (name: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(inputs(`${name}-boot`).data.value as Record<string, string>).map(([key, value]) => [
        key,
        Buffer.from(value, "base64").toString(),
      ]),
    );
  const boot = (name: string) => PodBootSchema.parse(JSON.parse(secretData(name)["boot.json"] ?? ""));
  return { resources, inputs, pod, secretData, boot };
}

describe("a tenant's stack on a cluster", () => {
  it("hands to an agent, without an operation, what the boot secret would have, to the byte", async ({ expect }) => {
    const check = { protocol: "openclaw-gateway" as const, tokenEnv: "KEY", digest: "d" };
    const runtime = { ...anInstance("a").runtime, configCheck: check };
    const instances = [
      anInstance("a", { runtime, expose: true }),
      anInstance("b", { storage: { configDir: "/state", dataDir: "/state/data", size: "1Gi" } }),
    ];
    const { secretData } = await evaluate(instances);
    for (const instance of instances) {
      expect(JSON.stringify(handings.kubernetes(target, "acme", instance))).toBe(`{"boot":${secretData(instance.name)["boot.json"]}}`);
    }
  });

  it("has a name of its own for each cluster, and that of the tenant for this host", ({ expect }) => {
    expect(stackName(acme())).toBe("acme.eu-1");
    expect(stackName({ tenant: "acme", target: { runtime: "process", rootDir: "/host", agentUrl: "" } })).toBe("acme");
  });

  it("marks its objects with their control plane, but nothing that a pod would restart for", async ({ expect }) => {
    const mark = (metadata: { labels?: Record<string, string> }) => metadata.labels?.["clusterclaw.io/control-plane"];
    const { resources, inputs } = await evaluate([anInstance("a")], { controlPlane: "ten_1" });
    const objects = [...resources].filter(([, { inputs: declared }]) => declared.metadata);
    expect(objects.map(([name, { inputs: declared }]) => [name, mark(declared.metadata)])).toEqual(
      objects.map(([name]) => [name, "ten_1"]),
    );
    const { template, selector } = inputs("a-claw").spec;
    expect([mark(template.metadata), mark({ labels: selector.matchLabels })]).toEqual([undefined, undefined]);
    const before = await evaluate([anInstance("a")]);
    expect(before.inputs("a-claw").spec).toEqual(inputs("a-claw").spec);
    expect(mark(before.inputs("a-claw").metadata)).toBeUndefined();
  });

  it("closes the namespace: restricted pods, no credentials, quota, and no network but what is allowed", async ({ expect }) => {
    const { inputs } = await evaluate([]);
    expect(inputs("acme-namespace").metadata).toMatchObject({
      name: "claw-acme",
      labels: { "pod-security.kubernetes.io/enforce": "restricted", "clusterclaw.io/tenant": "acme" },
    });
    expect(inputs("acme-claws")).toMatchObject({ automountServiceAccountToken: false });
    expect(inputs("acme-quota").spec.hard).toEqual({
      "count/statefulsets.apps": "2",
      "requests.cpu": "4020m",
      "requests.memory": String(8 * 2 ** 30 + 2 * 64 * 2 ** 20),
      "requests.storage": String(20 * 2 ** 30 + 2 * 64 * 2 ** 20),
      "services.loadbalancers": "0",
      "services.nodeports": "0",
    });
    expect(inputs("acme-deny-all").spec).toEqual({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
    expect(inputs("acme-allow-control-plane").spec.egress).toEqual([
      { to: [{ ipBlock: { cidr: "10.1.0.0/16" } }], ports: [{ protocol: "TCP", port: 443 }] },
    ]);
    expect(inputs("acme-allow-egress").spec.egress).toEqual([{ to: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] } }] }]);
    expect(inputs("acme-viewer").rules.flatMap(({ resources }: { resources: string[] }) => resources)).not.toContain("secrets");
  });

  it("allows nothing where no range is allowed", async ({ expect }) => {
    const { inputs } = await evaluate([], { networkPolicy: { enabled: true, controlPlaneCidrs: [], allowedEgress: [] } });
    expect(inputs("acme-allow-egress").spec.egress).toEqual([]);
    expect(inputs("acme-allow-control-plane").spec.egress).toEqual([]);
  });

  it("hands the kubeconfig over as a secret, and for none the account of the pod that it runs in, whatever its host has", async ({
    expect,
  }) => {
    vi.stubEnv("KUBECONFIG", "/home/somebody/.kube/config");
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "fd00::1");
    const { resources, inputs } = await evaluate([]);
    expect(inputs("cluster").kubeconfig.value).toBe("kube-s3cret");
    expect(JSON.stringify([...resources.values()].filter(({ name }) => name !== "cluster"))).not.toContain("kube-s3cret");
    const own = JSON.parse((await evaluate([], { kubeconfig: "" })).inputs("cluster").kubeconfig);
    expect(own.clusters[0].cluster.server).toBe("https://[fd00::1]:443");
    expect(own.users[0].user).toEqual({ tokenFile: "/var/run/secrets/kubernetes.io/serviceaccount/token" });
  });
});

describe("KubernetesClawInstance", () => {
  it("runs the claw and its agent with nothing that they don't need", async ({ expect }) => {
    const { pod } = await evaluate([anInstance("a")]);
    const { securityContext, automountServiceAccountToken, initContainers, containers, terminationGracePeriodSeconds } = pod("a");
    expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } });
    expect(automountServiceAccountToken).toBe(false);
    expect(terminationGracePeriodSeconds).toBe(340);
    expect(initContainers).toMatchObject([{ name: "agent", restartPolicy: "Always", image: "registry.example/agent:1" }]);
    expect(containers).toMatchObject([{ name: "claw", image: "registry.example/openclaw:1.0.0" }]);
    for (const container of [...initContainers, ...containers]) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
  });

  it("resolves every placeholder for the inside of the containers", async ({ expect }) => {
    const { pod, boot } = await evaluate([anInstance("a", { storage: { dataDir: "/root/.claw", configDir: "/../../etc", size: "1Gi" } })]);
    const [claw] = pod("a").containers;
    expect(claw.args).toEqual(["node", "/opt/claw/cli.mjs", "--port", "18789"]);
    expect(claw.workingDir).toBe("/claw/root/.claw");
    expect(claw.env).toContainEqual({ name: "STATE", value: "/claw/root/.claw/state" });
    expect(claw.volumeMounts).toContainEqual({ name: "config", mountPath: "/claw/etc" });
    expect(boot("a").files).toEqual({
      "claw.json": '{"workspace":"/claw/root/.claw/w","bin":"/opt/claw","port":"${port}","key":"${KEY}"}',
    });
    expect(boot("a").chat).toEqual({ protocol: "openai-chat-completions", path: "/v1/chat", model: "m", token: "k3y" });
  });

  it("does what is to be done before it starts in containers of its image, and asks it why when it fails to start", async ({ expect }) => {
    const own = anInstance("a");
    const prepare = [{ name: "install a plugin", command: ["${node}", "add"], env: { CONFIG: "${runDir}/x" }, timeoutSeconds: 60 }];
    const explain = { command: ["${node}", "${softwareDir}/cli.mjs", "validate"], ignore: [] };
    const { pod } = await evaluate([{ ...own, runtime: { ...own.runtime, prepare, explain } }]);
    const { initContainers, containers } = pod("a");
    expect(initContainers.map((container: { name: string }) => container.name)).toEqual(["agent", "prepare-0"]);
    const [, first] = initContainers;
    const [claw] = containers;
    for (const key of ["image", "env", "resources", "securityContext", "volumeMounts", "workingDir"] as const) {
      expect(first?.[key]).toEqual(claw?.[key]);
    }
    const task = JSON.parse(first?.args?.at(-1)?.replaceAll("$$", "$") ?? "");
    expect(task).toMatchObject({ name: "install a plugin", command: ["node", "add"], env: { CONFIG: "/run/claw/x" }, timeoutMs: 60_000 });
    expect(claw?.args?.slice(0, 2)).toEqual(["sh", "-c"]);
    expect(claw?.args?.slice(-4)).toEqual(["node", "/opt/claw/cli.mjs", "--port", "18789"]);
    expect(claw?.args?.[2]).toContain('["node","/opt/claw/cli.mjs","validate"]');
  });

  it("keeps what Kubernetes would expand in a text as it is", async ({ expect }) => {
    const own = anInstance("a");
    const { pod } = await evaluate([{ ...own, runtime: { ...own.runtime, env: { PRICE: "$(HOME) $$" } } }]);
    expect(pod("a").containers[0].env).toContainEqual({ name: "PRICE", value: "$$(HOME) $$$$" });
  });

  it("keeps tokens and secret variables in the boot secret alone", async ({ expect }) => {
    const { resources, pod, secretData } = await evaluate([anInstance("a")]);
    expect(secretData("a")).toMatchObject({ KEY: "k3y" });
    expect(secretData("a")["boot.json"]).toContain("agent-s3cret");
    const others = [...resources.values()].filter(({ name }) => name !== "a-boot");
    expect(JSON.stringify(others)).not.toMatch(/k3y|agent-s3cret/);
    expect(pod("a").containers[0].env).toContainEqual({
      name: "KEY",
      valueFrom: { secretKeyRef: { name: "a-boot", key: "KEY" } },
    });
    expect(pod("a").containers[0].volumeMounts.map(({ name }: { name: string }) => name)).not.toContain("boot");
  });

  it("asks the agent for the claw's health, for as long as the claw may take to start", async ({ expect }) => {
    const { pod, boot } = await evaluate([anInstance("a")]);
    const { startupProbe, readinessProbe, livenessProbe } = pod("a").containers[0];
    expect(startupProbe).toMatchObject({ httpGet: { path: "/probes/startup", port: boot("a").ports.agent }, periodSeconds: 1 });
    expect(startupProbe.failureThreshold * startupProbe.periodSeconds).toBe(120);
    expect([readinessProbe.httpGet.path, livenessProbe.httpGet.path]).toEqual(["/probes/readiness", "/probes/liveness"]);
  });

  it("changes the pod for a restart only, and nothing but the secret for a config file", async ({ expect }) => {
    const before = anInstance("a");
    const { resources } = await evaluate([before]);
    const changedBy = async (changes: Partial<ResolvedInstance>) => {
      const { resources: after } = await evaluate([{ ...before, ...changes }]);
      return [...after.values()].filter(({ name, inputs }) => JSON.stringify(inputs) !== JSON.stringify(resources.get(name)?.inputs));
    };
    const names = async (changes: Partial<ResolvedInstance>) => (await changedBy(changes)).map(({ name }) => name);
    const files = [{ path: "claw.json", content: "{}" }];
    expect(await names({ runtime: { ...before.runtime, files } })).toEqual(["a-boot"]);
    expect(await names({ restartedAt: "2026-01-01T00:00:00Z" })).toEqual(["a-claw"]);
    expect(await names({ runtime: { ...before.runtime, restartDigest: "r2" } })).toEqual(["a-claw"]);
    const [stopped, ...others] = await changedBy({ running: false });
    expect(others).toEqual([]);
    expect(stopped?.inputs.spec).toEqual({ ...resources.get("a-claw")?.inputs.spec, replicas: 0 });
  });

  it("keeps or deletes the volumes as the instance's policy says, and gives none to a later instance of that name", async ({ expect }) => {
    const { inputs } = await evaluate([anInstance("a"), anInstance("b", { deletionPolicy: "delete" })]);
    expect(inputs("a-data").spec.resources).toEqual({ requests: { storage: "1Gi" } });
    const again = await evaluate([anInstance("a", { uid: "ins_other" })]);
    expect(again.inputs("a-data").metadata.name).not.toBe(inputs("a-data").metadata.name);
  });

  it("is reached from outside only when it is exposed, at the port that its user asked for", async ({ expect }) => {
    const own = anInstance("a", { expose: true });
    const exposed = { ...own, runtime: { ...own.runtime, port: { fixed: 18_789, span: 120 } } };
    const ingress = { className: "nginx", host: "${instance}.${tenant}.example.com", tlsSecret: "wildcard" };
    const gateway = { name: "edge", namespace: "gateways", host: "${instance}.example.com" };
    const { inputs, boot, resources } = await evaluate([exposed, anInstance("b")], { ingress, gateway });
    expect(inputs("a-ingress").spec).toMatchObject({ ingressClassName: "nginx", tls: [{ hosts: ["a.acme.example.com"] }] });
    expect(inputs("a-route").spec).toMatchObject({ hostnames: ["a.example.com"], rules: [{ backendRefs: [{ name: "a", port: 18_789 }] }] });
    expect(inputs("a-network").spec.ingress).toEqual([{ ports: [{ port: "claw", protocol: "TCP" }] }]);
    const { claw, agent, exposed: shown } = boot("a").ports;
    expect(shown).toBe(18_789);
    expect(new Set([claw, agent, shown]).size).toBe(3);
    expect(resources.has("b-ingress") || resources.has("b-route")).toBe(false);
    expect(boot("b").ports.exposed).toBeUndefined();
    expect(inputs("b-network").spec.ingress).toEqual([]);
  });

  it("shortens a name that Kubernetes would refuse", async ({ expect }) => {
    const name = `${"a".repeat(62)}b`;
    const { inputs } = await evaluate([anInstance(name, { uid: "ins_1" }), anInstance("a".repeat(63), { uid: "ins_2" })]);
    const names = [inputs(`${name}-claw`).metadata.name, inputs(`${"a".repeat(63)}-claw`).metadata.name];
    expect(names.every((own) => own.length <= 52)).toBe(true);
    expect(new Set(names).size).toBe(2);
  });
});

describe("SharedVolume", () => {
  it("may be written by many pods, and outlives its declaration", async ({ expect }) => {
    const { SharedVolume } = await import("../../components/kubernetes/shared-volume.ts");
    const { resources } = await evaluateProgram(async () => {
      new SharedVolume("knowledge", { tenant: "acme", namespace: "claw-acme", size: "50Gi", storageClass: "nfs" });
    });
    expect(resources.get("knowledge-claim")?.inputs).toMatchObject({
      metadata: { name: "knowledge", namespace: "claw-acme" },
      spec: { accessModes: ["ReadWriteMany"], storageClassName: "nfs", resources: { requests: { storage: "50Gi" } } },
    });
  });
});

describe("URNs on a cluster", () => {
  it.for([
    ["everything", acme({ ingress: { className: "nginx", host: "h" }, gateway: { name: "edge", host: "h" } }), true],
    ["no network policies and no way in", acme({ networkPolicy: { ...target.networkPolicy, enabled: false } }), false],
  ] as const)("name exactly what the program registers: %s", async ([, identity, expose], { expect }) => {
    const instances = [anInstance("a", { expose })];
    const spec = { ...identity, instances };
    const { resources } = await evaluate(instances, identity.target);
    // The stack and its provider are part of every operation.
    const names = [...resources.values()].filter(({ type }) => !type.startsWith("pulumi:")).map(({ type, name }) => `${type}::${name}`);
    const own = instanceUrns(spec, { name: "a" });
    expect([...sharedUrns(spec).declared, ...own.declared].map(typeAndName).sort()).toEqual(names.sort());
    const gone = instanceUrns({ ...identity, instances: [] }, { name: "a" });
    expect(gone.declared).toEqual([]);
    expect(new Set(gone.undeclared)).toEqual(new Set([...own.declared, ...own.undeclared]));
  });
});
