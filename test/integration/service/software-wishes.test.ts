import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { processesIn } from "../../support/agent/harness.ts";
import { anInstance, aTenant } from "../../support/builders/manifests.ts";
import { aRegistry } from "../../support/npm-registry.ts";
import { eventually, startTestService } from "../../support/service.ts";

/** What the registry has for `openclaw`: it answers as one that runs, and costs next to nothing. */
const STAND_IN = `
import { createServer } from "node:http";
if (process.argv[2] === "config") {
  console.log("{}");
} else {
  const states = { "/startupz": { status: "started" }, "/readyz": { ready: true }, "/healthz": { status: "live" } };
  createServer(({ url }, response) => response.end(JSON.stringify(states[url] ?? {}))).listen(process.argv[4], "127.0.0.1");
}`;
const aVersion = (version: string) => ({
  name: "openclaw",
  version,
  bin: { openclaw: "openclaw.mjs" },
  files: { "openclaw.mjs": STAND_IN },
});

const isThere = (...path: string[]) => existsSync(join(...path));
/** Whether the version is being installed, or stands there. */
const isBegun = (host: string, version: string) =>
  isThere(host, "software", "openclaw") && readdirSync(join(host, "software", "openclaw")).some((name) => name.includes(version));

// The software of a claw is installed once per host and version, so each case has a service of its own.
describe.each([
  { first: "made", by: "installation", before: undefined, begun: (host: string) => isBegun(host, "1.0.0") },
  { first: "made", by: "agent", before: undefined, begun: (host: string, uid: string) => isThere(host, "run", uid, "process.json") },
  { first: "updated", by: "installation", before: "0.9.0", begun: (host: string) => isBegun(host, "1.0.0") },
  {
    first: "updated",
    by: "agent",
    before: "0.9.0",
    begun: (host: string, uid: string) => readFileSync(join(host, "run", uid, "process.json"), "utf8").includes("/openclaw/1.0.0"),
  },
])("instances that were being $first when the process was killed, as their $by showed", ({ before, begun }) => {
  it("run the version that is wished next, and nothing else of them is there", { timeout: 240_000 }, async ({ expect, onTestFinished }) => {
    await aRegistry(...["0.9.0", "1.0.0", "2.0.0"].map(aVersion));
    const service = await startTestService();
    onTestFinished(() => service.stop());
    await service.claw().tenants.create(aTenant("acme"));
    const claw = service.claw("acme");
    const at = (name: string, version: string) => anInstance(name, { type: "OpenClaw", version });
    const wishes: Readonly<Record<string, string>> = { newer: "2.0.0", same: "1.0.0", older: "0.9.0" };
    const names = Object.keys(wishes);
    const settled = () =>
      eventually(
        () => Promise.all(names.map((name) => claw.instances.get(name))),
        (all) => all.every(({ metadata, status }) => status.phase === "Running" && status.observedGeneration === metadata.generation),
        120_000,
      );
    const made = await Promise.all(names.map((name) => claw.instances.create(at(name, before ?? "1.0.0"))));
    if (before !== undefined) {
      await settled();
      await Promise.all(names.map((name) => claw.instances.replace(name, at(name, "1.0.0"))));
    }
    await eventually(async () => made.some(({ metadata }) => begun(service.dataDir, metadata.uid)), Boolean);
    spawnSync("pkill", ["-KILL", "-P", String(process.pid), "-f", "stack-worker"]);
    await Promise.all(names.map((name) => claw.instances.replace(name, at(name, wishes[name] ?? ""))));
    await settled();

    for (const { metadata } of made) {
      const run = join(service.dataDir, "run", metadata.uid);
      const wanted = `/software/openclaw/${wishes[metadata.name]}/`;
      // Two: its agent, and the claw, whose command line is its parent's while it is being started.
      const claws = () => {
        const lines = processesIn(run).map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8"));
        return lines.length === 2 ? lines.filter((line) => line.includes("openclaw.mjs")) : [];
      };
      await expect.poll(() => claws().map((line) => line.includes(wanted)), { timeout: 30_000 }).toEqual([true]);
    }
    const { resources = [], pending_operations = [] } = (await service.claw().stacks.export("acme", {})).deployment;
    expect(pending_operations).toEqual([]);
    const software = resources.filter(({ type }) => type === "clusterclaw:process:Software").map(({ id }) => id);
    expect(software.sort()).toEqual(["openclaw@0.9.0", "openclaw@1.0.0", "openclaw@2.0.0"]);
    // Drafts and locks go; a version that nobody runs any more stays for whoever wants it.
    const known = readdirSync(join(service.dataDir, "software", "openclaw"));
    expect(known.filter((name) => !/^\d\.\d\.0$/.test(name))).toEqual([]);
  });
});
