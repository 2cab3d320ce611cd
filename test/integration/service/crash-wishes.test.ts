import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { Claw } from "../../../sdk/client/index.ts";
import { API_VERSION, type ClawInstance } from "../../../sdk/contract/index.ts";
import { processesIn } from "../../support/agent/harness.ts";
import { aClusterManifest } from "../../support/builders/cluster.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  await service.claw().tenants.create(aTenant("storm"));
  // Nobody answers there: what matters of a move is what stays where the instance was.
  await service.claw().clusters.create(aClusterManifest("far"));
  await service
    .claw("storm")
    .secrets.create({ apiVersion: API_VERSION, kind: "Secret", metadata: { name: "prefix" }, spec: { value: "kept: " } });
});
afterAll(() => service.stop());

/** What is asked for of an instance whose operation was interrupted. */
const wishes: Readonly<Record<string, (claw: Claw, name: string) => PromiseLike<unknown>>> = {
  same: async () => {},
  stopped: (claw, name) => claw.instances.stop(name),
  restarted: (claw, name) => claw.instances.restart(name),
  secret: (claw, name) => claw.instances.replace(name, anEcho(name, prefix({ secretRef: "prefix" }))),
  configured: (claw, name) => claw.instances.replace(name, anEcho(name, prefix("later: "))),
  moved: (claw, name) => claw.instances.replace(name, anEcho(name, { storage: { size: "1Gi", configDir: "/c2", dataDir: "/d2" } })),
  destroyed: (claw, name) => claw.instances.delete(name),
  purged: (claw, name) => claw.instances.delete(name, { purgeData: true }),
  away: (claw, name) => claw.instances.replace(name, anEcho(name, { ...mayMove, placement: { cluster: "far" } })),
};
/** Instances with data that are to be kept don't move. */
const mayMove = { deletionPolicy: "delete" };
const prefix = (value: string | object) => ({ config: { overrides: [{ key: "reply.prefix", value }] } });

describe("a tenant whose instances were being made when the process was killed", () => {
  it("has a state that can be exported then, and leaves nothing when it is deleted with them", { timeout: 120_000 }, async ({ expect }) => {
    const platform = service.claw();
    await platform.tenants.create(aTenant("leaving"));
    const claw = service.claw("leaving");
    const names = ["one", "two", "three"];
    const made = (await Promise.all(names.map((name) => claw.instances.create(anEcho(name))))).map(({ metadata }) => metadata.uid);
    const host = (...path: string[]) => join(service.dataDir, ...path);
    await eventually(async () => made.some((uid) => existsSync(host("run", uid, "process.json"))), Boolean);
    spawnSync("pkill", ["-KILL", "-P", String(process.pid), "-f", "stack-worker"]);

    const { deployment } = await platform.stacks.export("leaving", {});
    expect(deployment.pending_operations ?? []).toEqual([]);
    await Promise.all(names.map((name) => claw.instances.delete(name, { purgeData: true })));
    const refused = await platform.tenants.delete("leaving").catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "tenant.not_empty" });
    await eventually(
      () =>
        platform.tenants.delete("leaving").then(
          () => true,
          () => false,
        ),
      Boolean,
    );
    for (const uid of made) {
      expect([host("run", uid), host("tenants", "leaving", uid)].filter((path) => existsSync(path))).toEqual([]);
      await expect.poll(() => processesIn(host("run", uid)), { timeout: 20_000 }).toEqual([]);
    }
    expect(claims().filter((uid) => made.includes(uid))).toEqual([]);
  });
});

describe.each([
  { first: "made", by: "folder", begun: (host: string, uid: string) => existsSync(join(host, "tenants", "storm", uid)) },
  { first: "made", by: "agent", begun: (host: string, uid: string) => existsSync(join(host, "run", uid, "process.json")) },
  // It was delivered, and what delivers it dies as well.
  { first: "configured", by: "files", begun: (host: string, uid: string) => configOf(host, uid).includes("first: "), agents: true },
  { first: "moved", by: "folder", begun: (host: string, uid: string) => existsSync(join(host, "tenants", "storm", uid, "d1")) },
  { first: "destroyed", by: "agent", begun: (host: string, uid: string) => !existsSync(join(host, "run", uid, "process.json")) },
])("instances that were being $first when the process was killed, as their $by showed", ({ first, by, begun, agents = false }) => {
  it("are as is wished next, and nothing else of them is there", { timeout: 120_000 }, async ({ expect }) => {
    const claw = service.claw("storm");
    const names = Object.keys(wishes).map((wish) => (wish === "away" ? `away-${first}-${by}` : wish));
    const wishOf = (name: string) => name.split("-")[0] ?? "";
    // Those that moved wait for their cluster for ever.
    const list = async () => (await claw.instances.list({ limit: 100 })).items.filter(({ metadata }) => wishOf(metadata.name) !== "away");
    const declared = (name: string, spec: object = {}) => anEcho(name, { ...(wishOf(name) === "away" && mayMove), ...spec });
    const isSettled = ({ metadata, status, spec }: ClawInstance) =>
      status.observedGeneration === metadata.generation && status.phase === (spec.running ? "Running" : "Stopped");
    const made = await Promise.all(names.map((name) => claw.instances.create(declared(name))));
    if (first !== "made") {
      await eventually(
        () => Promise.all(made.map(({ metadata }) => claw.instances.get(metadata.name))),
        (items) => items.every(isSettled),
      );
      const change = {
        configured: (name: string) => claw.instances.replace(name, declared(name, prefix("first: "))),
        moved: (name: string) =>
          claw.instances.replace(name, declared(name, { storage: { size: "1Gi", configDir: "/c1", dataDir: "/d1" } })),
        destroyed: (name: string) => claw.instances.delete(name),
      }[first as "configured" | "moved" | "destroyed"];
      await Promise.all(names.map(change));
    }
    await eventually(async () => made.some(({ metadata }) => begun(service.dataDir, metadata.uid)), Boolean);
    spawnSync("pkill", ["-KILL", "-P", String(process.pid), "-f", "stack-worker"]);
    for (const { metadata } of agents ? made : []) {
      killAgent(metadata.uid);
    }
    // A wish may come too late for an instance that is gone or going.
    await Promise.all(names.map((name) => Promise.resolve(wishes[wishOf(name)]?.(claw, name)).catch(() => undefined)));
    const isGone = (name: string) => first === "destroyed" || ["destroyed", "purged", "away"].includes(wishOf(name));
    const left = await eventually(list, (items) => items.every((item) => isSettled(item) && !isGone(item.metadata.name)), 90_000);
    expect(left.map(({ metadata }) => metadata.name).sort()).toEqual(names.filter((name) => !isGone(name)).sort());

    const uids = (items: readonly ClawInstance[]) => items.map(({ metadata }) => metadata.uid).sort();
    const inStorm = new Set(uids(made));
    const away = made.find(({ metadata }) => wishOf(metadata.name) === "away")?.metadata.uid ?? "";
    await expect.poll(() => existsSync(join(service.dataDir, "run", away)), { timeout: 60_000 }).toBe(false);
    const stack = await service.claw().stacks.export("storm", {});
    const { resources = [], pending_operations = [] } = stack.deployment;
    expect(pending_operations).toEqual([]);
    expect(resources.flatMap(({ type, id }) => (type === "clusterclaw:process:Process" ? [id] : [])).sort()).toEqual(uids(left));
    expect(
      readdirSync(join(service.dataDir, "run"))
        .filter((uid) => inStorm.has(uid))
        .sort(),
    ).toEqual(uids(left));
    const running = left.filter(({ spec }) => spec.running);
    for (const uid of inStorm) {
      const count = () => processesIn(join(service.dataDir, "run", uid)).length;
      // An agent and its claw; a stopped claw has neither.
      const wanted = running.some(({ metadata }) => metadata.uid === uid) ? 2 : 0;
      await expect.poll(count, { timeout: 30_000 }).toBe(wanted);
    }
    const released = () => claims().filter((uid) => inStorm.has(uid) && !uids(left).includes(uid));
    await expect.poll(released, { timeout: 30_000 }).toEqual([]);
    const purged = made.find(({ metadata }) => metadata.name === "purged")?.metadata.uid ?? "";
    if (first !== "destroyed") {
      expect(existsSync(join(service.dataDir, "tenants", "storm", purged))).toBe(false);
      await expect.poll(() => existsSync(join(service.dataDir, "tenants", "storm", away)), { timeout: 30_000 }).toBe(false);
    }
    for (const { metadata } of left) {
      const prefixOf = { configured: "later: ", moved: "", secret: "" }[metadata.name] ?? (first === "configured" ? "first: " : "");
      expect(configOf(service.dataDir, metadata.uid)).toContain(prefixOf);
    }
    await Promise.all(left.map(({ metadata }) => claw.instances.delete(metadata.name, { purgeData: true })));
    await eventually(list, (items) => items.length === 0);
  });
});

function killAgent(uid: string): void {
  const { pid } = JSON.parse(readFileSync(join(service.dataDir, "run", uid, "agent.json"), "utf8"));
  process.kill(pid, "SIGKILL");
}

/** The instances that have claims of ports. */
function claims(): string[] {
  const ports = join(service.dataDir, "ports");
  return readdirSync(ports).flatMap((name) => (/^\d+$/.test(name) ? [JSON.parse(readFileSync(join(ports, name), "utf8")).uid] : []));
}

/** The text of an instance's config files, wherever in its folder they are. */
function configOf(host: string, uid: string): string {
  const own = join(host, "tenants", "storm", uid);
  const files = existsSync(own) ? readdirSync(own, { recursive: true, withFileTypes: true }) : [];
  return files.flatMap((file) => (file.isFile() ? [readFileSync(join(file.parentPath, file.name), "utf8")] : [])).join("\n");
}
