import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { confinementOf, prepareFolders } from "../../../adapters/confinement/confinement.ts";
import { sandboxArguments } from "../../../adapters/confinement/sandbox.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { runCli } from "../../support/cli.ts";
import { consoleOf } from "../../support/console.ts";
import { findProgram } from "../../support/find-program.ts";
import { createMigratedDatabase } from "../../support/postgres.ts";
import { eventually } from "../../support/service.ts";
import { startServiceProcess } from "../../support/service-process.ts";

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

describe("the sandbox of a claw, where the service is not root", () => {
  it("shows it its own folders, and nothing else of its user's: no file, no process, no environment", (test) => {
    const bwrap = findProgram("bwrap");
    if (bwrap === undefined) {
      return test.skip("no bubblewrap on this machine");
    }
    const host = mkdtempSync(join(tmpdir(), "claw-sandbox-"));
    test.onTestFinished(() => rmSync(host, { recursive: true }));
    chmodSync(host, 0o755);
    const [own, theirs, tmpDir] = ["own", "theirs", "tmp"].map((name) => join(host, name)) as [string, string, string];
    writeFileSync(join(host, "master.key"), "key");
    for (const dir of [own, theirs, tmpDir]) {
      mkdirSync(dir);
      writeFileSync(join(dir, "secret.txt"), "theirs");
    }
    const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
    for (const path of [host, own, theirs, tmpDir, ...[own, theirs, tmpDir].map((dir) => join(dir, "secret.txt"))]) {
      if ("uid" in user) {
        chownSync(path, NOBODY, NOBODY);
      }
    }
    const attempts = [
      `cat ${host}/master.key`,
      `cat ${theirs}/secret.txt`,
      `touch ${host}/x`,
      `touch /usr/x`,
      `grep -z SECRET_OF_THE_SERVICE /proc/[0-9]*/environ`,
      `kill -0 ${process.pid}`,
      `ls ${process.cwd()}`,
    ];
    const script = [
      `cat ${own}/secret.txt; echo kept > ${own}/kept.txt`,
      ...attempts.map((each) => `${each} && echo REACHED "${each}"`),
      "echo done",
    ];
    const view = { writable: [own], readable: [], tmpDir, cwd: own, isSession: true };
    const { stdout, stderr } = spawnSync(bwrap, [...sandboxArguments(view), "/usr/bin/env", "-i", "/bin/sh", "-c", script.join("\n")], {
      ...user,
      cwd: host,
      env: { SECRET_OF_THE_SERVICE: "1" },
      encoding: "utf8",
    });
    if (/namespace|Operation not permitted/.test(stderr) && stdout === "") {
      return test.skip("no bubblewrap on this machine that may make namespaces");
    }
    test.expect(stdout.split("\n").filter((line) => line.startsWith("REACHED"))).toEqual([]);
    test.expect(stdout).toMatch(/^theirs[\s\S]*done\n$/);
    test.expect(readFileSync(join(own, "kept.txt"), "utf8")).toBe("kept\n");
  });
});

describe("a service that is not root", () => {
  it("keeps a claw and its terminal in the sandbox, from start to stop, and shows them nothing of its own", {
    timeout: 180_000,
  }, async (test) => {
    const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
    const bwrap = findProgram("bwrap");
    const view = sandboxArguments({ writable: [], readable: [], tmpDir: "/var", cwd: "/", isSession: true });
    const mayRun = ["/bin/true", process.execPath].map((program) => spawnSync(program, ["--version"], { ...user, cwd: "/" }).status === 0);
    if (bwrap === undefined || spawnSync(bwrap, [...view, "/bin/true"], { ...user, cwd: "/" }).status !== 0) {
      return test.skip("no bubblewrap on this machine that may make namespaces");
    }
    if (mayRun.includes(false) || spawnSync("/bin/cat", [join(process.cwd(), "package.json")], user).status !== 0) {
      return test.skip("another user can't reach Node.js and this checkout");
    }
    const database = await createMigratedDatabase();
    const service = await startServiceProcess({ CLAW_DATABASE_URL: database.url, CLAW_WORKERS: "1" }, user);
    test.onTestFinished(async () => {
      await service.stop();
      await database.drop();
    });
    test.expect(JSON.parse(readFileSync(join(service.dataDir, "confinement.json"), "utf8"))).toEqual({ kind: "sandbox", bwrap });
    await service.claw().tenants.create(aTenant("acme"));
    const claw = service.claw("acme");
    const phase = (wanted: string) =>
      eventually(
        () => claw.instances.get("boxed"),
        ({ status }) => status.phase === wanted,
      );
    const { metadata } = await claw.instances.create(anEcho("boxed"));
    await phase("Running");
    const described = await runCli(["describe", "boxed"], { url: service.url, env: { CLAW_TOKEN: service.token, CLAW_TENANT: "acme" } });
    test.expect(described.stdout).toMatch(/^Confined: +by a sandbox \(bubblewrap\)$/m);
    const agent = JSON.parse(readFileSync(join(service.dataDir, "run", metadata.uid, "agent.json"), "utf8"));
    const theirs = join(service.dataDir, "tenants/other/secret.txt");
    mkdirSync(join(service.dataDir, "tenants/other"));
    writeFileSync(theirs, "theirs", { mode: 0o644 });
    const answer = await consoleOf(service, "acme", "boxed", [
      ...[
        `cat ${service.dataDir}/master.key`,
        `cat ${service.dataDir}/access.json`,
        `ls ${service.dataDir}/run | grep -v ${metadata.uid}`,
        `ls ${service.dataDir}/tenants | grep -v acme`,
        `cat ${theirs}`,
        `cat /proc/${agent.pid}/environ`,
        `kill -0 ${agent.pid}`,
        `kill -0 ${service.pid}`,
        `cat ${process.cwd()}/package.json`,
      ].map((attempt) => `(${attempt}) >/dev/null 2>&1 </dev/null && echo REACHED "${attempt}"`),
      "echo kept > kept.txt; ls",
      "echo done-$((40 + 2))",
    ]);
    test.expect(answer.match(/^REACHED .*$/gm) ?? []).toEqual([]);
    test.expect(answer).toContain("done-42");
    test.expect(answer).toContain("kept.txt");
    await claw.instances.stop("boxed");
    await phase("Stopped");
    await claw.instances.start("boxed");
    await phase("Running");
    await claw.instances.delete("boxed");
  });
});

describe("a claw of before claws were confined", () => {
  it("gets what it left into its own hands at its next start, and nothing that its links lead to", (test) => {
    const hostDir = mkdtempSync(join(tmpdir(), "claw-before-"));
    test.onTestFinished(() => rmSync(hostDir, { recursive: true }));
    chmodSync(hostDir, 0o755);
    const confinement = confinementOf(hostDir);
    if (confinement.kind !== "user") {
      return test.skip("claws have no users of their own here");
    }
    const instance = join(hostDir, "tenants/acme/ins_1");
    const own = ["config", "data"].map((name) => join(instance, name));
    const tmpDir = join(hostDir, "run/ins_1/claw/tmp");
    for (const dir of [...own, join(instance, "data/deep/er")]) {
      mkdirSync(dir, { recursive: true });
    }
    const outside = join(hostDir, "access.json");
    writeFileSync(outside, "{}", { mode: 0o600 });
    const files = ["config/config.json", "data/deep/er/state"].map((name) => join(instance, name));
    for (const file of files) {
      writeFileSync(file, "x", { mode: 0o600 });
    }
    symlinkSync(outside, join(instance, "data/link"));
    // Its access rights were its user's own: root's.
    test.expect(files.map((file) => lstatSync(file).uid)).toEqual([0, 0]);
    prepareFolders(confinement, { hostDir, dataDir: join(instance, "data"), own: [...own, tmpDir], tmpDir, readable: [] });
    const { uid, gid } = lstatSync(join(instance, "data"));
    test.expect(uid).toBeGreaterThan(1000);
    for (const path of [...own, tmpDir, ...files, join(instance, "data/deep"), join(instance, "data/link")]) {
      test.expect([path, lstatSync(path).uid, lstatSync(path).gid]).toEqual([path, uid, gid]);
    }
    test.expect(lstatSync(outside).uid).toBe(0);
    // Another tenant's is somebody else, and what is on the way is passed by the tenant's group alone.
    test.expect(lstatSync(join(hostDir, "tenants/acme"))).toMatchObject({ uid: 0, gid });
    test.expect(lstatSync(join(hostDir, "tenants/acme")).mode & 0o777).toBe(0o710);
    const other = join(hostDir, "tenants/other/ins_2/data");
    prepareFolders(confinement, { hostDir, dataDir: other, own: [other], tmpDir: other, readable: [] });
    test.expect(lstatSync(other).uid).not.toBe(uid);
  });
});
