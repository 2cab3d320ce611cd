import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { sandboxArguments } from "../../../adapters/confinement/sandbox.ts";
import { findProgram } from "../../support/find-program.ts";

const NOBODY = 65_534;

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
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
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
