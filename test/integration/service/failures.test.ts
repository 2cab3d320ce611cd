import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, it, onTestFinished } from "vitest";
import { type Claw, NotFoundError } from "../../../sdk/client/index.ts";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { anEcho, anInstance, aTenant } from "../../support/builders/manifests.ts";
import { runCli } from "../../support/cli.ts";
import { freePort } from "../../support/free-port.ts";
import { aRegistry } from "../../support/npm-registry.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

/** A program of OpenClaw's name that answers its probes, or ends at once. */
const SERVES = `import { createServer } from "node:http";
const answers = { "/startupz": { status: "started" }, "/readyz": { ready: true }, "/healthz": { status: "live" } };
if (process.argv[2] !== "gateway") process.exit(1);
createServer((req, res) => res.end(JSON.stringify(answers[req.url] ?? {}))).listen(Number(process.argv[4]), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const ENDS = 'if (process.argv[2] === "gateway") console.error("no model today");\nprocess.exit(1);\n';
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
    const registry = await aRegistry(openClaw("2.0.0", SERVES), openClaw("2.0.1", ENDS), { name: "openclaw", version: "0.0.1" });
    process.env["npm_config_fetch_timeout"] = "1000";
    process.env["npm_config_fetch_retries"] = "0";
    onTestFinished(() => {
      delete process.env["npm_config_fetch_timeout"];
      delete process.env["npm_config_fetch_retries"];
    });
    const { service, claw } = await aService();
    const create = (name: string, version: string) =>
      claw.instances.create(anInstance(name, { type: "OpenClaw", version }), { allowUnchecked: true });

    registry.mode = "refuse";
    await create("late", "2.0.0");
    const unreachable = await withReason(claw, "late", "RegistryUnreachable");
    expect(unreachable.status.phase).toBe("Failed");
    expect(readyOf(unreachable)?.message).toContain("check the network, the proxy and npm's 'registry' setting");
    const text = await told(service, "late");
    expect(text).toContain("RegistryUnreachable");
    expect(text).toContain("npm's 'registry' setting");

    const cli = (...argv: string[]) => runCli(argv, { url: service.url, env: { CLAW_TOKEN: service.adminToken } });
    // What may come to be by itself is waited for, as long as asked.
    expect((await cli("start", "late", "--wait", "--timeout", "2s")).stderr).toContain("not done within 2s");

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

    // What can't is not.
    const typo = await cli("create", "typo", "--type", "OpenClaw", "--claw-version", "9.9.9", "--allow-unchecked", "--wait");
    expect(typo.stderr).toContain("instance/typo failed");
    expect(typo.stderr).toContain("VersionNotFound");
    expect(readyOf(await claw.instances.get("typo"))?.message).toContain("choose a version that exists");
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
      await claw.instances.replace(name, anInstance(name, { type: "OpenClaw", version: "2.0.0" }), { allowUnchecked: true });
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

    // The disk is full again when another is to go, which could not be set up.
    await writeFile(filler, Buffer.alloc(1024 * 1024)).catch(() => {});
    await claw.instances.create(anEcho("lost"));
    await withReason(claw, "lost", "DiskFull");
    await goesWithItsData(service, "lost");
  });
});

/** Destroys an instance with its data, and waits until nothing of it is left. */
async function goesWithItsData(service: TestService, name: string): Promise<void> {
  const claw = service.claw("acme");
  const { uid } = (await claw.instances.get(name)).metadata;
  await claw.instances.delete(name, { purgeData: true });
  await isGoneWithItsData(service, name, uid);
}

async function isGoneWithItsData(service: TestService, name: string, uid: string): Promise<void> {
  await eventually(
    () =>
      service
        .claw("acme")
        .instances.get(name)
        .catch((error: unknown) => error),
    (answer) => answer instanceof NotFoundError,
  );
  const left = await readdir(join(service.dataDir, "tenants", "acme")).catch((): string[] => []);
  if (left.includes(uid)) {
    throw new Error(`instance '${name}' is gone, and its folder '${uid}' is not`);
  }
}

describe("a deletion with its data ends, and takes them,", () => {
  const hasData = async ({ dataDir }: TestService, { metadata }: ClawInstance) =>
    (await readdir(join(dataDir, "tenants", "acme", metadata.uid)).catch((): string[] => [])).includes("data");

  it("of an instance whose software there is not, or can't be had", { timeout: 120_000 }, async ({ expect }) => {
    const registry = await aRegistry(openClaw("2.0.0", SERVES));
    const { service, claw } = await aService();
    const create = (name: string, version: string) =>
      claw.instances.create(anInstance(name, { type: "OpenClaw", version }), { allowUnchecked: true });
    await create("typo", "9.9.9");
    expect(await hasData(service, await withReason(claw, "typo", "VersionNotFound"))).toBe(true);
    await goesWithItsData(service, "typo");

    registry.mode = "refuse";
    await create("late", "2.0.0");
    expect(await hasData(service, await withReason(claw, "late", "RegistryUnreachable"))).toBe(true);
    await goesWithItsData(service, "late");
  });
});
