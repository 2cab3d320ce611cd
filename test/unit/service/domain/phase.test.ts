import { describe, it } from "vitest";
import type { AgentStatus } from "../../../../sdk/contract/index.ts";
import type { Instance } from "../../../../service/domain/instances/instance.ts";
import {
  afterDisconnect,
  afterOperation,
  afterPodReport,
  afterReport,
  afterStop,
  isFinal,
} from "../../../../service/domain/instances/phase.ts";
import type { PodReport } from "../../../../service/domain/instances/pod.ts";
import { anInstance } from "../../../support/builders/instance.ts";

const NOW = "2026-01-01T00:01:00.000Z";

function report(phase: AgentStatus["phase"], reason = phase as string): AgentStatus {
  return { phase, reason, message: "", specDigest: "d", restarts: 0, since: NOW };
}
const applied = (instance: Instance, configDigest?: string) => ({
  ...instance,
  status: afterOperation(instance, { ok: true, generation: instance.generation, configVersion: undefined, configDigest }, NOW),
});
const reported = (instance: Instance, status: AgentStatus) => ({ ...instance, status: afterReport(instance, status, NOW) });
const stopping = (instance: Instance) => ({ ...instance, generation: instance.generation + 1, spec: { ...instance.spec, running: false } });

describe("instance phase", () => {
  it("stays Creating until the agent says Ready, then is Running", ({ expect }) => {
    const created = applied(anInstance());
    expect(created.status.phase).toBe("Creating");
    const starting = reported(created, report("Starting"));
    expect(starting.status.phase).toBe("Creating");
    expect(reported(starting, report("Ready")).status).toMatchObject({ phase: "Running", lastTransitionTime: NOW });
  });

  it("is Running whether the agent's report or the engine's end comes first", ({ expect }) => {
    expect(applied(reported(anInstance(), report("Ready"))).status.phase).toBe("Running");
  });

  it("is Stopped only when the stop was applied and the claw has ended", ({ expect }) => {
    const running = reported(applied(anInstance()), report("Ready"));
    const stop = stopping(running);
    expect(reported(stop, report("Stopping")).status.phase).toBe("Running");
    expect(applied(stop).status.phase).toBe("Running");
    expect(reported(applied(stop), report("Stopped")).status.phase).toBe("Stopped");
    expect(applied(reported(stop, report("Stopped"))).status.phase).toBe("Stopped");
  });

  it("is Failed while an operation fails, with the reason in its Ready condition, and tries again later", ({ expect }) => {
    const failed = afterOperation(
      anInstance(),
      { ok: false, generation: 1, reason: "RegistryUnreachable", message: "no answer", final: false },
      NOW,
    );
    expect(failed).toMatchObject({ phase: "Failed", observedGeneration: 0, attempts: 1, nextAttemptAt: "2026-01-01T00:01:02.000Z" });
    expect(failed.conditions.find((condition) => condition.type === "Ready")).toMatchObject({
      status: "False",
      reason: "RegistryUnreachable",
      message: "no answer",
    });
  });

  it("is not ready while what still runs is what is to be restarted", ({ expect }) => {
    const readyOf = ({ status }: Instance) => status.conditions.find(({ type }) => type === "Ready");
    const again = { ...anInstance(), restartedAt: NOW };
    const old = reported(applied(again), { ...report("Ready"), restartedAt: "" });
    expect(old.status.phase).toBe("Running");
    expect(readyOf(old)).toMatchObject({ status: "False", reason: "Restarting" });
    expect(readyOf(reported(old, { ...report("Ready"), restartedAt: NOW }))).toMatchObject({ status: "True" });
    // An agent of before does not tell.
    expect(readyOf(reported(old, report("Ready")))).toMatchObject({ status: "True" });
    const pod: PodReport = { name: "web-0", ready: true, restarts: 0, reason: "Ready", message: "", restartedAt: "" };
    const inPod = { ...again, cluster: "kind" };
    const podded = (report: PodReport) => readyOf({ ...inPod, status: afterPodReport(inPod, report, NOW) });
    expect(podded(pod)).toMatchObject({ status: "False", reason: "Restarting" });
    expect(podded({ ...pod, restartedAt: NOW })).toMatchObject({ status: "True" });
  });

  it("is what it was while another's operation is under way, and is looked at again soon, however often", ({ expect }) => {
    const locked = (instance: Instance) => ({
      ...instance,
      status: afterOperation(instance, { ok: false, waitsFor: "StackLocked", message: "another operation is running" }, NOW),
    });
    const { status } = locked(locked(locked(anInstance())));
    expect(status).toMatchObject({ phase: "Creating", observedGeneration: 0, attempts: 1, nextAttemptAt: "2026-01-01T00:01:02.000Z" });
    expect(status.conditions).toMatchObject([{ type: "Provisioned", status: "Unknown", reason: "StackLocked" }]);
    const done = applied(reported(locked(anInstance()), report("Ready")));
    expect(done.status).toMatchObject({ phase: "Running", observedGeneration: 1, attempts: 0 });
  });

  it("does not try a final failure again until something changes", ({ expect }) => {
    const failed = afterOperation(anInstance(), { ok: false, generation: 1, reason: "ConfigInvalid", message: "", final: true }, NOW);
    expect(failed).toMatchObject({ phase: "Failed", observedGeneration: 1, nextAttemptAt: undefined });
  });

  it("gives up what only another specification mends, and never what is to go", ({ expect }) => {
    expect(isFinal(anInstance(), "VersionNotFound")).toBe(true);
    expect(isFinal(anInstance(), "RegistryUnreachable")).toBe(false);
    expect(isFinal(anInstance({ deletedAt: NOW }), "VersionNotFound")).toBe(false);
    expect(isFinal(anInstance({ movedFrom: "eu-1" }), "VersionNotFound")).toBe(false);
  });

  it("comes back from Failed when a later attempt works", ({ expect }) => {
    const failed = {
      ...anInstance(),
      status: afterOperation(anInstance(), { ok: false, generation: 1, reason: "NoSpace", message: "", final: false }, NOW),
    };
    const retried = applied(failed);
    expect(reported(retried, report("Ready")).status).toMatchObject({ phase: "Running", attempts: 0 });
  });

  it("is Failed in a crash loop and when the agent gives up, but not after a single crash", ({ expect }) => {
    const running = reported(applied(anInstance()), report("Ready"));
    expect(reported(running, report("BackOff", "Crashed")).status.phase).toBe("Running");
    expect(reported(running, report("BackOff", "CrashLoop")).status.phase).toBe("Failed");
    expect(reported(running, report("Failed", "ConfigError")).status.phase).toBe("Failed");
  });

  it("is what its agent's newest connection tells, and not what is told late of one before", ({ expect }) => {
    const over = (connectedAt: string) => ({ ...report("Ready"), connectedAt });
    const running = reported(applied(anInstance()), over("2026-01-01T00:00:02.000000Z"));
    const [before, same] = ["2026-01-01T00:00:01.999999Z", "2026-01-01T00:00:02.000000Z"] as const;
    expect(afterDisconnect(running, NOW, before)).toBe(running.status);
    expect(afterReport(running, { ...report("BackOff", "Crashed"), connectedAt: before }, NOW)).toBe(running.status);
    const gone = afterDisconnect(running, NOW, same);
    expect(gone.conditions.find(({ type }) => type === "AgentConnected")).toMatchObject({ status: "False" });
  });

  it("keeps phase and readiness when only the agent's connection is lost", ({ expect }) => {
    const running = reported(applied(anInstance()), report("Ready"));
    const status = afterDisconnect(running, NOW);
    expect(status.phase).toBe("Running");
    expect(status.conditions.map(({ type, status: value }) => `${type}=${value}`)).toEqual([
      "AgentConnected=False",
      "Provisioned=True",
      "Ready=True",
    ]);
  });

  it("moves a condition's transition time only when its status changes", ({ expect }) => {
    const ready = reported(applied(anInstance()), report("Ready"));
    const later = afterReport(ready, report("Ready"), "2026-01-01T09:00:00.000Z");
    expect(later.conditions.find((condition) => condition.type === "Ready")?.lastTransitionTime).toBe(NOW);
  });
});

describe("a stopped claw of a host, which has no process", () => {
  const running = reported(applied(anInstance()), report("Ready"));
  const said = ({ conditions }: Instance["status"]) =>
    conditions.filter(({ type }) => type !== "Provisioned").map(({ type, status, reason }) => `${type}=${status} ${reason}`);
  const down = ["AgentConnected=False Stopped", "Ready=False Stopped"];

  it("says so in its conditions: whether it was never started, has just ended, or its agent has gone", ({ expect }) => {
    const never = anInstance({ spec: { ...anInstance().spec, running: false } });
    expect(applied(never).status).toMatchObject({ phase: "Stopped", agent: undefined });
    expect(said(applied(never).status)).toEqual(down);
    const ended = reported(applied(stopping(running)), report("Stopped"));
    expect(said(ended.status)).toEqual(down);
    expect(afterDisconnect(ended, NOW)).toEqual(ended.status);
  });

  it("is disconnected, and not stopped, while its end is not certain", ({ expect }) => {
    const { phase, conditions } = afterDisconnect(applied(stopping(running)), NOW);
    expect(phase).toBe("Running");
    expect(conditions).toContainEqual(expect.objectContaining({ type: "AgentConnected", reason: "Disconnected" }));
  });

  it("is Stopped when its host has no process of it, though its agent died before it could say so", ({ expect }) => {
    const saying: AgentStatus = {
      ...report("Ready"),
      pid: 7,
      port: 19_000,
      restarts: 2,
      config: { state: "applied", digest: "one", message: "" },
    };
    const stop = applied(stopping(reported(running, saying)));
    const status = afterStop(stop, NOW);
    expect(status).toMatchObject({ phase: "Stopped", agent: { phase: "Stopped", restarts: 2 } });
    expect(status.agent).not.toHaveProperty("pid");
    expect(said(status)).toEqual([down[0], "ConfigSynced=Unknown Stopped", down[1]]);
  });

  it("is left as it is when it was started meanwhile, or the stop is not carried out yet", ({ expect }) => {
    expect(afterStop(running, NOW)).toBe(running.status);
    const due = stopping(running);
    expect(afterStop(due, NOW)).toBe(due.status);
  });

  it("is connected again when it is started", ({ expect }) => {
    const started = { ...reported(applied(stopping(running)), report("Stopped")), spec: running.spec };
    expect(said(reported(applied(started), report("Ready")).status)).toEqual(["AgentConnected=True Connected", "Ready=True Ready"]);
  });
});

describe("an instance on a cluster", () => {
  const onCluster = (over: Parameters<typeof anInstance>[0] = {}) => anInstance({ cluster: "eu-1", ...over });
  const pod = (over: Partial<PodReport> = {}): PodReport => ({
    name: "web-0",
    ready: false,
    restarts: 0,
    reason: "Starting",
    message: "",
    ...over,
  });
  const readyOf = ({ conditions }: { conditions: readonly { type: string }[] }) => conditions.find(({ type }) => type === "Ready");

  it("is Running as soon as its pod is ready, whatever its agent last said", ({ expect }) => {
    const state = afterPodReport(onCluster(), pod({ ready: true, reason: "Ready" }), NOW);
    expect(state.phase).toBe("Running");
    expect(readyOf(state)).toMatchObject({ status: "True" });
  });

  it("fails with the reason that its pod can't get out of, and only then", ({ expect }) => {
    const crashed = afterPodReport(onCluster(), pod({ reason: "CrashLoopBackOff", message: "exit code 78" }), NOW);
    expect(crashed.phase).toBe("Failed");
    expect(readyOf(crashed)).toMatchObject({ status: "False", reason: "CrashLoopBackOff", message: "exit code 78" });
    const waiting = afterPodReport(onCluster(), pod({ reason: "Unschedulable", message: "no node" }), NOW);
    expect(waiting.phase).toBe("Creating");
    expect(readyOf(waiting)).toMatchObject({ reason: "Unschedulable" });
  });

  it("is Stopped when its pod is gone and nothing is due", ({ expect }) => {
    const stopping = onCluster({
      spec: { ...anInstance().spec, running: false },
      status: { phase: "Running", observedGeneration: 1, pod: pod() },
    });
    expect(afterPodReport(stopping, pod({ reason: "Terminating" }), NOW).phase).toBe("Running");
    expect(afterPodReport(stopping, undefined, NOW).phase).toBe("Stopped");
  });
});

describe("ConfigSynced", () => {
  const saying = (state: "pending" | "applied" | "refused", digest: string, message = ""): AgentStatus => ({
    ...report("Ready"),
    config: { state, digest, message },
  });
  const synced = ({ status }: Instance) => status.conditions.find(({ type }) => type === "ConfigSynced");
  const running = reported(applied(anInstance(), "one"), saying("applied", "one"));

  it("is the claw's own word, and nothing is said of one that can't be asked", ({ expect }) => {
    expect(synced(running)).toMatchObject({ status: "True", reason: "Applied" });
    expect(synced(reported(running, saying("refused", "two", "no such key")))).toMatchObject({
      status: "False",
      reason: "Refused",
      message: "no such key",
    });
    expect(synced(reported(applied(anInstance()), report("Ready")))).toBeUndefined();
  });

  it("waits for word of the files that were written last, whichever comes first", ({ expect }) => {
    const written = applied(running, "two");
    expect(synced(written)).toMatchObject({ status: "Unknown", reason: "Applying" });
    // The agent repeats itself until it has seen the files.
    const repeated = reported(written, saying("applied", "one"));
    expect(synced(repeated)).toMatchObject({ reason: "Applying" });
    expect(synced(reported(reported(repeated, saying("pending", "two")), saying("applied", "two")))).toMatchObject({ status: "True" });
    expect(synced(applied(reported(running, saying("applied", "two")), "two"))).toMatchObject({ status: "True" });
  });

  it("is open while the claw starts again", ({ expect }) => {
    const refused = reported(running, saying("refused", "two", "no such key"));
    expect(synced(reported(refused, report("Starting")))).toMatchObject({ status: "Unknown", reason: "Applying" });
  });
});

describe("ChannelsReady", () => {
  type Channels = NonNullable<AgentStatus["channels"]>;
  const channel = (name: string, state: Channels[number]["state"], message = "") => ({ name, state, message });
  const saying = (...channels: Channels): AgentStatus => ({ ...report("Ready"), channels });
  const condition = ({ status }: Instance, type = "ChannelsReady") => status.conditions.find((each) => each.type === type);
  const works = reported(applied(anInstance()), saying(channel("discord", "working"), channel("telegram", "working")));

  it("says which channels work and why others do not, and is no matter of Ready", ({ expect }) => {
    expect(condition(works)).toMatchObject({ status: "True", reason: "ChannelsConnected", message: "discord, telegram" });
    const broken = reported(works, saying(channel("discord", "working"), channel("telegram", "failed", "bot token unauthorized")));
    expect(condition(broken)).toMatchObject({
      status: "False",
      reason: "ChannelFailed",
      message: "telegram: bot token unauthorized; connected: discord",
    });
    expect(condition(broken, "Ready")).toMatchObject({ status: "True" });
    expect(condition(reported(works, saying(channel("telegram", "starting"))))).toMatchObject({
      status: "Unknown",
      reason: "ChannelsStarting",
    });
    expect(condition(reported(works, saying(channel("telegram", "unknown"))))).toMatchObject({ status: "Unknown", reason: "NotTold" });
  });

  it("is absent of a claw that has none or can't tell, and gone when they are", ({ expect }) => {
    expect(condition(reported(applied(anInstance()), report("Ready")))).toBeUndefined();
    expect(condition(reported(applied(anInstance()), report("Starting")))).toBeUndefined();
    expect(condition(reported(works, report("Ready")))).toBeUndefined();
  });

  it("is unknown while the claw does not run", ({ expect }) => {
    expect(condition(reported(works, report("BackOff")))).toMatchObject({ status: "Unknown", reason: "NotRunning" });
    expect(condition(reported(applied(stopping(works)), report("Stopped")))).toMatchObject({ status: "Unknown", reason: "Stopped" });
    const inPod = { ...works, cluster: "eu-1" };
    expect(condition({ ...inPod, status: afterPodReport(inPod, undefined, NOW) })).toMatchObject({ reason: "NotRunning" });
  });
});
