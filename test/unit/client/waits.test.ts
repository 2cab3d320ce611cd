import { setTimeout as delay } from "node:timers/promises";
import { describe, it } from "vitest";
import { Claw, NotFoundError, progressOf, UserAbortError, WaitError, type WaitGoal, WaitTimeoutError } from "../../../sdk/client/index.ts";
import type { ClawInstance, Condition } from "../../../sdk/contract/index.ts";
import { anInstanceAnswer } from "../../support/builders/resources.ts";
import { answer, refuse, startServer } from "../../support/http-server.ts";

const TIME = "2026-01-01T00:00:00.000Z";

function condition(type: string, status: Condition["status"], reason = "R", message = "m"): Condition {
  return { type, status, reason, message, lastTransitionTime: TIME };
}

type Over = NonNullable<Parameters<typeof anInstanceAnswer>[1]>;

const creating = anInstanceAnswer("web", { status: { phase: "Creating", readyReplicas: 0, conditions: [] } });
const running = anInstanceAnswer();
const failed = anInstanceAnswer("web", { status: { phase: "Failed", conditions: [condition("Ready", "False", "Crashed", "exit 1")] } });
const stopped = anInstanceAnswer("web", {
  spec: { running: false },
  status: { phase: "Stopped", readyReplicas: 0, conditions: [condition("Ready", "False", "Stopped")] },
});

/** Answers these in turn; the last one for ever, or that it is gone. */
function serve(answers: readonly (ClawInstance | "gone")[]) {
  return startServer((_, res, count) => {
    const next = answers[Math.min(count, answers.length) - 1];
    next === "gone" || next === undefined ? refuse(res, "instance.not_found") : answer(res, 200, next);
  });
}

describe("how far an instance is", () => {
  const of = (over: Over) => anInstanceAnswer("web", over);
  const behind = of({ generation: 2, status: { observedGeneration: 1 } });
  const refused = of({ status: { conditions: [condition("ConfigSynced", "False", "Refused", "no such key")] } });
  const gaveUp = of({ status: { conditions: [condition("Provisioned", "False", "VersionNotFound", "no 9.9.9")] } });
  const connected = of({ status: { phase: "Creating", readyReplicas: 0, conditions: [condition("AgentConnected", "True")] } });
  const scaling = of({ spec: { replicas: 3 } });
  const cases: [string, ClawInstance, WaitGoal, string][] = [
    ["running as declared", running, "Declared", "done: Running"],
    ["running as declared", running, "Ready", "done: Running"],
    ["running, with replicas to come", scaling, "Ready", "waiting: Running"],
    ["stopped as declared", stopped, "Declared", "done: Stopped"],
    ["stopped as declared", stopped, "Stopped", "done: Stopped"],
    ["stopped as declared", stopped, "Ready", "failed: Stopped, as is declared: start it"],
    ["stopped as declared", stopped, "Running", "failed: Stopped, as is declared: start it"],
    ["running as declared", running, "Stopped", "failed: Running, as is declared: stop it"],
    ["about an older generation", behind, "Declared", "waiting: Running"],
    ["about an older generation", behind, "Running", "waiting: Running"],
    ["failed", failed, "Ready", "failed: Failed, Crashed: exit 1"],
    ["failed", failed, "Failed", "done: Failed, Crashed: exit 1"],
    ["failed", failed, "Destroyed", "waiting: Failed, Crashed: exit 1"],
    ["given up", gaveUp, "Running", "done: Running, VersionNotFound: no 9.9.9"],
    ["given up", gaveUp, "Ready", "failed: Running, VersionNotFound: no 9.9.9"],
    ["with a configuration that was refused", refused, "Declared", "failed: Running, ConfigSynced is False: no such key"],
    ["with a connected agent", connected, "AgentConnected", "done: Creating"],
    ["with a connected agent", connected, "Ready", "waiting: Creating"],
  ];
  it.for(cases)("%s, towards %3$s", ([, instance, goal, expected], { expect }) => {
    const { state, note } = progressOf(instance, goal);
    expect(`${state}: ${note}`).toBe(expected);
  });
});

describe("waiting", () => {
  it("ends when the instance is there, telling each step", async ({ expect }) => {
    await using server = await serve([creating, creating, running]);
    const web = await new Claw({ url: server.url }).instances.get("web");
    const steps: string[] = [];
    const ready = await web.wait({ until: "Ready", onProgress: ({ state }, seen) => steps.push(`${state} ${seen?.status.phase}`) });
    expect(ready).toEqual(running);
    expect(steps).toEqual(["waiting Creating", "done Running"]);
    expect(server.requests[1]?.path).toBe("/api/v1/instances/uid-web");
  });

  it("fails with why and in which phase", async ({ expect }) => {
    await using server = await serve([creating, failed]);
    const error = await new Claw({ url: server.url }).instances.wait("web", { until: "Ready" }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(WaitError);
    expect(error).not.toBeInstanceOf(WaitTimeoutError);
    expect(error).toMatchObject({
      name: "WaitError",
      message: "instance 'web' can't become Ready: Failed, Crashed: exit 1",
      why: "Failed, Crashed: exit 1",
      phase: "Failed",
      instance: failed,
    });
  });

  it("fails when the instance is deleted meanwhile, and when another of its name takes its place", async ({ expect }) => {
    const other = { ...running, metadata: { ...running.metadata, uid: "uid-other" } };
    for (const next of ["gone", other] as const) {
      await using server = await serve([creating, next]);
      const error = await new Claw({ url: server.url }).instances.wait("web").catch((e: unknown) => e);
      expect(error).toBeInstanceOf(WaitError);
      expect(error).toMatchObject({ message: "instance 'web' can't become as declared: destroyed meanwhile", phase: "Creating" });
    }
  });

  it("until it is gone ends with nothing, however it is told", async ({ expect }) => {
    const destroyed = anInstanceAnswer("web", { status: { phase: "Destroyed" } });
    for (const answers of [["gone"], [running, "gone"], [running, destroyed]] as const) {
      await using server = await serve(answers);
      expect(await new Claw({ url: server.url }).instances.wait("web", { until: "Destroyed" })).toBeUndefined();
    }
  });

  it("for what is not there to begin with is a NotFoundError, and so is a route that is not there", async ({ expect }) => {
    await using server = await serve(["gone"]);
    await expect(new Claw({ url: server.url }).instances.wait("web")).rejects.toBeInstanceOf(NotFoundError);
    await using other = await startServer((_, res) => refuse(res, "route.not_found"));
    const waited = new Claw({ url: other.url }).instances.wait("web", { until: "Destroyed" });
    await expect(waited).rejects.toMatchObject({ code: "route.not_found" });
  });

  it("gives up after its time, saying how far it came", async ({ expect }) => {
    await using server = await serve([creating]);
    const error = await new Claw({ url: server.url }).instances.wait("web", { timeoutMs: 100 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(WaitTimeoutError);
    expect(error).toMatchObject({ message: "instance 'web' is not as declared after 0.1 s: Creating", phase: "Creating" });
  });

  it.for(["before it began", "in a look", "between two looks"])("ends by the caller's signal, %s", async (point, { expect }) => {
    const abort = new AbortController();
    await using server = await startServer((_, res, count) => {
      if (point === "in a look") {
        return abort.abort();
      }
      answer(res, 200, creating);
      return count === 1 ? void delay(50).then(() => abort.abort()) : undefined;
    });
    if (point === "before it began") {
      abort.abort();
    }
    const waited = new Claw({ url: server.url }).instances.wait("web", { signal: abort.signal });
    await expect(waited).rejects.toBeInstanceOf(UserAbortError);
    expect(server.requests.length).toBe(point === "before it began" ? 0 : 1);
  });

  it("sits out a control plane that is away for a moment", async ({ expect }) => {
    await using server = await startServer((_, res, count) => {
      if (count === 1 || count > 6) {
        return answer(res, 200, count === 1 ? creating : running);
      }
      return refuse(res, "service.unavailable", {}, { "retry-after": "0" });
    });
    const claw = new Claw({ url: server.url, maxRetries: 0 });
    expect((await claw.instances.wait("web"))?.status.phase).toBe("Running");
  });

  it("for hundreds asks no more often in total than a few dozen times a second, and frees its place when aborted", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 200, creating));
    const { instances } = new Claw({ url: server.url });
    const web = await instances.get("web");
    const abort = new AbortController();
    const waits = Array.from({ length: 300 }, () => web.wait({ signal: abort.signal }).catch((e: unknown) => e));
    await delay(1000);
    abort.abort();
    const ended = await Promise.all(waits);
    expect(ended.every((error) => error instanceof UserAbortError)).toBe(true);
    expect(server.requests.length).toBeGreaterThan(3);
    expect(server.requests.length).toBeLessThan(60);
    // Nobody stands in the way of who comes next.
    const error = await web.wait({ timeoutMs: 2000, until: "Stopped", onProgress: () => abort.signal.throwIfAborted() }).catch((e) => e);
    expect(error).toBe(abort.signal.reason);
  });

  it("ends by what its listener throws", async ({ expect }) => {
    await using server = await serve([creating]);
    const thrown = new Error("enough");
    const waited = new Claw({ url: server.url }).instances.wait("web", {
      onProgress() {
        throw thrown;
      },
    });
    await expect(waited).rejects.toBe(thrown);
  });
});
