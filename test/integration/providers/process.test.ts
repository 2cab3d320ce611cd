import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { callAgent, localLauncher, reviveAgents } from "../../../adapters/providers/clusterclaw/agent-client.ts";
import { selfIdentity } from "../../../service/agent/processes.ts";
import type { PropertyMap } from "../../../service/application/ports/stack-store.ts";
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
    await phase(runDir, "Stopped");
    expect(isRunning(pid)).toBe(false);
    await resource.update(inputsOf(host));
    await phase(runDir, "Ready");
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
    const agent = agentPid(inputs.runDir);
    await callAgent(inputs.runDir, { method: "shutdown" });
    // Until it has ended it may still write there.
    await until(() => !isRunning(agent), "the agent ended");
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
    expect(await reviveAgents(host, "ws://127.0.0.1:9/agent/v1", localLauncher)).toEqual({ revived: ["ins_a"], failed: [] });
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
    const revived = reviveAgents(host, "ws://127.0.0.1:9/agent/v1", localLauncher);
    const log = join(inputs.runDir, "logs", "agent.log");
    await until(() => readFileSync(log, "utf8").includes("another agent supervises this claw"), "one gives way");
    rmSync(lock);
    expect(await revived).toEqual({ revived: ["ins_test"], failed: [] });
    expect((await phase(inputs.runDir, "Ready")).pid).toBe(pid);
  });
});
