import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "vitest";
import { openClawCompletion } from "../../../adapters/claws/openclaw/config-schemas.ts";
import { confinementOf } from "../../../adapters/confinement/confinement.ts";
import { runConfined } from "../../../adapters/confinement/run-confined.ts";
import { installSoftware } from "../../../adapters/providers/clusterclaw/software.ts";
import { aRegistry } from "../../support/npm-registry.ts";
import { eventually } from "../../support/service.ts";

const PENDING = ".openclaw-lifecycle-pending";

/** A host with a secret of the control plane's. */
function aHost(test: TestContext) {
  const hostDir = mkdtempSync(join(tmpdir(), "claw-schema-"));
  test.onTestFinished(() => rmSync(hostDir, { recursive: true, force: true }));
  chmodSync(hostDir, 0o755);
  writeFileSync(join(hostDir, "master.key"), "key", { mode: 0o600 });
  const cacheDir = join(hostDir, "software");
  const dir = join(cacheDir, "openclaw", "1.0.0");
  const packageDir = join(dir, "node_modules", "openclaw");
  const schemaFile = join(dir, "config-schema.json");
  const version = { cacheDir, package: "openclaw", version: "1.0.0" };
  const install = (signal?: AbortSignal) => installSoftware(version, openClawCompletion(runConfined), signal);
  return { hostDir, cacheDir, dir, packageDir, schemaFile, install };
}

/** A registry's openclaw, which has not finished its installation, as the real one once npm is done with it. */
const published = (hostDir: string, program: string) =>
  aRegistry({
    name: "openclaw",
    version: "1.0.0",
    bin: { openclaw: "openclaw.mjs" },
    files: { "openclaw.mjs": program.replaceAll("HOST", hostDir), [PENDING]: "pending" },
  });

const finishes = `
import { chmodSync, symlinkSync, rmSync } from "node:fs";
rmSync(new URL("${PENDING}", import.meta.url));`;

const looks = `
import { readFileSync, writeFileSync } from "node:fs";
const attempt = (work) => { try { work(); return "done"; } catch (error) { return error.code; } };
writeFileSync(process.env.HOME + "/state", "kept while it runs");
console.log(JSON.stringify({
  uid: process.getuid(),
  variables: Object.keys(process.env).sort(),
  key: attempt(() => readFileSync("HOST/master.key")),
  own: attempt(() => writeFileSync(new URL("own", import.meta.url), "")),
  beside: attempt(() => writeFileSync(new URL("../beside", import.meta.url), "")),
}));`;

/** Leaves a process behind in a session of its own, and goes on for ever. */
const stays = `
import { spawn } from "node:child_process";
spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "HOST"], { detached: true, stdio: "ignore" }).unref();
setInterval(() => {}, 1000);`;

/** Ids of processes that were started with a text among their arguments. */
const processesWith = (text: string) =>
  readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(text);
    } catch {
      return false;
    }
  });

describe("an OpenClaw that npm has installed", () => {
  it("finishes its installation and prints its config schema, as confined as the claws of the host, and leaves nothing", async (test) => {
    process.env["CLAW_OF_THE_SERVICE"] = "1";
    test.onTestFinished(() => void delete process.env["CLAW_OF_THE_SERVICE"]);
    const { hostDir, packageDir, schemaFile, install } = aHost(test);
    await published(hostDir, finishes + looks);
    await install();
    const seen = JSON.parse(readFileSync(schemaFile, "utf8"));
    test
      .expect(seen.variables)
      .toEqual([
        "HOME",
        "OPENCLAW_NO_AUTO_UPDATE",
        "OPENCLAW_STATE_DIR",
        "PATH",
        ...(seen.variables.includes("PWD") ? ["PWD"] : []),
        "TMPDIR",
      ]);
    test.expect(readdirSync(join(hostDir, "runs"))).toEqual([]);
    test.expect(existsSync(join(packageDir, PENDING))).toBe(false);
    const { kind } = confinementOf(hostDir);
    if (kind === "none") {
      return test.skip("claws can't be confined here");
    }
    test.expect(seen).toMatchObject({
      key: kind === "user" ? "EACCES" : "ENOENT",
      own: "done",
      beside: kind === "user" ? "EACCES" : "EROFS",
    });
    if (kind === "user") {
      test.expect(seen.uid).toBeGreaterThan(1000);
    }
  });

  it("leaves what claws of all users run as nobody else may change it, without links to elsewhere", async (test) => {
    const { hostDir, packageDir, install } = aHost(test);
    const opens = `
      for (const name of [".", "openclaw.mjs"]) chmodSync(new URL(name, import.meta.url), 0o777);
      symlinkSync("openclaw.mjs", new URL("within", import.meta.url));
      symlinkSync("HOST/master.key", new URL("elsewhere", import.meta.url));
      console.log("{}");`;
    await published(hostDir, finishes + opens);
    await install();
    for (const name of [".", "openclaw.mjs", "package.json"]) {
      const { uid, mode } = lstatSync(join(packageDir, name));
      test.expect([name, uid, mode & 0o022]).toEqual([name, process.getuid?.(), 0]);
    }
    test.expect(readdirSync(packageDir).sort()).toEqual(["openclaw.mjs", "package.json", "within"]);
  });

  it("is not taken for installed when it did not finish, and its reason is told", async (test) => {
    const { hostDir, cacheDir, install } = aHost(test);
    await published(hostDir, `console.error("openclaw: the moon is full"); process.exit(1);`);
    await test
      .expect(install())
      .rejects.toThrow("InstallFailed: openclaw@1.0.0 has not finished its own installation: openclaw: the moon is full");
    test.expect(readdirSync(join(cacheDir, "openclaw"))).toEqual([]);
  });

  it("is completed where an earlier control plane has left it, and may write there only to finish its installation", async (test) => {
    for (const isPending of [true, false]) {
      const { hostDir, packageDir, schemaFile, install } = aHost(test);
      mkdirSync(packageDir, { recursive: true });
      const program = ((isPending ? finishes : "") + looks).replaceAll("HOST", hostDir);
      writeFileSync(join(packageDir, "openclaw.mjs"), program);
      writeFileSync(join(packageDir, "package.json"), JSON.stringify({ name: "openclaw", version: "1.0.0", bin: "openclaw.mjs" }));
      if (isPending) {
        writeFileSync(join(packageDir, PENDING), "pending");
      }
      await install();
      const { own } = JSON.parse(readFileSync(schemaFile, "utf8"));
      test.expect(existsSync(join(packageDir, PENDING))).toBe(false);
      const { kind } = confinementOf(hostDir);
      test.expect(own).toBe(isPending || kind === "none" ? "done" : { user: "EACCES", sandbox: "EROFS" }[kind]);
    }
  });

  it("is nobody else's any more once it is completed, though who completed it first was killed meanwhile", async (test) => {
    const { cacheDir, dir, packageDir, install } = aHost(test);
    mkdirSync(packageDir, { recursive: true });
    const dies = `
      import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
      const [pending, left] = ["${PENDING}", "left"].map((name) => new URL(name, import.meta.url));
      if (existsSync(left)) {
        console.log("{}");
      } else {
        rmSync(pending);
        chmodSync(new URL("openclaw.mjs", import.meta.url), 0o777);
        writeFileSync(left, "");
        setInterval(() => {}, 1000);
      }`;
    writeFileSync(join(packageDir, "openclaw.mjs"), dies);
    writeFileSync(join(packageDir, "package.json"), JSON.stringify({ name: "openclaw", version: "1.0.0", bin: "openclaw.mjs" }));
    writeFileSync(join(packageDir, PENDING), "pending");
    const imported = (path: string) => JSON.stringify(new URL(`../../../adapters/${path}`, import.meta.url).href);
    const worker = spawn(process.execPath, [
      "--input-type=module",
      "-e",
      `import { openClawCompletion } from ${imported("claws/openclaw/config-schemas.ts")};
       import { runConfined } from ${imported("confinement/run-confined.ts")};
       import { installSoftware } from ${imported("providers/clusterclaw/software.ts")};
       const version = { cacheDir: ${JSON.stringify(cacheDir)}, package: "openclaw", version: "1.0.0" };
       await installSoftware(version, openClawCompletion(runConfined));`,
    ]);
    test.onTestFinished(() => void worker.kill("SIGKILL"));
    await eventually(
      async () => existsSync(join(packageDir, "left")),
      (isHalfDone) => isHalfDone,
    );
    worker.kill("SIGKILL");
    await once(worker, "exit");
    // Nobody touches its lock any more.
    utimesSync(`${dir}.lock`, new Date(0), new Date(0));
    await install();
    for (const name of [".", "left", "openclaw.mjs", "package.json"]) {
      const { uid, mode } = lstatSync(join(packageDir, name));
      test.expect([name, uid, mode & 0o022]).toEqual([name, process.getuid?.(), 0]);
    }
    test.expect(processesWith(join(packageDir, "openclaw.mjs"))).toEqual([]);
  });

  it("is ended with all that it started when nobody waits for it any more", async (test) => {
    const { hostDir, dir, install } = aHost(test);
    await published(hostDir, stays);
    const stop = new AbortController();
    const asked = install(stop.signal);
    await eventually(
      async () => processesWith(hostDir).length,
      (count) => count > 0,
    );
    stop.abort();
    await test.expect(asked).rejects.toMatchObject({ name: "AbortError" });
    test.expect(existsSync(dir)).toBe(false);
    if (confinementOf(hostDir).kind !== "none") {
      await eventually(
        async () => processesWith(hostDir),
        (left) => left.length === 0,
      );
    } else {
      for (const pid of processesWith(hostDir)) {
        process.kill(Number(pid), "SIGKILL");
      }
    }
  });
});
