import fc from "fast-check";
import { describe, it } from "vitest";
import { conditionReasons } from "../../../sdk/contract/index.ts";
import { outcomeOf } from "../../../service/console/instances/outcome.ts";
import { instancesSearch } from "../../../service/console/instances/search.ts";
import { countStandings, matches, SORTS, sorted, standingOf, toneOf, worryOf } from "../../../service/console/instances/state.ts";
import { aPresentedInstance } from "../../support/builders/presented-instance.ts";

const ready = (status: "True" | "False", reason: string) => ({ type: "Ready", status, reason });

describe("what has become of an action", () => {
  const stopped = aPresentedInstance("web", { running: false }, { phase: "Stopped" });
  it.for([
    { action: "destroy", instance: undefined, outcome: "done" },
    { action: "stop", instance: undefined, outcome: "failed" },
    { action: "destroy", instance: stopped, outcome: "pending" },
    { action: "stop", instance: stopped, outcome: "done" },
    { action: "stop", instance: aPresentedInstance("web", { running: false }, { phase: "Running" }), outcome: "pending" },
    { action: "start", instance: aPresentedInstance("web", {}, { observedGeneration: 0 }), outcome: "pending" },
    { action: "start", instance: aPresentedInstance("web"), outcome: "done" },
    { action: "restart", instance: aPresentedInstance("web", {}, { phase: "Failed" }), outcome: "failed" },
    { action: "start", instance: aPresentedInstance("web", {}, { conditions: [ready("False", "ReadinessFailed")] }), outcome: "failed" },
  ] as const)("$action is $outcome", ({ action, instance, outcome }, { expect }) => {
    expect(outcomeOf(action, instance)).toBe(outcome);
  });
});

describe("what a table says of an instance", () => {
  it.for([
    { name: "runs as declared", over: { conditions: [ready("True", "Ready")] }, standing: "ok", worry: undefined },
    { name: "has more to apply", over: { observedGeneration: 0 }, standing: "changing", worry: undefined },
    { name: "is starting", over: { phase: "Creating" as const }, standing: "changing", worry: undefined },
    {
      name: "failed",
      over: { phase: "Failed" as const, conditions: [ready("False", "CrashLoop")] },
      standing: "failed",
      worry: "CrashLoop",
    },
    { name: "does not answer", over: { conditions: [ready("False", "ReadinessFailed")] }, standing: "attention", worry: "ReadinessFailed" },
    { name: "restarts", over: { conditions: [ready("False", "Restarting")] }, standing: "ok", worry: undefined },
    {
      name: "drifted",
      over: { conditions: [{ type: "Drifted", status: "True" as const, reason: "ChangedOutside" }] },
      standing: "attention",
      worry: "ChangedOutside",
    },
    {
      name: "takes its configuration over",
      over: { conditions: [{ type: "ConfigSynced", status: "False" as const, reason: "Applying" }] },
      standing: "ok",
      worry: undefined,
    },
  ])("is $standing when it $name", ({ over, standing, worry }, { expect }) => {
    const instance = aPresentedInstance("web", {}, over);
    expect([standingOf(instance), worryOf(instance)?.reason]).toEqual([standing, worry]);
  });

  it("is stopped when that is declared, and changing while it is not so yet", ({ expect }) => {
    expect(standingOf(aPresentedInstance("web", { running: false }, { phase: "Stopped" }))).toBe("stopped");
    expect(standingOf(aPresentedInstance("web", { running: false }, { phase: "Running" }))).toBe("changing");
    expect(standingOf(aPresentedInstance("web", { running: true }, { phase: "Stopped" }))).toBe("changing");
  });

  it("is a tone for each, and a number of each", ({ expect }) => {
    const all = [
      aPresentedInstance("a"),
      aPresentedInstance("b", {}, { phase: "Failed" }),
      aPresentedInstance("c", {}, { phase: "Destroyed" }),
    ];
    expect(all.map(toneOf)).toEqual(["good", "bad", "gone"]);
    expect(countStandings(all)).toMatchObject({ ok: 1, failed: 1 });
  });

  it("knows the reasons that pass by themselves by the names that they have", ({ expect }) => {
    for (const reason of [
      "StackLocked",
      "StillEnding",
      "Applying",
      "ChannelsStarting",
      "NotRunning",
      "Pending",
      "Disconnected",
      "ConfigInvalid",
      "Refused",
    ]) {
      expect(Object.keys(conditionReasons)).toContain(reason);
    }
  });
});

describe("a table of instances", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { maxLength: 20 });

  it("has the same instances in every order, and the other way round", ({ expect }) => {
    fc.assert(
      fc.property(names, fc.constantFrom(...SORTS), (all, by) => {
        const instances = all.map((name) => aPresentedInstance(name));
        const up = sorted(instances, by, false).map(({ metadata }) => metadata.name);
        expect(up.toSorted()).toEqual(all.toSorted());
        expect(sorted(instances, by, true).map(({ metadata }) => metadata.name)).toEqual(up.toReversed());
      }),
    );
  });

  it("finds by every word that is typed, in names, types and templates", ({ expect }) => {
    const instance = aPresentedInstance("assistant-1", { type: "OpenClaw", config: { template: "support", overrides: [] } });
    expect(["assist open", "SUPPORT", "1"].map((words) => matches(instance, words))).toEqual([true, true, true]);
    expect(matches(instance, "assist echo")).toBe(false);
  });

  it("takes of an address what there is, and nothing else", ({ expect }) => {
    expect(instancesSearch({ q: 12, state: "failed", sort: "age", desc: true, labels: "team=red" })).toEqual({
      q: "12",
      state: "failed",
      sort: "age",
      desc: true,
      labels: "team=red",
    });
    expect(instancesSearch({ q: { a: 1 }, state: "__proto__", sort: 3, desc: "yes" })).toEqual({});
  });
});
