import { describe, it } from "vitest";
import type { InstanceId } from "../../../../sdk/contract/index.ts";
import { anApplication } from "../../../support/application.ts";
import { aClusterManifest, aKubeconfig } from "../../../support/builders/cluster.ts";
import { anEcho, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
const admin = app.admin();
await admin.tenants.create(aTenant("acme", { allowLocal: true }));
const acme = app.as({ tenant: "acme" });

describe("a cluster", () => {
  it("keeps its kubeconfig to itself: encrypted at rest, masked in answers, previews and events", async ({ expect }) => {
    const preview = await admin.previews.create({ manifests: [aClusterManifest("secretive")] });
    expect(preview.items).toMatchObject([{ kind: "Cluster", op: "create" }]);
    await admin.previews.apply(preview.planId ?? "");
    const cluster = await admin.clusters.get("secretive");
    expect(cluster.spec.credentials).toEqual({ source: "kubeconfig", kubeconfig: "[secret]" });
    expect(JSON.stringify([preview, cluster])).not.toContain("hunter2");
    expect(await app.tablesWith("hunter2")).toEqual([]);
  });

  it("is refused a kubeconfig that is none, with the place of the mistake and nothing of what stands there", async ({ expect }) => {
    const kubeconfig = "clusters: []\nusers:\n  - token: hunter2\n bad";
    const refused = await admin.clusters
      .create(aClusterManifest("mistyped", { credentials: { source: "kubeconfig", kubeconfig } }))
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "request.invalid", message: expect.stringMatching(/^is not YAML: .* at line \d+, column \d+$/) });
    expect(JSON.stringify(refused)).not.toContain("hunter2");
  });

  it("names commands, files and ports of the host by whoever may use the host, and by no registrar of clusters", async ({ expect }) => {
    const at = "platform" as const;
    const subjects = [{ kind: "User" as const, name: "rita" }];
    const apiVersion = "clusterclaw.io/v1" as const;
    const permissions = ["clusters.read", "clusters.write"] as const;
    const home = app.admin("default");
    await home.roles.create({ apiVersion, kind: "Role", metadata: { name: "registrar" }, spec: { permissions: [...permissions] } });
    await home.roleBindings.create({
      apiVersion,
      kind: "RoleBinding",
      metadata: { name: "rita" },
      spec: { role: "registrar", subjects, at },
    });
    const rita = app.user({ tenant: "default", subject: "rita" });
    const flat = JSON.parse(aKubeconfig("https://10.1.2.3:6443"));
    const register = (name: string, cluster: object, user: object) => {
      const clusters = [{ name: "main", cluster: { ...flat.clusters[0].cluster, ...cluster } }];
      const kubeconfig = JSON.stringify({ ...flat, clusters, users: [{ name: "main", user: { ...flat.users[0].user, ...user } }] });
      return { name, manifest: aClusterManifest(name, { credentials: { source: "kubeconfig", kubeconfig } }) };
    };
    for (const [index, [cluster, user, place]] of (
      [
        [{}, { exec: { command: "/bin/sh", args: ["-c", "id"] } }, "users[0].user.exec"],
        [{}, { tokenFile: "/root/.claw/master.key" }, "users[0].user.tokenFile"],
        [{}, { "client-key": "/etc/ssl/key.pem" }, "users[0].user.client-key"],
        [{ "certificate-authority": "/etc/shadow" }, {}, "clusters[0].cluster.certificate-authority"],
        [{ server: "https://127.0.0.1:5432" }, {}, "clusters[0].cluster.server"],
        [{ server: "https://db.localhost:5432" }, {}, "clusters[0].cluster.server"],
      ] as const
    ).entries()) {
      const { name, manifest } = register(`of-host-${index}`, cluster, user);
      const refused = {
        code: "auth.forbidden",
        issues: [{ path: expect.stringMatching(/spec\.credentials\.kubeconfig$/), message: expect.stringContaining(place) }],
      };
      await expect(rita.clusters.create(manifest)).rejects.toMatchObject(refused);
      await expect(rita.previews.create({ manifests: [manifest] })).rejects.toMatchObject(refused);
      expect((await admin.clusters.create(manifest)).metadata.name).toBe(name);
    }
    const { manifest } = register("flat", {}, {});
    const created = await rita.clusters.create(manifest);
    // What is masked stays as somebody stored it who might.
    expect((await rita.clusters.replace("flat", { ...manifest, spec: created.spec })).metadata.generation).toBe(1);
  });

  it("rotates its credentials by a PUT, and the mask keeps the stored ones", async ({ expect }) => {
    const created = await admin.clusters.create(aClusterManifest("rotating"));
    const same = await admin.clusters.replace("rotating", { ...aClusterManifest("rotating"), spec: created.spec });
    expect(same.metadata).toMatchObject({ generation: 1, resourceVersion: created.metadata.resourceVersion });
    const credentials = { source: "kubeconfig", kubeconfig: aKubeconfig("https://127.0.0.1:1", "another-token-entirely") } as const;
    const rotated = await admin.clusters.replace("rotating", { ...aClusterManifest("rotating"), spec: { ...created.spec, credentials } });
    expect(rotated.metadata.generation).toBe(2);
  });

  it("that does not answer keeps only its own instances waiting, and what they share unseen", async ({ expect }) => {
    await admin.clusters.create(aClusterManifest("down"));
    await app.inspect("down", { ok: false, reason: "ConnectionRefused", message: "nobody listens there" });
    expect((await admin.clusters.get("down")).status).toMatchObject({
      phase: "Unreachable",
      conditions: [{ type: "Reachable", status: "False", reason: "ConnectionRefused" }],
    });
    const far = (spec: object = {}) => anEcho("far", { placement: { cluster: "down" }, ...spec });
    await acme.instances.create(far());
    await acme.instances.create(anEcho("near"));
    await app.settle();
    expect((await acme.instances.get("near")).status).toMatchObject({ cluster: "local", phase: "Running" });
    expect((await acme.instances.get("far")).status).toMatchObject({
      cluster: "down",
      phase: "Creating",
      observedGeneration: 0,
      conditions: [{ type: "ClusterReachable", status: "False", reason: "ConnectionRefused" }],
    });
    const preview = await acme.previews.create({ manifests: [far({ resources: { cpu: "200m" } })] });
    expect(preview.items[0]?.problems).toMatchObject([{ path: "status.cluster", blocking: false }]);
    expect(preview.planId).toBeDefined();
    const quota = await admin.tenants.setQuota("acme", { instances: 50 }, { preview: true });
    expect(quota).toMatchObject({ items: [{ problems: [{ path: "spec.quota", blocking: false }] }], boundaries: [] });

    await app.answers("down");
    await app.settle();
    const back = await acme.instances.get("far");
    expect(back.status).toMatchObject({ phase: "Running", observedGeneration: 1 });
    expect(back.status.conditions).toContainEqual(expect.objectContaining({ type: "ClusterReachable", status: "True" }));
  });

  it("in use can't be deleted, and the refusal names who is on it", async ({ expect }) => {
    await admin.clusters.create(aClusterManifest("busy"));
    await app.inspect("busy", { ok: false, reason: "Timeout", message: "" });
    await acme.instances.create(anEcho("user", { placement: { cluster: "busy" } }));
    await expect(admin.clusters.delete("busy")).rejects.toMatchObject({ code: "cluster.in_use", message: /acme\/user/ });
    await acme.instances.replace("user", anEcho("user", { placement: { cluster: "local" } }));
    await admin.clusters.delete("busy");
    await expect(admin.clusters.get("busy")).rejects.toMatchObject({ code: "cluster.not_found" });
  });

  it("is not asked to end an instance again and again while its pod ends, and is believed at once when it has", async ({ expect }) => {
    await admin.clusters.create(aClusterManifest("slow"));
    await app.answers("slow");
    const { metadata } = await acme.instances.create(anEcho("talker", { placement: { cluster: "slow" } }));
    await app.settle();
    app.stillEnding.add(metadata.uid);
    await acme.instances.delete("talker");
    await app.settle();
    const stack = { tenantId: metadata.uid, stack: "acme.slow" };
    const operations = async () => (await app.stacks.history(stack, 100, 1)).length;
    const before = await operations();
    for (let turn = 0; turn < 3; turn++) {
      await app.pass(20);
      await app.settle();
    }
    expect((await acme.instances.get("talker")).status.conditions).toContainEqual(
      expect.objectContaining({ type: "Provisioned", status: "Unknown", reason: "StillEnding" }),
    );
    app.stillEnding.clear();
    await app.settle();
    expect((await acme.instances.get("talker")).metadata.uid).toBe(metadata.uid);
    const tenantId = await app.database.transactions.platform((tx) => tx.work.findTenantOf(metadata.uid as InstanceId));
    await app.reports.pod(tenantId ?? "ten_none", metadata.uid as InstanceId, "slow", undefined);
    await app.settle();
    await expect(acme.instances.get("talker")).rejects.toMatchObject({ code: "instance.not_found" });
    expect(await operations()).toBe(before);
  });

  it("shows how a claw ended, which is told as on a host: by what its type says of it", async ({ expect }) => {
    await admin.clusters.create(aClusterManifest("refusing"));
    await app.answers("refusing");
    const { metadata } = await acme.instances.create(anEcho("refused", { placement: { cluster: "refusing" } }));
    await app.settle();
    const tenantId = (await app.database.transactions.platform((tx) => tx.work.findTenantOf(metadata.uid as InstanceId))) ?? "ten_none";
    const message = "container 'claw' ended with exit code 78 (Error)";
    const pod = { name: "refused-0", ready: false, restarts: 0, reason: "Error", message };
    const told = async (code: number) => {
      await app.reports.pod(tenantId, metadata.uid as InstanceId, "refusing", { ...pod, exit: { code, explained: false } });
      const { phase, conditions } = (await acme.instances.get("refused")).status;
      return { phase, ...conditions.find(({ type }) => type === "Ready") };
    };
    expect(await told(1)).toMatchObject({ reason: "Error" });
    expect(await told(78)).toMatchObject({
      ...{ phase: "Failed", reason: "ConfigError", message: `config.json is not valid; the log says why: ${message}` },
    });
  });

  it("that is lost lets go of an instance when it is told to forget it, and nobody says that it is ready", async ({ expect }) => {
    const { metadata } = await admin.clusters.create(aClusterManifest("lost"));
    await app.answers("lost");
    const placed = (name: string) => anEcho(name, { placement: { cluster: "lost" } });
    await acme.instances.create(placed("gone"));
    await acme.instances.create(placed("stays"));
    await app.settle();
    await expect(acme.instances.delete("gone", { forget: true })).rejects.toMatchObject({
      code: "request.invalid",
      issues: [{ path: "forget", message: expect.stringContaining("'lost'") }],
    });
    await app.inspect("lost", { ok: false, reason: "Timeout", message: "no answer in 10 s" });
    const conditions = (await acme.instances.get("stays")).status.conditions;
    expect(conditions).toContainEqual(expect.objectContaining({ type: "Ready", status: "Unknown", reason: "Timeout" }));

    await acme.instances.delete("gone");
    await app.settle();
    expect((await acme.instances.get("gone")).metadata.name).toBe("gone");
    const plan = await acme.instances.delete("gone", { forget: true, preview: true });
    expect(plan.items).toMatchObject([
      { op: "delete", effect: "delete", problems: [{ path: "status.cluster", blocking: false, warning: true }] },
    ]);
    expect(plan.items[0]?.problems[0]?.message).toContain("left there");
    await plan.apply();
    await app.settle();
    await expect(acme.instances.get("gone")).rejects.toMatchObject({ code: "instance.not_found" });
    const held = await app.stacks.listHeld({ tenantId: metadata.uid, stack: "acme.lost" });
    expect(held.map(({ id }) => id)).not.toContainEqual(expect.stringContaining("gone"));
    expect(held.map(({ id }) => id)).toContainEqual(expect.stringContaining("stays"));

    await app.answers("lost");
    const ready = (await acme.instances.get("stays")).status.conditions.find(({ type }) => type === "Ready");
    expect(ready?.status).not.toBe("Unknown");
  });

  it("that is lost takes an import of its stack, which says so, and lets go of what it brought", async ({ expect }) => {
    await admin.clusters.create(aClusterManifest("drowned"));
    await app.answers("drowned");
    await acme.instances.create(anEcho("diver", { placement: { cluster: "drowned" } }));
    await app.settle();
    const exported = await admin.stacks.export("acme.drowned");
    expect(await admin.stacks.import("acme.drowned", exported)).not.toHaveProperty("warning");
    await app.inspect("drowned", { ok: false, reason: "Timeout", message: "no answer in 10 s" });
    const imported = await admin.stacks.import("acme.drowned", exported);
    expect(imported).toMatchObject({ resources: expect.any(Number), warning: expect.stringMatching(/'drowned' can't be asked.*--forget/) });

    await acme.instances.delete("diver");
    await app.settle();
    // Its name is taken as long as nobody lets go of it: whoever wants it is told what to do.
    await expect(acme.instances.replace("diver", anEcho("diver"))).rejects.toMatchObject({
      code: "instance.name_taken",
      message: expect.stringMatching(/is being destroyed, and its cluster 'drowned' does not answer; .*'claw destroy --forget'/),
    });
    await acme.instances.delete("diver", { forget: true });
    await app.settle();
    await expect(acme.instances.get("diver")).rejects.toMatchObject({ code: "instance.not_found" });
  });

  it("that is lost lets go of an instance though the control plane is killed between its stack and its row", async ({ expect }) => {
    const { metadata } = await admin.clusters.create(aClusterManifest("halfway"));
    await app.answers("halfway");
    await acme.instances.create(anEcho("half", { placement: { cluster: "halfway" } }));
    await app.settle();
    await app.inspect("halfway", { ok: false, reason: "Timeout", message: "no answer in 10 s" });
    await acme.instances.delete("half", { forget: true });
    // As far as it came: out of its stack.
    await app.stacks.forget({ tenantId: metadata.uid, stack: "acme.halfway" }, ["half"]);
    expect((await acme.instances.get("half")).metadata.name).toBe("half");
    await app.settle();
    await expect(acme.instances.get("half")).rejects.toMatchObject({ code: "instance.not_found" });
    await acme.instances.create(anEcho("half"));
    await app.settle();
    expect((await acme.instances.get("half")).status.phase).toBe("Running");
  });

  it("that is lost can be forgotten with all that is on it; what was moved away from it begins elsewhere", async ({ expect }) => {
    await admin.clusters.create(aClusterManifest("ashes"));
    await app.answers("ashes");
    const placed = (name: string, cluster: string) => anEcho(name, { placement: { cluster }, deletionPolicy: "delete" });
    await acme.instances.create(placed("burnt", "ashes"));
    await acme.instances.create(placed("saved", "ashes"));
    await app.settle();
    await expect(admin.clusters.delete("ashes", { forget: true })).rejects.toMatchObject({ code: "request.invalid" });
    await app.inspect("ashes", { ok: false, reason: "ConnectionRefused", message: "nobody listens there" });
    await acme.instances.replace("saved", placed("saved", "local"));
    await app.settle();
    expect((await acme.instances.get("saved")).status).toMatchObject({ observedGeneration: 1 });
    await expect(admin.clusters.delete("ashes")).rejects.toMatchObject({ code: "cluster.in_use" });

    const plan = await admin.clusters.delete("ashes", { forget: true, preview: true });
    expect(plan.items).toMatchObject([
      { kind: "Cluster", name: "ashes", op: "delete" },
      { kind: "ClawInstance", name: "burnt", op: "delete", effect: "delete" },
      { kind: "ClawInstance", name: "saved", op: "update", placement: { cluster: "local" } },
    ]);
    await admin.clusters.delete("ashes", { forget: true });
    await expect(admin.clusters.get("ashes")).rejects.toMatchObject({ code: "cluster.not_found" });
    const told = await acme.instances.events("saved");
    expect(told.items).toContainEqual(expect.objectContaining({ reason: "Requested", message: "let go of with its cluster 'ashes'" }));
    const { items: records } = await acme.audit.list({ action: "instance.let-go" });
    expect(records.map(({ resource, details }) => [resource?.name, details])).toEqual(
      expect.arrayContaining([
        ["burnt", { cluster: "ashes" }],
        ["saved", { cluster: "ashes" }],
      ]),
    );
    await app.settle();
    await expect(acme.instances.get("burnt")).rejects.toMatchObject({ code: "instance.not_found" });
    expect((await acme.instances.get("saved")).status).toMatchObject({ cluster: "local", phase: "Running" });
  });

  it("is not a tenant's to write, by itself or in a preview", async ({ expect }) => {
    const theirs = aClusterManifest("theirs");
    await expect(acme.clusters.create(theirs)).rejects.toMatchObject({ code: "auth.forbidden" });
    await expect(acme.previews.create({ manifests: [theirs] })).rejects.toMatchObject({ status: 404 });
  });
});

describe("what a tenant's instances share in a cluster", () => {
  const withEgress = (name: string, allowedEgress: string[]) =>
    aClusterManifest(name, { networkPolicy: { enabled: true, controlPlaneCidrs: [], allowedEgress } });
  const aPlaced = async (tenant: string, cluster: string) => {
    await admin.clusters.create(withEgress(cluster, []));
    await app.answers(cluster);
    await admin.tenants.create(aTenant(tenant, { placement: { cluster } }));
    return app.as({ tenant });
  };

  it("is previewed and counted with the first of them, and with a change of the cluster", async ({ expect }) => {
    const claw = await aPlaced("sharing", "shared");
    const first = await claw.previews.create({ manifests: [anEcho("web")] });
    expect(first.boundaries).toMatchObject([{ tenant: "sharing", cluster: "shared" }]);
    const made = first.boundaries[0]?.resources ?? [];
    expect(new Set(made.map(({ op }) => op))).toEqual(new Set(["create"]));
    expect(first.summary.create).toBe(made.length + (first.items[0]?.resources.length ?? 0));
    await claw.previews.apply(first.planId ?? "");
    await app.settle();

    const opened = await admin.previews.create({ manifests: [withEgress("shared", ["192.0.2.0/24"])] });
    expect(opened.items).toMatchObject([
      { kind: "Cluster", op: "update" },
      { kind: "ClawInstance", name: "web", op: "same", effect: "none" },
    ]);
    const changes = opened.boundaries[0]?.resources.filter(({ op }) => op !== "same");
    expect(changes).toMatchObject([{ type: "kubernetes:networking.k8s.io/v1:NetworkPolicy", op: "update" }]);
    expect(JSON.stringify(changes?.[0]?.diffs)).toContain("192.0.2.0/24");
    expect(opened.summary).toMatchObject({ create: 0, update: 1, delete: 0 });
  });

  it("is part of what a plan is bound to", async ({ expect }) => {
    const claw = await aPlaced("bound", "binding");
    const { planId = "" } = await claw.previews.create({ manifests: [anEcho("web")] });
    await admin.clusters.replace("binding", withEgress("binding", ["192.0.2.0/24"]));
    await expect(claw.previews.apply(planId)).rejects.toMatchObject({
      code: "preview.stale",
      issues: [{ path: "Boundary/bound/binding" }],
    });
    await expect(claw.instances.get("web")).rejects.toMatchObject({ code: "instance.not_found" });
  });

  it("follows the tenant's quota by itself, as its preview shows", async ({ expect }) => {
    const claw = await aPlaced("counted", "counting");
    await claw.instances.create(anEcho("web"));
    await app.settle();
    const { metadata } = await claw.instances.get("web");
    const preview = await admin.tenants.setQuota("counted", { instances: 33 }, { preview: true });
    expect(preview.items).toMatchObject([{ kind: "Tenant", op: "update", problems: [] }]);
    const changes = preview.boundaries[0]?.resources.filter(({ op }) => op !== "same");
    expect(changes).toMatchObject([{ type: "kubernetes:core/v1:ResourceQuota", op: "update", diffs: [{ kind: "add", after: "33" }] }]);
    await admin.previews.apply(preview.planId ?? "");
    await app.settle();
    const again = await admin.tenants.setQuota("counted", { instances: 33 }, { preview: true });
    expect(again.boundaries.flatMap(({ resources }) => resources).filter(({ op }) => op !== "same")).toEqual([]);
    const { status } = await claw.instances.get("web");
    expect(status).toMatchObject({ phase: "Running", restarts: 0 });
    expect((await claw.instances.get("web")).metadata.uid).toBe(metadata.uid);
  });
});
