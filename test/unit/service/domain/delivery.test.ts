import { describe, it } from "vitest";
import type { AgentStatus } from "../../../../sdk/contract/index.ts";
import { frameOf, syncedCondition, wayOf } from "../../../../service/domain/instances/delivery.ts";
import { afterBegin, afterConsidered, afterOperation, afterReport } from "../../../../service/domain/instances/phase.ts";
import { rulesAt } from "../../../../service/domain/runtimes/runtimes.ts";
import { anInstance } from "../../../support/builders/instance.ts";
import { aResolvedInstance } from "../../../support/builders/resolved-instance.ts";

const NOW = "2026-01-01T00:01:00.000Z";

function agent(over: Partial<AgentStatus> = {}): AgentStatus {
  return { phase: "Ready", reason: "Started", message: "", specDigest: "old", stored: "old", restarts: 0, since: NOW, ...over };
}
const delivery = { frame: "f", handed: "old", generation: 1 };
const running = anInstance({ generation: 2, status: { phase: "Running", observedGeneration: 1, agent: agent(), delivery } });
const wanted = { frame: "f", handed: "new", generation: 2 };

describe("the frame of an instance", () => {
  const base = aResolvedInstance("a");
  const { runtime } = base;
  const files = [{ path: "claw.json", content: "{}" }];
  const frames = (over: object) =>
    (["local", "eu-1"] as const).map((cluster) => {
      const of = (resolved: typeof base) => frameOf(cluster, resolved, rulesAt(cluster).delivers);
      return of(base) === of({ ...base, ...over }) ? "same" : "other";
    });

  for (const { name, over, expected } of [
    { name: "nothing", over: {}, expected: ["same", "same"] },
    { name: "a file's content", over: { runtime: { ...runtime, files } }, expected: ["same", "same"] },
    {
      name: "a file more",
      over: { runtime: { ...runtime, files: [...runtime.files, { path: "b", content: "" }] } },
      expected: ["other", "other"],
    },
    { name: "the environment", over: { runtime: { ...runtime, env: { A: "1" } } }, expected: ["same", "other"] },
    { name: "a secret", over: { runtime: { ...runtime, secretEnv: { KEY: "k4y" } } }, expected: ["same", "other"] },
    { name: "what a restart is needed for", over: { runtime: { ...runtime, restartDigest: "r2" } }, expected: ["same", "other"] },
    {
      name: "the version",
      over: { runtime: { ...runtime, software: { ...runtime.software, version: "2.0.0" } } },
      expected: ["other", "other"],
    },
    { name: "the port", over: { runtime: { ...runtime, port: { fixed: 1234, span: 120 } } }, expected: ["other", "other"] },
    { name: "paths of the host", over: { runtime: { ...runtime, hostPaths: ["/opt"] } }, expected: ["other", "other"] },
    { name: "resources", over: { resources: { cpu: "2", memory: "2Gi" } }, expected: ["other", "other"] },
    { name: "storage", over: { storage: { size: "2Gi" } }, expected: ["other", "other"] },
    { name: "a stop", over: { running: false }, expected: ["other", "other"] },
    { name: "a restart", over: { restartedAt: NOW }, expected: ["other", "other"] },
  ]) {
    it(`${expected[0] === expected[1] ? (expected[0] === "same" ? "is the same" : "is another") : "is the same on a host alone"} with ${name} changed`, ({
      expect,
    }) => {
      expect(frames(over)).toEqual(expected);
    });
  }
});

describe("the way of a change", () => {
  it("is a delivery where the engine has nothing to do and the agent says what it has", ({ expect }) => {
    expect(wayOf(wanted, running.status)).toBe("delivery");
    expect(wayOf({ ...wanted, handed: "old" }, running.status)).toBe("none");
    expect(wayOf({ ...wanted, frame: "g" }, running.status)).toBe("engine");
    expect(wayOf(wanted, { ...running.status, delivery: undefined })).toBe("engine");
    expect(wayOf(wanted, { ...running.status, delivery: { handed: "old", generation: 1 } })).toBe("engine");
    const { stored: _, ...former } = agent();
    expect(wayOf(wanted, { ...running.status, agent: former })).toBe("engine");
  });

  it("leaves to the delivery what it can do, and the rest to the engine at once", ({ expect }) => {
    const held = { ...running, status: { ...running.status, nextAttemptAt: "2026-01-01T00:01:05.000Z" } };
    expect(afterConsidered(held, wanted, NOW)).toMatchObject({ delivery: wanted, nextAttemptAt: "2026-01-01T00:01:05.000Z" });
    const engine = afterConsidered(held, { ...wanted, frame: "g" }, NOW);
    expect(engine).toMatchObject({ delivery: { handed: "new", generation: 2 }, nextAttemptAt: undefined });
    expect(engine.delivery?.frame).toBeUndefined();
  });

  it("has the stack follow once the agent has stored what was delivered", ({ expect }) => {
    const told = { ...running, status: afterConsidered(running, wanted, NOW) };
    const stored = afterReport(told, agent({ stored: "new", specDigest: "new" }), NOW);
    expect(stored.nextAttemptAt).toBe("2026-01-01T00:01:01.000Z");
    expect(
      afterReport({ ...told, status: stored }, agent({ stored: "new", specDigest: "new" }), "2026-01-01T00:09:00.000Z").nextAttemptAt,
    ).toBe("2026-01-01T00:01:01.000Z");
  });

  it("is closed while an operation is under way, and open again when that has ended, or has changed nothing", ({ expect }) => {
    const begun = { ...running, status: afterBegin(running, wanted, NOW) };
    expect(begun.status.delivery).toEqual({ handed: "new", generation: 2 });
    const done = { ok: true, generation: 2, configVersion: 1, configDigest: undefined, frame: "f" } as const;
    expect(afterOperation(begun, done, NOW).delivery).toEqual(wanted);
    const failed = { ok: false, generation: 2, reason: "NoSpace", message: "", final: false } as const;
    expect(afterOperation(begun, { ...failed, frame: "f" }, NOW).delivery).toEqual(wanted);
    expect(afterOperation(begun, failed, NOW).delivery?.frame).toBeUndefined();
  });
});

describe("whether a configuration is with its claw", () => {
  const told = { ...running, generation: 2, status: { ...running.status, delivery: wanted } };
  const of = (over: Partial<AgentStatus>, instance = told) => {
    const found = syncedCondition(instance, { ...instance.status, agent: agent(over) }, NOW);
    return found && `${found.status} ${found.reason}`;
  };
  const has = { stored: "new", specDigest: "new" };
  for (const { name, over, expected } of [
    { name: "its agent has the former one", over: {}, expected: "Unknown Applying" },
    { name: "its agent could not store it", over: { unstored: { digest: "new", message: "no space" } }, expected: "False NotStored" },
    { name: "an earlier one could not be stored", over: { ...has, unstored: { digest: "old", message: "" } }, expected: "True Delivered" },
    { name: "its claw still runs with the former one", over: { stored: "new" }, expected: "Unknown Applying" },
    { name: "its claw ends what it is at", over: { ...has, phase: "Stopping" as const }, expected: "Unknown Applying" },
    { name: "its claw starts with it", over: { ...has, phase: "Starting" as const }, expected: "Unknown Applying" },
    { name: "its claw crashes with it", over: { ...has, phase: "BackOff" as const }, expected: "Unknown NotRunning" },
    { name: "its claw runs with it", over: has, expected: "True Delivered" },
    {
      name: "its claw says so",
      over: { ...has, config: { digest: "d", state: "applied" as const, message: "" } },
      expected: "True Applied",
    },
    {
      name: "its claw refuses it",
      over: { ...has, config: { digest: "d", state: "refused" as const, message: "" } },
      expected: "False Refused",
    },
    { name: "its agent does not say", over: { stored: undefined }, expected: undefined },
  ]) {
    it(`is told when ${name}: ${expected ?? "nothing"}`, ({ expect }) => {
      expect(of(over as Partial<AgentStatus>)).toBe(expected);
    });
  }

  it("is open again with the next change", ({ expect }) => {
    expect(of(has, { ...told, generation: 3 })).toBe("Unknown Applying");
  });
});
