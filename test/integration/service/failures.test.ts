import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, it, onTestFinished } from "vitest";
import type { Claw } from "../../../sdk/client/index.ts";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { anEcho, anInstance, aTenant } from "../../support/builders/manifests.ts";
import { runCli } from "../../support/cli.ts";
import { freePort } from "../../support/free-port.ts";
import { aRegistry } from "../../support/npm-registry.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

/** A program of OpenClaw's name that answers its probes, or ends at once. */
const serves = `import { createServer } from "node:http";
const answers = { "/startupz": { status: "started" }, "/readyz": { ready: true }, "/healthz": { status: "live" } };
if (process.argv[2] !== "gateway") process.exit(1);
createServer((req, res) => res.end(JSON.stringify(answers[req.url] ?? {}))).listen(Number(process.argv[4]), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const ends = 'if (process.argv[2] === "gateway") console.error("no model today");\nprocess.exit(1);\n';
const openClaw = (version: string, program: string) => ({
  name: "openclaw",
  version,
  bin: { openclaw: "openclaw.mjs" },
  files: { "openclaw.mjs": program },
});

async function aService(): Promise<{ service: TestService; claw: Claw }> {
  const service = await startTestService();
  onTestFinished(() => service.stop());
  await service.claw().tenants.create(aTenant("acme"));
  return { service, claw: service.claw("acme") };
}

const readyOf = ({ status }: ClawInstance) => status.conditions.find(({ type }) => type === "Ready");
const withReason = (claw: Claw, name: string, reason: string) =>
  eventually(
    () => claw.instances.get(name),
    (instance) => readyOf(instance)?.reason === reason,
    60_000,
  );
const isReady = (instance: ClawInstance) => readyOf(instance)?.status === "True";

/** What a person sees of it, with the reason and what to do. */
async function told(service: TestService, name: string): Promise<string> {
  const options = { url: service.url, env: { CLAW_TOKEN: service.adminToken } };
  const [described, listed] = await Promise.all([
    runCli(["describe", name], options),
    runCli(["get", "instance", name, "-o", "wide"], options),
  ]);
  return `${described.stdout}\n${listed.stdout}`;
}

describe("a failure that comes after the write was accepted", () => {
  it("of the claw's software is a condition that says what to do, and goes with its cause", { timeout: 300_000 }, async ({ expect }) => {
    // A worker takes npm's settings from the environment that the service starts in.
    const registry = await aRegistry(openClaw("2.0.0", serves), openClaw("2.0.1", ends), { name: "openclaw", version: "0.0.1" });
    process.env["npm_config_fetch_timeout"] = "1000";
    process.env["npm_config_fetch_retries"] = "0";
    onTestFinished(() => {
      delete process.env["npm_config_fetch_timeout"];
      delete process.env["npm_config_fetch_retries"];
    });
    const { service, claw } = await aService();
    const create = (name: string, version: string) => claw.instances.create(anInstance(name, { type: "OpenClaw", version }));

    registry.mode = "refuse";
    await create("late", "2.0.0");
    const unreachable = await withReason(claw, "late", "RegistryUnreachable");
    expect(unreachable.status.phase).toBe("Failed");
    expect(readyOf(unreachable)?.message).toContain("check the network, the proxy and npm's 'registry' setting");
    const text = await told(service, "late");
    expect(text).toContain("RegistryUnreachable");
    expect(text).toContain("npm's 'registry' setting");

    registry.mode = "hang";
    const attempts = (await claw.instances.events("late", {})).items.length;
    await eventually(
      async () => claw.instances.events("late", {}),
      ({ items }) => items.length > attempts,
      60_000,
    );
    expect(readyOf(await claw.instances.get("late"))?.reason).toBe("RegistryUnreachable");

    registry.mode = "serve";
    expect((await eventually(() => claw.instances.get("late"), isReady, 60_000)).status.phase).toBe("Running");

    await create("typo", "9.9.9");
    expect(readyOf(await withReason(claw, "typo", "VersionNotFound"))?.message).toContain("choose a version that exists");
    await create("empty", "0.0.1");
    expect(readyOf(await withReason(claw, "empty", "PlaceholderPackage"))?.message).toContain("choose another version");

    await create("broken", "2.0.1");
    const first = await withReason(claw, "broken", "ExitedAtOnce");
    expect(readyOf(first)?.message).toContain("no model today");
    const looping = await withReason(claw, "broken", "CrashLoop");
    expect(looping.status).toMatchObject({ phase: "Failed", restarts: 5 });
    expect(await told(service, "broken")).toContain("CrashLoop");

    // Each is mended by a version that works, at once and without waiting for a back-off.
    for (const name of ["typo", "empty", "broken"]) {
      await claw.instances.replace(name, anInstance(name, { type: "OpenClaw", version: "2.0.0" }));
    }
    for (const name of ["typo", "empty", "broken"]) {
      await eventually(() => claw.instances.get(name), isReady, 60_000);
    }
  });

  it("of its port is a condition that says what to do, and goes with its cause", async ({ expect }) => {
    const { service, claw } = await aService();
    const port = await freePort();
    const blocker = createServer().listen(port, "127.0.0.1");
    await once(blocker, "listening");
    await claw.instances.create(anEcho("blocked", { network: { port } }));
    const failed = await withReason(claw, "blocked", "PortInUse");
    expect(failed.status).toMatchObject({ phase: "Failed", restarts: 0 });
    expect(readyOf(failed)?.message).toContain(`port ${port} is in use by another program: free it, choose another network.port`);
    expect(await told(service, "blocked")).toContain("PortInUse");
    blocker.close();
    await eventually(() => claw.instances.get("blocked"), isReady);
  });

  it("of its disk is a condition that says what to do, and goes with its cause", { timeout: 90_000 }, async ({ expect, skip }) => {
    const { service, claw } = await aService();
    const folder = join(service.dataDir, "tenants");
    await mkdir(folder, { recursive: true });
    const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]);
    skip(status !== 0, "mount is not permitted here: a disk can't be filled");
    onTestFinished(async () => void (await promisify(execFile)("umount", ["--lazy", folder])));
    const filler = join(folder, "filler");
    await writeFile(filler, Buffer.alloc(1024 * 1024)).catch(() => {});
    await claw.instances.create(anEcho("full"));
    const failed = await withReason(claw, "full", "DiskFull");
    expect(failed.status.phase).toBe("Failed");
    expect(readyOf(failed)?.message).toContain("free space on that disk");
    expect(await told(service, "full")).toContain("DiskFull");
    await rm(filler);
    await eventually(() => claw.instances.get("full"), isReady, 60_000);
  });
});
