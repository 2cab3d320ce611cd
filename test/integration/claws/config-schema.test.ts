import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "vitest";
import { keepConfigSchema } from "../../../adapters/claws/openclaw/config-schemas.ts";
import { confinementOf } from "../../../adapters/confinement/confinement.ts";
import { runConfined } from "../../../adapters/confinement/run-confined.ts";
import { eventually } from "../../support/service.ts";

/** A host with a secret of the control plane's, and a program installed that is asked for its schema. */
function installed(test: TestContext, program: string) {
  const hostDir = mkdtempSync(join(tmpdir(), "claw-schema-"));
  test.onTestFinished(() => rmSync(hostDir, { recursive: true, force: true }));
  chmodSync(hostDir, 0o755);
  writeFileSync(join(hostDir, "master.key"), "key", { mode: 0o600 });
  const cacheDir = join(hostDir, "software");
  const dir = join(cacheDir, "openclaw", "1.0.0");
  const packageDir = join(dir, "node_modules", "openclaw");
  mkdirSync(packageDir, { recursive: true });
  writeFileSync(join(packageDir, "openclaw.mjs"), program.replaceAll("HOST", hostDir));
  return { hostDir, package: "openclaw", cacheDir, dir };
}

const looks = `
import { existsSync, readFileSync, writeFileSync } from "node:fs";
const attempt = (work) => { try { work(); return "done"; } catch (error) { return error.code; } };
writeFileSync(process.env.HOME + "/state", "kept while it runs");
console.log(JSON.stringify({
  uid: process.getuid(),
  variables: Object.keys(process.env).sort(),
  key: attempt(() => readFileSync("HOST/master.key")),
  change: attempt(() => writeFileSync(new URL("x", import.meta.url), "")),
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

describe("a program that is asked for its config schema where it is installed", () => {
  it("is confined as the claws of the host are, and leaves nothing", async (test) => {
    process.env["CLAW_OF_THE_SERVICE"] = "1";
    test.onTestFinished(() => void delete process.env["CLAW_OF_THE_SERVICE"]);
    const { hostDir, ...version } = installed(test, looks);
    await keepConfigSchema(runConfined)(version);
    const seen = JSON.parse(readFileSync(join(version.dir, "config-schema.json"), "utf8"));
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
    const { kind } = confinementOf(hostDir);
    if (kind === "none") {
      return test.skip("claws can't be confined here");
    }
    test.expect(seen).toMatchObject({ key: kind === "user" ? "EACCES" : "ENOENT", change: kind === "user" ? "EACCES" : "EROFS" });
    if (kind === "user") {
      test.expect(seen.uid).toBeGreaterThan(1000);
    }
  });

  it("is ended with all that it started when nobody waits for it any more", async (test) => {
    const { hostDir, ...version } = installed(test, stays);
    const stop = new AbortController();
    const asked = keepConfigSchema(runConfined)(version, stop.signal);
    await eventually(
      async () => processesWith(hostDir).length,
      (count) => count > 0,
    );
    stop.abort();
    await test.expect(asked).rejects.toMatchObject({ name: "AbortError" });
    test.expect(existsSync(join(version.dir, "config-schema.json"))).toBe(false);
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
