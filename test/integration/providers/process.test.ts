import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, it, onTestFinished } from "vitest";
import type { PropertyMap } from "../../../adapters/engine/contract/values.ts";
import { callAgent, localLauncher, reviveAgents, warmAgents } from "../../../adapters/providers/clusterclaw/agent-client.ts";
import { selfIdentity } from "../../../service/agent/processes.ts";
import { aHost, aSpec, isRunning, processesIn, type SpecChanges, until } from "../../support/agent/harness.ts";
import { TestResource } from "../../support/claw-provider.ts";

const agentPid = (runDir: string) => Number(JSON.parse(readFileSync(join(runDir, "agent.json"), "utf8")).pid);

/** Inputs of a process that runs the fixture claw. */
function inputsOf(hostDir: string, changes: SpecChanges = {}): PropertyMap & { runDir: string } {
  const { dirs, specDigest: _specDigest, runtime, ...spec } = aSpec(hostDir, changes);
  const { secretEnv, ...rest } = runtime;
  return JSON.parse(JSON.stringify({ ...spec, ...dirs, runtime: rest, secretEnv }));
}

async function kill(pid: number | undefined): Promise<void> {
  process.kill(pid as number, "SIGKILL");
  await until(() => !isRunning(pid), "it has ended");
}

const nothingRuns = (host: string) => until(() => processesIn(host).length === 0, "neither agent nor claw is left");

async function phase(runDir: string, wanted: string): Promise<{ pid?: number | undefined; specDigest: string }> {
  await until(async () => (await callAgent(runDir, { method: "status" })).phase === wanted, `the agent reports ${wanted}`);
  return callAgent(runDir, { method: "status" });
}

describe("clusterclaw:process:Process", () => {
  it("is created when its agent has the specification, and runs the claw beyond this process", async ({ expect }) => {
    const inputs = inputsOf(aHost());
    const resource = await new TestResource("Process").create(inputs);
    expect(resource).toMatchObject({ id: "ins_test", outputs: { agentRunning: true } });
    const status = await phase(inputs.runDir, "Ready");
    expect(status.specDigest).toBe(resource.outputs["specDigest"]);
    // Leader of a session of its own: no signal to this process's group reaches it.
    expect(
      readFileSync(`/proc/${agentPid(inputs.runDir)}/stat`, "utf8")
        .split(") ")[1]
        ?.split(" ")[3],
    ).toBe(String(agentPid(inputs.runDir)));
    expect((await resource.diff(inputs)).changes).toBe("none");
  });

  it("adopts the running claw when a create is repeated after a crash", async ({ expect }) => {
    const inputs = inputsOf(aHost());
    await new TestResource("Process").create(inputs);
    const before = await phase(inputs.runDir, "Ready");
    await new TestResource("Process").create(inputs);
    expect((await phase(inputs.runDir, "Ready")).pid).toBe(before.pid);
  });

  it("changes what is running without a restart where none is needed", async ({ expect }) => {
    const host = aHost();
    const resource = await new TestResource("Process").create(inputsOf(host));
    const inputs = inputsOf(host, { configDigest: "files-2" });
    const before = await phase(inputs.runDir, "Ready");
    expect((await resource.diff(inputs)).detailedDiff).toEqual({ configDigest: { kind: "update", inputDiff: true } });
    await resource.update(inputs);
    await until(async () => (await phase(inputs.runDir, "Ready")).specDigest === resource.outputs["specDigest"], "it runs with the change");
    expect((await phase(inputs.runDir, "Ready")).pid).toBe(before.pid);
  });

  it("shows in the diff what restarts the claw", async ({ expect }) => {
    const host = aHost();
    const resource = await new TestResource("Process").create(inputsOf(host));
    const diff = await resource.diff(inputsOf(host, { restartDigest: "two", env: { NEW: "1" }, runtime: { port: { span: 2 } } }));
    expect(Object.keys(diff.detailedDiff ?? {})).toEqual(["runtime.env.NEW", "runtime.restartDigest", "runtime.port.span"]);
    expect(diff.replaces).toEqual([]);
    expect((await resource.diff({ ...inputsOf(host), dataDir: "/elsewhere/data" })).replaces).toEqual(["dataDir"]);
  });

  it("stops and starts by 'running'", async ({ expect }) => {
    const host = aHost();
    const resource = await new TestResource("Process").create(inputsOf(host));
    const { runDir } = inputsOf(host);
    const { pid } = await phase(runDir, "Ready");
    await resource.update(inputsOf(host, { running: false }));
    await nothingRuns(host);
    expect(isRunning(pid)).toBe(false);
    expect(resource.outputs["agentRunning"]).toBe(false);
    await resource.update(inputsOf(host));
    await phase(runDir, "Ready");
    expect(resource.outputs["agentRunning"]).toBe(true);
  });

  it("has no process while it is stopped, whatever is changed of it", async ({ expect }) => {
    const host = aHost();
    const inputs = inputsOf(host, { running: false });
    const resource = await new TestResource("Process").create(inputs);
    const changed = inputsOf(host, { running: false, configDigest: "files-2", restartDigest: "two", restartedAt: "2026-01-01T00:00:00Z" });
    await resource.update(changed);
    expect(processesIn(host)).toEqual([]);
    expect(await resource.refresh()).toBe(true);
    expect((await resource.diff(changed)).changes).toBe("none");
    expect(JSON.parse(readFileSync(join(inputs.runDir, "process.json"), "utf8"))).toMatchObject({
      configDigest: "files-2",
      running: false,
    });
    await resource.delete();
    expect(existsSync(inputs.runDir)).toBe(false);
    expect(processesIn(host)).toEqual([]);
  });

  it("finds that a claw goes on that is to be stopped, since its agent died, and ends it", async ({ expect }) => {
    const host = aHost();
    const resource = await new TestResource("Process").create(inputsOf(host));
    const { runDir } = inputsOf(host);
    const { pid } = await phase(runDir, "Ready");
    await kill(agentPid(runDir));
    // As a worker leaves it that is killed before it starts an agent.
    const stopped = inputsOf(host, { running: false });
    writeFileSync(join(runDir, "process.json"), JSON.stringify(aSpec(host, { running: false })));
    Object.assign(resource, { inputs: stopped, outputs: { ...resource.outputs, running: false, agentRunning: false } });
    expect(await resource.refresh()).toBe(true);
    expect((await resource.diff(stopped)).detailedDiff).toHaveProperty("agentRunning");
    expect(isRunning(pid)).toBe(true);
    await resource.update(stopped);
    await nothingRuns(host);
    expect(await resource.refresh()).toBe(true);
    expect((await resource.diff(stopped)).changes).toBe("none");
  });

  it("takes an ending claw for what it is: nothing to be repaired", async ({ expect }) => {
    const host = aHost();
    const stubborn = { env: { STUBBORN: "1" }, runtime: { stop: { signal: "SIGTERM" as const, graceSeconds: 3 } } };
    const resource = await new TestResource("Process").create(inputsOf(host, stubborn));
    await phase(inputsOf(host).runDir, "Ready");
    const stopped = inputsOf(host, { ...stubborn, running: false });
    await resource.update(stopped);
    await phase(stopped.runDir, "Stopping");
    expect(await resource.refresh()).toBe(true);
    expect((await resource.diff(stopped)).changes).toBe("none");
    await nothingRuns(host);
  });

  it("finds that an agent died, and starts another that adopts the claw", async ({ expect }) => {
    const inputs = inputsOf(aHost());
    const resource = await new TestResource("Process").create(inputs);
    const { pid } = await phase(inputs.runDir, "Ready");
    await kill(agentPid(inputs.runDir));
    expect(await resource.refresh()).toBe(true);
    expect((await resource.diff(inputs)).detailedDiff).toEqual({ agentRunning: { kind: "update", inputDiff: false } });
    await resource.update(inputs);
    expect((await phase(inputs.runDir, "Ready")).pid).toBe(pid);
  });

  it("stops the claw and leaves nothing behind when it is deleted, also when the agent died before", async ({ expect }) => {
    for (const agentDies of [false, true]) {
      const host = aHost();
      const inputs = inputsOf(host, { env: { CHILD: "1" } });
      const resource = await new TestResource("Process").create(inputs);
      const { pid } = await phase(inputs.runDir, "Ready");
      if (agentDies) {
        await kill(agentPid(inputs.runDir));
      }
      await resource.delete();
      expect(isRunning(pid)).toBe(false);
      expect(existsSync(inputs.runDir)).toBe(false);
      await until(() => processesIn(host).length === 0, "no process is left");
      await resource.delete();
    }
  });

  it("is gone when its run folder is", async ({ expect }) => {
    const inputs = inputsOf(aHost(), { running: false });
    const resource = await new TestResource("Process").create(inputs);
    rmSync(inputs.runDir, { recursive: true });
    expect(await resource.refresh()).toBe(false);
  });

  it("names the property that is wrong", async ({ expect }) => {
    const inputs = inputsOf(aHost());
    const failures = await new TestResource("Process").check({
      ...inputs,
      running: "yes",
      runDir: "relative",
      runtime: { ...(inputs["runtime"] as object), command: [] },
    });
    expect(failures.map(({ property }) => property)).toEqual(["runDir", "runtime.command", "running"]);
  });

  it("accepts values that are not known yet in a preview", async ({ expect }) => {
    const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
    const inputs = { ...inputsOf(aHost()), configDigest: unknown, running: unknown };
    const resource = new TestResource("Process");
    expect(await resource.check(inputs)).toEqual([]);
    expect((await resource.preview(inputs)).outputs["specDigest"]).toBe(unknown);
  });
});

describe("warmAgents", () => {
  it("leaves the compiled agent behind, so that the first one of a host is as small as the others", async ({ expect }) => {
    const ownMemory = async (host: string) => {
      const inputs = inputsOf(host);
      await new TestResource("Process").create(inputs);
      await phase(inputs.runDir, "Ready");
      const [, kB] = /^Private_Dirty: +(\d+)/m.exec(readFileSync(`/proc/${agentPid(inputs.runDir)}/smaps_rollup`, "utf8")) ?? [];
      return Number(kB);
    };
    const [warm, cold] = [aHost(), aHost()];
    await warmAgents(warm, localLauncher);
    expect(await ownMemory(warm)).toBeLessThan((await ownMemory(cold)) * 0.8);
  });
});

/** What a control plane does every half minute. */
const revive = (host: string) => reviveAgents(host, "ws://127.0.0.1:9/agent/v1", localLauncher);

describe("reviveAgents", () => {
  it("starts the agents that do not run, as after a reboot", async ({ expect }) => {
    const host = aHost();
    const [a, b] = [inputsOf(host, { uid: "ins_a" }), inputsOf(host, { uid: "ins_b" })];
    await new TestResource("Process").create(a);
    await new TestResource("Process").create(b);
    const { pid } = await phase(a.runDir, "Ready");
    await phase(b.runDir, "Ready");
    await kill(agentPid(a.runDir));
    await kill(pid);
    const stopped = inputsOf(host, { uid: "ins_c", running: false });
    await new TestResource("Process").create(stopped);
    expect(await revive(host)).toEqual({ revived: ["ins_a"], failed: [], stopped: ["ins_c"] });
    expect(existsSync(join(stopped.runDir, "agent.json"))).toBe(false);
    expect((await phase(a.runDir, "Ready")).pid).not.toBe(pid);
  });

  it("starts another agent when one gave way to a predecessor that was about to end", async ({ expect }) => {
    const host = aHost();
    const inputs = inputsOf(host);
    await new TestResource("Process").create(inputs);
    const { pid } = await phase(inputs.runDir, "Ready");
    await kill(agentPid(inputs.runDir));
    const lock = join(inputs.runDir, "agent.lock");
    writeFileSync(lock, JSON.stringify(selfIdentity()));
    const revived = revive(host);
    const log = join(inputs.runDir, "logs", "agent.log");
    await until(() => readFileSync(log, "utf8").includes("another agent supervises this claw"), "one gives way");
    rmSync(lock);
    expect(await revived).toEqual({ revived: ["ins_test"], failed: [], stopped: [] });
    expect((await phase(inputs.runDir, "Ready")).pid).toBe(pid);
  });

  it("ends an agent of an earlier version, which stays beside its stopped claw", async ({ expect }) => {
    const host = aHost();
    const inputs = inputsOf(host, { running: false });
    await new TestResource("Process").create(inputs);
    // It listens, says that its claw is stopped, ends when it is told to, and leaves its address.
    const socket = join(inputs.runDir, "agent.sock");
    const server = createServer((connection) => {
      connection.on("data", (data) => {
        const status = { phase: "Stopped", reason: "Stopped", message: "", specDigest: "x", restarts: 0, since: "2026-01-01T00:00:00Z" };
        connection.end(`${JSON.stringify({ id: 1, ok: true, status })}\n`);
        if (JSON.parse(data.toString()).method === "shutdown") {
          server.close();
        }
      });
    }).listen(socket);
    await once(server, "listening");
    onTestFinished(() => void server.close());
    writeFileSync(join(inputs.runDir, "agent.json"), JSON.stringify({ pid: 1, startTime: "", socket }));
    await revive(host);
    await until(() => !server.listening, "it was told to end");
    await revive(host);
    expect(await revive(host)).toEqual({ revived: [], failed: [], stopped: ["ins_test"] });
    await nothingRuns(host);
  });
});

describe("a stop and a start, with the agent killed at any moment of them", () => {
  it.for([0, 5, 20, 60, 120, 200, 300])(
    "come to what was asked for last: after %i ms",
    { timeout: 120_000 },
    async (afterMs, { expect }) => {
      const host = aHost();
      const changes = { env: { CHILD: "detached" } };
      const resource = await new TestResource("Process").create(inputsOf(host, changes));
      const { runDir } = inputsOf(host);
      await phase(runDir, "Ready");
      const killed = async () => {
        await delay(afterMs);
        try {
          process.kill(agentPid(runDir), "SIGKILL");
        } catch {
          // It has ended, or has not begun.
        }
      };
      await Promise.all([resource.update(inputsOf(host, { ...changes, running: false })), killed()]);
      await revive(host);
      await nothingRuns(host);
      expect(await revive(host)).toMatchObject({ stopped: ["ins_test"] });
      await Promise.all([resource.update(inputsOf(host, changes)), killed()]);
      await revive(host);
      const { pid } = await phase(runDir, "Ready");
      // The agent, the claw and the child of the claw.
      await until(() => processesIn(host).length === 3, "each runs once");
      expect(processesIn(host)).toEqual(expect.arrayContaining([pid, agentPid(runDir)]));
      await resource.delete();
      await nothingRuns(host);
    },
  );

  it("come to what was written down last, though the worker died before it told anybody", async ({ expect }) => {
    const host = aHost();
    await new TestResource("Process").create(inputsOf(host));
    const { runDir } = inputsOf(host);
    await phase(runDir, "Ready");
    writeFileSync(join(runDir, "process.json"), JSON.stringify(aSpec(host, { running: false })));
    await nothingRuns(host);
    writeFileSync(join(runDir, "process.json"), JSON.stringify(aSpec(host)));
    expect(await revive(host)).toMatchObject({ revived: ["ins_test"] });
    await phase(runDir, "Ready");
  });
});
