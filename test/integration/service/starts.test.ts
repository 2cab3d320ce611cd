import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, it, onTestFinished } from "vitest";
import { isRunning, until } from "../../support/agent/harness.ts";
import { freePort } from "../../support/free-port.ts";

interface Start {
  readonly child: ChildProcess;
  /** Its exit code. */
  readonly ended: Promise<number | null>;
  /** All that it said on its way to an end. */
  errors(): string;
  /** Whether it answers requests, which need the database. */
  answers(): Promise<boolean>;
}

/** A data folder with the embedded PostgreSQL, and `npm start` on it as often as wanted. */
async function aDataFolder() {
  const dataDir = await mkdtemp(join(tmpdir(), "claw-starts-"));
  // PostgreSQL's user must be able to enter.
  await chmod(dataDir, 0o755);
  const port = await freePort();
  const starts: Start[] = [];
  const access = () => readFile(join(dataDir, "access.json"), "utf8").then(JSON.parse, () => ({}));
  onTestFinished(async () => {
    for (const { child, ended } of starts) {
      child.kill("SIGTERM");
      await ended;
    }
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    dataDir,
    access,
    start: (env: Readonly<Record<string, string>> = {}): Start => {
      const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", resolve("service/main.ts")], {
        env: { ...process.env, CLAW_DATA_DIR: dataDir, CLAW_PORT: String(port), CLAW_LOG_LEVEL: "error", ...env },
        stdio: ["ignore", "ignore", "pipe"],
      });
      let errors = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        errors += text;
      });
      const started: Start = {
        child,
        ended: new Promise((done) => child.once("close", done)),
        errors: () => errors,
        answers: async () => {
          const { pid, url } = await access();
          return (
            pid === child.pid &&
            (await fetch(`${url}/readyz`).then(
              ({ ok }) => ok,
              () => false,
            ))
          );
        },
      };
      starts.push(started);
      return started;
    },
    serverPid: async () => Number.parseInt(await readFile(join(dataDir, "postgres/cluster/postmaster.pid"), "utf8"), 10),
  };
}

describe("npm start on one data folder", () => {
  it("leaves the control plane that runs there answering, and says where it is", async ({ expect }) => {
    const { dataDir, access, start } = await aDataFolder();
    const first = start();
    await until(first.answers, "the first answers");
    const before = await access();
    for (const env of [{}, { CLAW_PORT: "0" }]) {
      const second = start(env);
      expect(await second.ended).toBe(1);
      expect(await first.answers()).toBe(true);
      expect(await access()).toEqual(before);
      expect(second.errors()).toBe(
        `a control plane on the data folder ${dataDir} runs at ${before.url} (pid ${first.child.pid}): use it (its token is in ` +
          `${dataDir}/access.json), stop it with 'kill ${first.child.pid}', or start this one on another CLAW_DATA_DIR and CLAW_PORT\n`,
      );
    }
  });

  it("brings up one of those that start at the same time, and the others name it", async ({ expect }) => {
    const { start } = await aDataFolder();
    const all = [start(), start(), start()];
    await until(async () => (await Promise.all(all.map(({ answers }) => answers()))).includes(true), "one answers");
    const lives = await Promise.all(all.map(({ answers }) => answers()));
    const one = all[lives.indexOf(true)];
    const others = all.filter((started) => started !== one);
    expect(await Promise.all(others.map(({ ended }) => ended))).toEqual([1, 1]);
    expect(await one?.answers()).toBe(true);
    for (const other of others) {
      expect(other.errors()).toMatch(new RegExp(`(is just starting|runs at http\\S+) \\(pid ${one?.child.pid}\\)`));
    }
  });

  it("adopts PostgreSQL after a kill, and stops it in the end", async ({ expect }) => {
    const { start, serverPid } = await aDataFolder();
    const first = start();
    await until(first.answers, "the first answers");
    const server = await serverPid();
    first.child.kill("SIGKILL");
    const second = start();
    await until(second.answers, "the second answers");
    expect(await serverPid()).toBe(server);
    second.child.kill("SIGTERM");
    await second.ended;
    expect(isRunning(server)).toBe(false);
  });

  it("is not held up by what a control plane left whose process id is somebody else's now", async () => {
    const { dataDir, start } = await aDataFolder();
    await writeFile(join(dataDir, "access.json"), JSON.stringify({ url: "http://127.0.0.1:1", token: "t", pid: process.pid }));
    await until(start().answers, "the control plane answers");
  });
});
