// One file, though a long one: what one supervisor does with one claw, from its start to its end.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, it, onTestFinished } from "vitest";
import type { ClawRecord } from "../../../service/agent/claw-process.ts";
import { aHost, aSpec, isRunning, processesIn, TestAgent, until } from "../../support/agent/harness.ts";

const httpGet = async (port: number | undefined, path: string) =>
  (await fetch(`http://127.0.0.1:${port}${path}`)).json() as Promise<Record<string, unknown>>;

describe("agent", () => {
  it("starts the claw with a clean environment, resolved placeholders and a port of its own", async ({ expect }) => {
    const spec = aSpec(aHost(), { env: { DATA: "${dataDir}/x", KEPT: "${OTHER}" } });
    const agent = await TestAgent.start(spec);
    const status = await agent.reaches("Ready");
    expect(status).toMatchObject({ reason: "Started", version: "1.2.3", restarts: 0, specDigest: spec.specDigest });
    const { env, cwd } = (await httpGet(status.port, "/env")) as { env: Record<string, string>; cwd: string };
    expect(cwd).toBe(spec.dirs.dataDir);
    expect(Object.keys(env).sort()).toEqual(["CLAW_RUN_DIR", "CLAW_TOKEN", "DATA", "HOME", "KEPT", "PATH", "PORT", "TMPDIR"]);
    expect(env).toMatchObject({
      DATA: `${spec.dirs.dataDir}/x`,
      KEPT: "${OTHER}",
      PORT: String(status.port),
      HOME: join(spec.dirs.dataDir, "home"),
    });
    expect(status.port).toBeGreaterThanOrEqual(19_000);
  });

  describe("what is to be done before a start", () => {
    const prepare = (script: string) => [
      { name: "install a plugin", command: ["/bin/sh", "-c", script], env: { WHERE: "${dataDir}" }, timeoutSeconds: 60 },
    ];

    it("is done once, before the first one, in the claw's own environment", async ({ expect }) => {
      const host = aHost();
      const spec = (more: object = {}) => aSpec(host, { runtime: { prepare: prepare('echo "$HOME" >> "$WHERE/prepared"') }, ...more });
      const agent = await TestAgent.start(spec());
      const prepared = () => readFileSync(join(spec().dirs.dataDir, "prepared"), "utf8");
      await agent.reaches("Ready");
      expect(prepared()).toBe(`${spec().dirs.dataDir}/home\n`);
      await agent.call("apply", spec({ running: false }));
      await agent.ended();
      const next = await TestAgent.start(spec());
      await next.reaches("Ready");
      expect(prepared()).toBe(`${spec().dirs.dataDir}/home\n`);
    });

    it("keeps the claw from starting while it fails, with the reason, and is ended when something else is wanted", async ({ expect }) => {
      const host = aHost();
      const failing = "echo fetching; echo 'npm error code E404'; echo bye; exit 1";
      const agent = await TestAgent.start(aSpec(host, { runtime: { prepare: prepare(failing) } }));
      expect(await agent.reaches("BackOff")).toMatchObject({
        reason: "PreparationFailed",
        message: expect.stringContaining("install a plugin failed: npm error code E404."),
      });
      expect(existsSync(join(agent.runDir, "logs", "claw.log"))).toBe(false);
      await agent.call("apply", aSpec(host, { runtime: { prepare: prepare("sleep 600") } }));
      await agent.reaches("Starting", "Preparing");
      await agent.call("apply", aSpec(host));
      await agent.reaches("Ready");
    });
  });

  it("says why a claw refused its configuration by its own program's word, not by advice that nobody can follow", async ({ expect }) => {
    const refusing = (explanation: string): object => ({
      command: ["/bin/sh", "-c", "echo 'Run \"claw doctor --fix\"'; exit 78"],
      exitCodes: { "78": { reason: "ConfigError", message: "It refused its configuration.", restart: false } },
      explain: { command: ["/bin/sh", "-c", explanation], ignore: ["claw doctor"] },
    });
    const issues = JSON.stringify({ issues: [{ path: "agents.ownership", message: "is missing" }] });
    const host = aHost();
    const agent = await TestAgent.start(aSpec(host, { runtime: refusing(`echo '${issues}'; exit 1`) }));
    const told = { reason: "ConfigError", message: "It refused its configuration. It says: agents.ownership: is missing" };
    expect(await agent.reaches("Failed")).toMatchObject(told);
    await agent.call("apply", aSpec(host, { runtime: refusing("exit 1") }));
    await until(
      async () => (await agent.call("status")).message === "It refused its configuration.",
      "nothing is said where nothing is known",
    );
  });

  it("lets a request in flight finish before it stops, ends with it, and starts again when asked", async ({ expect }) => {
    const host = aHost();
    const agent = await TestAgent.start(aSpec(host));
    const { port, pid } = await agent.reaches("Ready");
    const slow = httpGet(port, "/slow");
    await until(() => agent.log().includes("slow request"), "the request is in flight");
    await agent.call("apply", aSpec(host, { running: false }));
    expect(await slow).toEqual({ done: true });
    await agent.ended();
    expect(isRunning(pid)).toBe(false);
    expect(agent.child.exitCode).toBe(0);
    const { dirs } = aSpec(host);
    expect(readdirSync(dirs.runDir).filter((name) => name.startsWith("agent"))).toEqual([]);
    const next = await TestAgent.start(aSpec(host));
    expect((await next.reaches("Ready")).port).toBe(port);
  });

  it("follows what is written down for it, though whoever wrote it died before it could tell", async ({ expect }) => {
    const host = aHost();
    const agent = await TestAgent.start(aSpec(host));
    const { pid } = await agent.reaches("Ready");
    writeFileSync(join(agent.runDir, "process.json"), JSON.stringify(aSpec(host, { running: false })));
    await agent.ended();
    expect(isRunning(pid)).toBe(false);
  });

  it("tries anew when what failed was stopped and is started", async ({ expect }) => {
    const host = aHost();
    const spec = aSpec(host, { env: { EXIT_CODE: "78" } });
    const agent = await TestAgent.start(spec);
    await agent.reaches("Failed", "ConfigError");
    await agent.call("stop");
    await agent.ended();
    const next = await TestAgent.start(spec);
    await next.reaches("Failed", "ConfigError");
    expect(next.log().match(/starts/g)).toHaveLength(2);
  });

  it("kills a claw that ignores its stop signal after the grace time, and leaves no orphan", async ({ expect }) => {
    const host = aHost();
    const stop = { signal: "SIGTERM" as const, graceSeconds: 0.5 };
    const agent = await TestAgent.start(aSpec(host, { env: { STUBBORN: "1", CHILD: "1" }, runtime: { stop } }));
    await agent.reaches("Ready");
    await agent.call("stop");
    await until(() => processesIn(host).length === 0, "no process is left");
    expect(agent.log()).toMatch(/child \d+/);
  });

  it("ends children that began a session of their own together with the claw", async ({ expect }) => {
    const host = aHost();
    const agent = await TestAgent.start(aSpec(host, { env: { CHILD: "detached" } }));
    await agent.reaches("Ready");
    await until(() => /child \d+/.test(agent.log()), "the child runs");
    const child = Number(/child (\d+)/.exec(agent.log())?.[1]);
    expect(isRunning(child)).toBe(true);
    await agent.call("stop");
    await until(() => !isRunning(child), "the child is gone");
  });

  it("never restarts a claw that refuses its configuration until the specification changes", async ({ expect }) => {
    const host = aHost();
    const agent = await TestAgent.start(aSpec(host, { env: { EXIT_CODE: "78" } }));
    const status = await agent.reaches("Failed", "ConfigError");
    expect(status).toMatchObject({ lastExitCode: 78, restarts: 0 });
    expect(status.message).toContain("The configuration is refused.");
    await delay(1_500);
    expect(agent.log().match(/starts/g)).toHaveLength(1);
    // A change of the files alone may be the cure.
    await agent.call("apply", aSpec(host, { env: { EXIT_CODE: "78" }, configDigest: "files-2" }));
    await until(() => agent.log().match(/starts/g)?.length === 2, "a second attempt");
    await agent.reaches("Failed", "ConfigError");
    await agent.call("apply", aSpec(host));
    await agent.reaches("Ready");
  });

  it("tells an end by what the claw says of it, where its code alone means something else", async ({ expect }) => {
    const lastWords = [{ says: "my token is", reason: "DataTooNew", message: "Its data is of a newer version." }];
    for (const code of ["78", "1"]) {
      const agent = await TestAgent.start(aSpec(aHost(), { env: { EXIT_CODE: code }, runtime: { lastWords } }));
      const status = await agent.reaches("Failed", "DataTooNew");
      expect(status).toMatchObject({ lastExitCode: Number(code), restarts: 0 });
      expect(status.message).toContain("Its data is of a newer version.");
    }
  });

  it("keeps a refused configuration refused over a restart of the agent", async ({ expect }) => {
    const spec = aSpec(aHost(), { env: { EXIT_CODE: "78" } });
    const first = await TestAgent.start(spec);
    await first.reaches("Failed", "ConfigError");
    await first.call("shutdown");
    await until(() => first.child.exitCode !== null, "the agent ends");
    const second = await TestAgent.start(spec);
    await second.reaches("Failed", "ConfigError");
    expect(second.log().match(/starts/g)).toHaveLength(1);
  });

  it("says that a claw exits at once, with its last output and without its secrets", async ({ expect }) => {
    const agent = await TestAgent.start(aSpec(aHost(), { env: { EXIT_CODE: "3" } }));
    const status = await agent.reaches("BackOff", "ExitedAtOnce");
    expect(status.message).toContain("exited with code 3");
    expect(status.message).toContain("my token is [secret]");
    expect(status.lastExitCode).toBe(3);
  });

  it("calls repeated crashes a crash loop and goes on trying", async ({ expect }) => {
    const agent = await TestAgent.start(aSpec(aHost(), { env: { EXIT_CODE: "1" } }));
    const status = await agent.reaches("BackOff", "CrashLoop", 40_000);
    expect(status.restarts).toBeGreaterThanOrEqual(5);
    expect(status.message).toMatch(/Started again in \d+\.\d s; it crashed 5 times/);
  });

  it("restarts a claw that crashes after it was ready", async ({ expect }) => {
    const agent = await TestAgent.start(aSpec(aHost()));
    const first = await agent.reaches("Ready");
    process.kill(first.pid ?? 0, "SIGKILL");
    await until(async () => (await agent.call("status")).restarts === 1, "the crash is seen");
    const second = await agent.reaches("Ready");
    expect(second.pid).not.toBe(first.pid);
    expect(second.port).toBe(first.port);
  });

  it("ends a claw that is not ready in time and says why", async ({ expect }) => {
    const startup = { timeoutSeconds: 0.6, heavy: false };
    const agent = await TestAgent.start(aSpec(aHost(), { env: { SILENT: "1" }, runtime: { startup } }));
    const status = await agent.reaches("BackOff", "StartTimeout");
    expect(status.message).toContain("Not ready within 0.6 s: GET /startupz: connect ECONNREFUSED");
  });

  it("is not fooled by 200 HTML", async () => {
    const startup = { timeoutSeconds: 0.6, heavy: false };
    const agent = await TestAgent.start(aSpec(aHost(), { env: { HTML: "1" }, runtime: { startup } }));
    // On a busy host the first attempts may end before the claw listens at all.
    await until(async () => {
      const { phase, message } = await agent.call("status");
      return phase === "BackOff" && message.includes("answered 200 without JSON");
    }, "the start timed out by what the claw answers");
  });

  it("is not fooled by another program that answers on the claw's port", async ({ expect }) => {
    const host = aHost();
    const startup = { timeoutSeconds: 5, heavy: false };
    // The claw is slow to listen, and the impostor is quicker.
    const spec = aSpec(host, { env: { SILENT: "1" }, runtime: { startup } });
    const agent = await TestAgent.start(spec);
    await until(async () => (await agent.call("status")).port !== undefined, "a port is chosen");
    const { port } = await agent.call("status");
    const impostor = createServer((_req, res) => res.end(JSON.stringify({ status: "started", ready: true, ok: true })));
    await new Promise<void>((resolve) => impostor.listen(port, "127.0.0.1", resolve));
    onTestFinished(() => void impostor.close());
    const status = await agent.reaches("BackOff", "StartTimeout");
    expect(status.message).toContain("another program answers on its port");
  });

  it("reports Unready while the readiness probe fails, and restarts a claw whose liveness probe fails", async ({ expect }) => {
    const spec = aSpec(aHost());
    const agent = await TestAgent.start(spec);
    const { pid } = await agent.reaches("Ready");
    writeFileSync(join(spec.dirs.dataDir, "unready"), "");
    await agent.reaches("Unready", "ReadinessFailed");
    rmSync(join(spec.dirs.dataDir, "unready"));
    await agent.reaches("Ready", "Recovered");
    writeFileSync(join(spec.dirs.dataDir, "dead"), "");
    await agent.reaches("BackOff", "LivenessFailed");
    rmSync(join(spec.dirs.dataDir, "dead"));
    expect((await agent.reaches("Ready")).pid).not.toBe(pid);
  });

  it("applies what needs no restart without one, and restarts for what does", async ({ expect }) => {
    const host = aHost();
    const agent = await TestAgent.start(aSpec(host));
    const first = await agent.reaches("Ready");
    const hot = aSpec(host, { configDigest: "files-2" });
    await agent.call("apply", hot);
    await until(async () => (await agent.call("status")).specDigest === hot.specDigest, "the new specification is reported");
    expect(await agent.call("status")).toMatchObject({ phase: "Ready", pid: first.pid });
    const cold = aSpec(host, { configDigest: "files-2", restartDigest: "two" });
    await agent.call("apply", cold);
    await until(async () => (await agent.call("status")).specDigest === cold.specDigest, "the claw is another one");
    const second = await agent.reaches("Ready");
    expect(second.pid).not.toBe(first.pid);
    expect(second.restarts).toBe(0);
  });

  it("restarts in place when the claw has a signal for it and its environment stays the same", async ({ expect }) => {
    const host = aHost();
    const runtime = { restartSignal: "SIGUSR2" as const };
    const agent = await TestAgent.start(aSpec(host, { runtime }));
    const first = await agent.reaches("Ready");
    expect(first.restartedAt).toBe("");
    const spec = aSpec(host, { runtime, restartDigest: "two", restartedAt: "2026-01-01T00:00:00Z" });
    await agent.call("apply", spec);
    await until(async () => (await agent.call("status")).specDigest === spec.specDigest, "the restart begins");
    const second = await agent.reaches("Ready");
    expect(second).toMatchObject({ pid: first.pid, restartedAt: "2026-01-01T00:00:00Z" });
    expect(await httpGet(second.port, "/startupz")).toMatchObject({ boots: 2 });
    await agent.call("apply", aSpec(host, { runtime, restartDigest: "two", env: { NEW: "1" } }));
    await until(async () => (await agent.call("status")).pid !== first.pid, "a new process");
  });

  it("stops and starts a claw that would end by the restart signal", async ({ expect }) => {
    const host = aHost();
    const changes = { env: { NO_RESTART_SIGNAL: "1" }, runtime: { restartSignal: "SIGUSR2" as const } };
    const agent = await TestAgent.start(aSpec(host, changes));
    const first = await agent.reaches("Ready");
    await agent.call("apply", aSpec(host, { ...changes, restartDigest: "two" }));
    await until(async () => (await agent.call("status")).pid !== first.pid, "a new process");
    const second = await agent.reaches("Ready");
    expect(second.restarts).toBe(0);
    expect(agent.log()).toContain("stopping");
  });

  it("lets claws of one version share compiled code", async ({ expect }) => {
    const spec = aSpec(aHost());
    const softwareDir = join(spec.dirs.hostDir, "software");
    mkdirSync(softwareDir);
    const agent = await TestAgent.start({ ...spec, dirs: { ...spec.dirs, softwareDir } });
    await agent.reaches("Ready");
    const linked = realpathSync(join(spec.dirs.runDir, "claw", "tmp", "node-compile-cache"));
    expect(linked.startsWith(`${realpathSync(spec.dirs.dataDir)}/.compile-cache/`)).toBe(true);
  });

  it("kills at once when asked, even during a graceful stop", async ({ expect }) => {
    const host = aHost();
    const stop = { signal: "SIGTERM" as const, graceSeconds: 300 };
    const agent = await TestAgent.start(aSpec(host, { env: { STUBBORN: "1" }, runtime: { stop } }));
    const { pid } = await agent.reaches("Ready");
    await agent.call("apply", aSpec(host, { running: false, env: { STUBBORN: "1" }, runtime: { stop } }));
    await agent.reaches("Stopping");
    await agent.call("kill");
    await agent.ended();
    expect(isRunning(pid)).toBe(false);
  });
});

describe("agent death", () => {
  it("leaves the claw running, and the next agent adopts it", async ({ expect }) => {
    const spec = aSpec(aHost());
    const first = await TestAgent.start(spec);
    const before = await first.reaches("Ready");
    first.child.kill("SIGKILL");
    await until(() => !isRunning(first.child.pid), "the agent is dead");
    expect(isRunning(before.pid)).toBe(true);
    const draft = join(spec.dirs.runDir, `state.json.${first.child.pid}.new`);
    writeFileSync(draft, "half");
    const second = await TestAgent.start(spec);
    const after = await second.reaches("Ready");
    expect(existsSync(draft)).toBe(false);
    expect(after).toMatchObject({ pid: before.pid, port: before.port, restarts: 0 });
    process.kill(before.pid ?? 0, "SIGKILL");
    await until(async () => (await second.call("status")).restarts === 1, "the adopted claw's end is seen");
    expect((await second.reaches("Ready")).pid).not.toBe(before.pid);
  });

  it("stops a claw that no record tells of rather than starting a second one beside it", async ({ expect }) => {
    const spec = aSpec(aHost());
    const first = await TestAgent.start(spec);
    const { pid } = await first.reaches("Ready");
    first.child.kill("SIGKILL");
    await until(() => !isRunning(first.child.pid), "the agent is dead");
    rmSync(join(spec.dirs.runDir, "state.json"));
    const second = await TestAgent.start(spec);
    const after = await second.reaches("Ready");
    expect(after.pid).not.toBe(pid);
    expect(isRunning(pid)).toBe(false);
  });

  it("while the claw was ending leaves its end to the next agent", async ({ expect }) => {
    const host = aHost();
    const changes = { env: { STUBBORN: "1", CHILD: "detached" }, runtime: { stop: { signal: "SIGTERM" as const, graceSeconds: 1 } } };
    const first = await TestAgent.start(aSpec(host, changes));
    await first.reaches("Ready");
    await first.call("apply", aSpec(host, { ...changes, running: false }));
    await first.reaches("Stopping");
    first.child.kill("SIGKILL");
    await until(() => !isRunning(first.child.pid), "the agent is dead");
    expect(processesIn(host)).toHaveLength(2);
    const second = await TestAgent.start(aSpec(host, { ...changes, running: false }));
    await second.ended();
    expect(processesIn(host)).toEqual([]);
  });

  it("stops the claw and ends when its run directory is removed", async ({ expect }) => {
    const spec = aSpec(aHost());
    const agent = await TestAgent.start(spec);
    const { pid } = await agent.reaches("Ready");
    rmSync(spec.dirs.runDir, { recursive: true, force: true });
    await until(() => agent.child.exitCode !== null, "the agent ends");
    expect(isRunning(pid)).toBe(false);
  });

  it("lets only one agent supervise a claw", async ({ expect }) => {
    const spec = aSpec(aHost());
    const first = await TestAgent.start(spec);
    await first.reaches("Ready");
    const second = spawn(process.execPath, [first.child.spawnargs[1] ?? "", spec.dirs.runDir], { stdio: "ignore" });
    await until(() => second.exitCode !== null, "the second agent ends");
    expect(second.exitCode).toBe(0);
    expect(existsSync(join(spec.dirs.runDir, "agent.sock"))).toBe(true);
    expect((await first.call("status")).phase).toBe("Ready");
    expect(readFileSync(join(spec.dirs.runDir, "logs", "claw.log"), "utf8").match(/starts/g)).toHaveLength(1);
  });
});

describe("agent ports", () => {
  it("fails with PortInUse when the fixed port is taken", async ({ expect }) => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void holder.close());
    const fixed = (holder.address() as AddressInfo).port;
    const agent = await TestAgent.start(aSpec(aHost(), { runtime: { port: { fixed, span: 1 } } }));
    const status = await agent.reaches("Failed", "PortInUse");
    expect(status.message).toContain(`port ${fixed} is in use by another program`);
  });

  it("keeps the span of one instance free of others", async ({ expect }) => {
    const host = aHost();
    const runtime = { port: { span: 30 } };
    const agents = await Promise.all(["a", "b", "c"].map((uid) => TestAgent.start(aSpec(host, { uid, runtime }))));
    const ports = await Promise.all(agents.map(async (agent) => (await agent.reaches("Ready")).port ?? 0));
    ports.sort((a, b) => a - b);
    expect((ports[1] ?? 0) - (ports[0] ?? 0)).toBeGreaterThanOrEqual(30);
    expect((ports[2] ?? 0) - (ports[1] ?? 0)).toBeGreaterThanOrEqual(30);
  });
});

describe("agent start slots", () => {
  it("lets no more heavy claws start at once than half the cores", async ({ expect }) => {
    const host = aHost();
    const runtime = { startup: { timeoutSeconds: 20, heavy: true } };
    const env = { READY_AFTER_MS: "700" };
    const specs = ["a", "b", "c", "d"].map((uid) => aSpec(host, { uid, runtime, env }));
    const agents = await Promise.all(specs.map((spec) => TestAgent.start(spec)));
    await Promise.all(agents.map((agent) => agent.reaches("Ready")));
    // As they wrote it down: asked one after another, two agents may say "starting" of different moments.
    const starts = agents.map(({ runDir }) => JSON.parse(readFileSync(join(runDir, "state.json"), "utf8")).claw as ClawRecord);
    const atOnce = starts.map(
      ({ startedAtMs }) => starts.filter((other) => other.startedAtMs <= startedAtMs && startedAtMs < (other.readyAtMs ?? 0)).length,
    );
    expect(Math.max(...atOnce)).toBeLessThanOrEqual(Math.max(1, Math.floor(availableParallelism() / 2)));
  });

  it("frees the slot of an agent that died while its claw was starting", async () => {
    const host = aHost();
    const runtime = { startup: { timeoutSeconds: 60, heavy: true } };
    const first = await TestAgent.start(aSpec(host, { uid: "a", runtime, env: { SILENT: "1" } }));
    await until(async () => (await first.call("status")).pid !== undefined, "the first starts");
    first.child.kill("SIGKILL");
    const second = await TestAgent.start(aSpec(host, { uid: "b", runtime }));
    await second.reaches("Ready");
  });
});
