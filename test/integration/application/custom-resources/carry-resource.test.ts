import { describe, it } from "vitest";
import { type ClawInstance, type ClawInstanceInput, writeRank } from "../../../../sdk/contract/index.ts";
import { Refusals } from "../../../../service/application/audit/refusals.ts";
import { createCarrier } from "../../../../service/application/custom-resources/carry-resource.ts";
import { PlayedCustomResources, type WrittenResource } from "../../../support/application/custom-resources.ts";
import { anApplication } from "../../../support/application.ts";
import { aClusterManifest } from "../../../support/builders/cluster.ts";
import { anEcho, aTemplate, aTenant } from "../../../support/builders/manifests.ts";
import { aClawType, aSetOfValues } from "../../../support/sample-requests.ts";

const PROJECT = "clusterclaw.io/project";
const TOOLS = "tool.example.com/tracking-id";
const TURNS_MAX = 20;

const app = await anApplication();
await app.admin().clusters.create(aClusterManifest("here", { crds: true }));
await app.answers("here");
const here = await app.dependencies.transactions.platform((tx) => tx.clusters.get("here"));
const remote = new PlayedCustomResources();
const { transactions, clock, tallies } = app.dependencies;
const carry = createCarrier({ ...app.dependencies, refusals: new Refusals({ transactions, clock, tallies }) });

/** Carries everything as far as it goes without news from outside. */
async function carried(): Promise<void> {
  for (let turn = 0, before = -1; before !== remote.writes; turn++) {
    if (turn === TURNS_MAX) {
      throw new Error(`after ${TURNS_MAX} turns the two sides still write to each other`);
    }
    before = remote.writes;
    for (const { kind, name, namespace } of remote.list().toSorted((a, b) => writeRank(a.kind) - writeRank(b.kind))) {
      const resource = remote.get(kind, name, namespace);
      await (resource && carry(here, resource, remote));
    }
  }
}

/** On the control plane's host unless it says otherwise. */
const an = (name: string, spec: object = {}, metadata: object = {}): WrittenResource => ({
  kind: "ClawInstance",
  metadata: { name, namespace: "acme", ...metadata },
  spec: {
    type: "Echo",
    running: false,
    placement: { cluster: "local" },
    resources: { cpu: "100m", memory: "64Mi" },
    storage: { size: "1Gi" },
    ...spec,
  },
});
const template = (name: string, spec: object = {}): WrittenResource => ({
  kind: "ConfigTemplate",
  metadata: { name, namespace: "acme" },
  spec: { adapter: "EchoAdapter", ...spec },
});
const there = (name: string) => {
  const resource = remote.get("ClawInstance", name, "acme");
  if (!resource) {
    throw new Error(`there is no resource '${name}'`);
  }
  return resource as typeof resource & { readonly spec: Readonly<Record<string, unknown>> };
};
/** What somebody does with kubectl to a resource that was read. */
const editThere = (name: string, edit: { spec?: object; labels?: Record<string, string>; annotations?: Record<string, string> }) => {
  const { labels, annotations, spec } = there(name);
  remote.apply(an(name, { ...spec, ...edit.spec }, { labels, annotations, ...edit }));
};
/** What a client of the control plane does to an instance that it has read. */
const editHere = async (name: string, edit: (instance: ClawInstance) => { spec?: object; metadata?: object }) => {
  const instance = await acme.instances.get(name);
  const { labels, annotations, project } = instance.metadata;
  const { spec, metadata } = edit(instance);
  await acme.instances.replace(name, {
    ...instance,
    metadata: { name, labels, annotations, project, ...metadata },
    spec: { ...instance.spec, ...spec },
  } as ClawInstanceInput);
};
const acceptedOf = ({ status }: { status: Readonly<Record<string, unknown>> }) =>
  (status["conditions"] as { type: string }[] | undefined)?.find(({ type }) => type === "Accepted");

remote.apply({ kind: "Tenant", metadata: { name: "acme" }, spec: { quota: { cpu: "8" } } });
await carried();
// Most of what follows is on the control plane's host, which is for those who were let onto it.
await app.admin().tenants.replace("acme", aTenant("acme", { quota: { cpu: "8" }, allowLocal: true }));
await carried();
const acme = app.as({ tenant: "acme" });

describe("a custom resource", () => {
  it("of a tenant brings its namespace, and what it says", async ({ expect }) => {
    expect(remote.namespaces).toContain("acme");
    expect((await app.admin().tenants.get("acme")).spec.quota).toEqual({ cpu: "8" });
  });

  it("is told by a condition what the control plane refuses", async ({ expect }) => {
    remote.apply(an("greedy", { resources: { cpu: "500", memory: "64Mi" } }));
    await carried();
    expect(acceptedOf(there("greedy"))).toMatchObject({ status: "False", reason: "TenantQuotaExceeded" });
    await carried();
    // On record once, however often it is tried again: in the cluster's name, since nobody says who wrote it there.
    expect((await acme.audit.list({ result: "refused" })).items).toMatchObject([
      {
        actor: "cluster:here",
        action: "instance.create",
        resource: { kind: "ClawInstance", name: "greedy" },
        reason: "tenant.quota_exceeded",
      },
    ]);
    // It would wait for us after its cluster is unregistered, too.
    expect(there("greedy").held).toBe(false);
    remote.remove("ClawInstance", "greedy", "acme");
    await carried();
    expect(remote.get("ClawInstance", "greedy", "acme")).toBeUndefined();
  });

  it("and the control plane's own clients edit the same thing: the last writer wins on both sides", async ({ expect }) => {
    remote.apply(an("shared"));
    await carried();
    const { uid } = (await acme.instances.get("shared")).metadata;
    const resources = (cpu: string) => ({ spec: { resources: { cpu, memory: "64Mi" } } });
    for (let round = 1; round <= 3; round++) {
      editThere("shared", resources(`${round}01m`));
      await carried();
      expect((await acme.instances.get("shared")).spec.resources.cpu).toBe(`${round}01m`);
      await editHere("shared", () => resources(`${round}02m`));
      await editHere("shared", () => resources(`${round}03m`));
      await carried();
      expect(there("shared")).toMatchObject({ ...resources(`${round}03m`), status: { observedGeneration: there("shared").generation } });
    }
    // Edited on both sides since they agreed: Kubernetes comes first.
    await editHere("shared", () => resources("801m"));
    editThere("shared", resources("802m"));
    await carried();
    expect(await acme.instances.get("shared")).toMatchObject({ metadata: { uid }, ...resources("802m") });
    expect(there("shared")).toMatchObject(resources("802m"));
  });

  it("writes nothing while neither side is edited", async ({ expect }) => {
    await carried();
    const { writes } = remote;
    const before = await acme.instances.get("shared");
    for (let turn = 0; turn < 3; turn++) {
      await carried();
    }
    expect(remote.writes).toBe(writes);
    expect(await acme.instances.get("shared")).toEqual(before);
  });

  it("has nothing written over what it says for itself: a secret, a default, a number", async ({ expect }) => {
    const overrides = [{ key: "reply.prefix", value: "sk-secret-123" }];
    remote.apply(an("secretive", { replicas: 2, config: { template: "secretive", overrides } }));
    await carried();
    // Refused until its template is there, and tried again.
    expect(acceptedOf(there("secretive"))).toMatchObject({ status: "False" });
    const variables = [
      { name: "reply.prefix", type: "string", secret: true },
      { name: "reply.wordDelayMs", type: "number" },
    ];
    remote.apply(template("secretive", { variables }));
    await carried();
    const before = there("secretive");
    expect(acceptedOf(before)).toMatchObject({ status: "True" });
    await editHere("secretive", ({ spec }) => ({
      spec: {
        resources: { ...spec.resources, cpu: "250m" },
        config: { ...spec.config, overrides: [{ key: "reply.wordDelayMs", value: 5 }, ...spec.config.overrides] },
      },
    }));
    await carried();
    const after = there("secretive");
    expect(after.spec).toEqual({
      ...before.spec,
      resources: { cpu: "250m", memory: "64Mi" },
      config: { template: "secretive", overrides: [{ key: "reply.wordDelayMs", value: 5 }, ...overrides] },
    });
    // Here they are as they were too.
    const { spec } = await acme.instances.get("secretive");
    expect(spec.config.overrides.map(({ value }) => value)).toEqual([5, "[secret]"]);
    // One that is changed here stays changed while the resource gets labels only.
    await editHere("secretive", ({ spec: { config } }) => ({
      spec: { config: { ...config, overrides: [config.overrides[0], { key: "reply.prefix", value: "sk-rotated" }] } },
    }));
    await carried();
    const { generation } = (await acme.instances.get("secretive")).metadata;
    editThere("secretive", { labels: { only: "label" } });
    await carried();
    expect((await acme.instances.get("secretive")).metadata).toMatchObject({ generation, labels: { only: "label" } });
    expect(there("secretive").spec).toEqual(after.spec);
  });

  it("carries labels, annotations and the project both ways, and keeps what other tools wrote", async ({ expect }) => {
    await acme.projects.create({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "shop" }, spec: {} });
    const annotations = { [PROJECT]: "shop", note: "old", [TOOLS]: "1" };
    remote.apply(an("labelled", {}, { labels: { a: "1", b: "1" }, annotations }));
    await carried();
    expect((await acme.instances.get("labelled")).metadata).toMatchObject({ project: "shop", labels: { a: "1", b: "1" } });

    const kubectls = { "kubectl.kubernetes.io/restartedAt": "today" };
    editThere("labelled", { labels: { a: "2", c: "1" }, annotations: { ...annotations, note: "new", ...kubectls } });
    await carried();
    const { metadata } = await acme.instances.get("labelled");
    expect(metadata.labels).toEqual({ a: "2", c: "1" });
    expect(metadata.annotations).toEqual({ note: "new", [TOOLS]: "1" });

    await editHere("labelled", () => ({ metadata: { labels: { a: "3", d: "1" }, annotations: { mine: "1" } } }));
    await carried();
    const edited = there("labelled");
    expect(edited.labels).toEqual({ a: "3", d: "1" });
    expect(edited.annotations).toEqual({ ...kubectls, [PROJECT]: "shop", [TOOLS]: "1", mine: "1" });
    expect(edited.generation).toBe(1);
  });

  it("is told of the project with the next edit, when it was made here first", async ({ expect }) => {
    const { spec } = an("made-here") as unknown as ClawInstanceInput;
    await acme.instances.create({
      apiVersion: "clusterclaw.io/v1",
      kind: "ClawInstance",
      metadata: { name: "made-here", project: "shop" },
      spec,
    } as ClawInstanceInput);
    remote.apply(an("made-here"));
    await carried();
    await editHere("made-here", () => ({ metadata: { labels: { e: "1" } } }));
    await carried();
    expect(there("made-here")).toMatchObject({ labels: { e: "1" }, annotations: { [PROJECT]: "shop" } });
  });

  it("places an instance in the cluster that it was written to, unless it says where", async ({ expect }) => {
    remote.apply(an("unplaced", { placement: undefined }));
    remote.apply(an("placed"));
    await carried();
    expect(there("unplaced").status["cluster"]).toBe("here");
    expect((await acme.instances.get("unplaced")).spec.placement).toMatchObject({ cluster: "here" });
    expect(there("placed").status["cluster"]).toBe("local");
    // An edit of something else writes no placement to the one, and leaves the other's.
    for (const name of ["unplaced", "placed"]) {
      await editHere(name, ({ spec: { resources } }) => ({ spec: { resources: { ...resources, cpu: "200m" } } }));
    }
    await carried();
    expect(there("unplaced").spec).toMatchObject({ resources: { cpu: "200m" } });
    expect(there("unplaced").spec["placement"]).toBeUndefined();
    expect(there("placed").spec).toMatchObject({ resources: { cpu: "200m" }, placement: { cluster: "local" } });
  });

  it("of a template of the tenant's own is deleted with it, though there is a shared one of that name", async ({ expect }) => {
    await app.admin("default").configs.create(aTemplate("common", { description: "shared" }));
    remote.apply(template("common", { description: "own" }));
    await carried();
    expect((await acme.configs.get("common")).spec.description).toBe("own");
    await acme.configs.delete("common");
    await carried();
    expect(remote.get("ConfigTemplate", "common", "acme")).toBeUndefined();
    expect((await acme.configs.get("common")).spec.description).toBe("shared");
  });

  it("of values is edited on both sides, its secrets unseen, and is never the one of every tenant's that has its name", async ({
    expect,
  }) => {
    const values = [
      { key: "reply.prefix", value: "sk-secret-123", secret: true },
      { key: "reply.wordDelayMs", value: null },
    ];
    const theirs = () => remote.get("ConfigValues", "replies", "acme");
    remote.apply({ kind: "ConfigValues", metadata: { name: "replies", namespace: "acme" }, spec: { values } });
    await carried();
    const { metadata, spec, status } = await acme.values.get("replies");
    expect(spec.values.map(({ value }) => value)).toEqual(["[secret]", null]);
    expect(theirs()?.status["values"]).toEqual(status.values);
    expect(status.values).toMatchObject([{ key: "reply.prefix", setBy: "cluster:here" }, {}]);
    const changed = [spec.values[0], { key: "reply.wordDelayMs", value: 7 }];
    await acme.values.replace("replies", aSetOfValues("replies", changed as typeof spec.values));
    await carried();
    expect(theirs()?.spec).toEqual({ values: [values[0], { key: "reply.wordDelayMs", value: 7 }] });
    expect((await acme.values.get("replies")).metadata.uid).toBe(metadata.uid);

    const everyones = aSetOfValues("everyones", [{ key: "reply.prefix", value: "all" }]);
    await app.admin("default").values.create({ ...everyones, spec: { ...everyones.spec, at: "global" } });
    remote.apply({ kind: "ConfigValues", metadata: { name: "everyones", namespace: "acme" }, spec: { values: [] } });
    await carried();
    const refused = remote.get("ConfigValues", "everyones", "acme");
    expect(refused && acceptedOf(refused)).toMatchObject({ status: "False", reason: "AuthForbidden" });
    expect(refused?.held).toBe(false);
    for (const name of ["everyones", "replies"]) {
      remote.remove("ConfigValues", name, "acme");
    }
    await carried();
    await carried();
    expect(remote.list().filter(({ kind }) => kind === "ConfigValues")).toEqual([]);
    expect(await app.admin("default").values.get("everyones")).toMatchObject({ spec: { at: "global" } });
    await expect(acme.values.get("replies")).rejects.toMatchObject({ code: "values.not_found" });
  });

  it("of a claw type defines it, but for what the control plane's host would fetch", async ({ expect }) => {
    const { spec } = aClawType("homemade");
    remote.apply({ kind: "ClawType", metadata: { name: "homemade", namespace: "acme" }, spec });
    const fetched = { ...spec, software: { source: "npm", package: "left-pad" } };
    remote.apply({ kind: "ClawType", metadata: { name: "fetched", namespace: "acme" }, spec: fetched });
    await carried();
    expect((await acme.clawTypes.get("homemade")).spec).toMatchObject(spec);
    const refused = remote.get("ClawType", "fetched", "acme");
    expect(refused && acceptedOf(refused)).toMatchObject({ status: "False", reason: "AuthForbidden" });
    await acme.clawTypes.delete("homemade");
    remote.remove("ClawType", "fetched", "acme");
    await carried();
    expect(remote.list().filter(({ kind }) => kind === "ClawType")).toEqual([]);
  });

  it("of a rollout begins it, tells how it goes, and goes when that has ended", async ({ expect }) => {
    await acme.configs.create(aTemplate("rolled"));
    await acme.configs.publish("rolled");
    await acme.instances.create(anEcho("rolled", { running: false, config: { template: "rolled" }, placement: { cluster: "local" } }));
    await acme.configs.replace("rolled", aTemplate("rolled", { description: "next" }));
    await acme.configs.publish("rolled", { hold: true });
    const theirs = () => remote.get("Rollout", "next", "acme");
    const spec = { change: { config: { template: "rolled", version: 2 } }, approval: "each-wave" };
    remote.apply({ kind: "Rollout", metadata: { name: "next", namespace: "acme" }, spec });
    await carried();
    expect(theirs()).toMatchObject({ spec, status: { phase: "Progressing", actor: "cluster:here", counts: { total: 1 } } });
    await acme.rollouts.pause("next");
    await carried();
    expect(theirs()).toMatchObject({ status: { phase: "Paused" } });
    // What is written in a cluster may be anybody's: nothing that goes on for it is the host's.
    const [{ actor } = { actor: {} }] = (await app.database.pool.query("select state->'actor' as actor from rollouts")).rows;
    expect(actor).toMatchObject({ subject: "cluster:here", everything: true, relays: true });

    remote.remove("Rollout", "next", "acme");
    await carried();
    expect(theirs()).toMatchObject({ deleting: true, held: true });
    expect(acceptedOf(theirs() ?? { status: {} })).toMatchObject({ status: "False", reason: "RolloutActive" });
    await acme.rollouts.abort("next");
    await carried();
    await carried();
    expect(theirs()).toBeUndefined();
    await expect(acme.rollouts.get("next")).rejects.toMatchObject({ code: "rollout.not_found" });
  });

  it("goes only after what it made is gone, and with what is destroyed here", async ({ expect }) => {
    for (const name of ["doomed", "destroyed"]) {
      remote.apply(an(name, { running: true }));
    }
    await carried();
    await app.settle();
    await carried();
    expect(there("doomed").status["phase"]).toBe("Running");
    remote.remove("ClawInstance", "doomed", "acme");
    await carried();
    expect(there("doomed")).toMatchObject({ deleting: true, held: true });
    await acme.instances.delete("destroyed");
    await app.settle();
    await carried();
    for (const name of ["doomed", "destroyed"]) {
      expect(remote.get("ClawInstance", name, "acme")).toBeUndefined();
      await expect(acme.instances.get(name)).rejects.toMatchObject({ code: "instance.not_found" });
    }
  });

  it("leaves the tenant's own wish as it is when the tenant is written here", async ({ expect }) => {
    await app.admin().tenants.replace("acme", aTenant("acme", { quota: { cpu: "9" } }));
    await carried();
    expect(remote.get("Tenant", "acme")?.spec).toEqual({ quota: { cpu: "9" } });
  });
});
