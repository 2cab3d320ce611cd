import fc from "fast-check";
import { describe, it } from "vitest";
import type { RolloutSpec } from "../../../../sdk/contract/index.ts";
import { decide } from "../../../../service/domain/rollouts/decisions.ts";
import type { Observation } from "../../../../service/domain/rollouts/gates.ts";
import type { Member, RolloutState } from "../../../../service/domain/rollouts/rollout.ts";
import { nextStep, type Step } from "../../../../service/domain/rollouts/step.ts";
import { planWaves, unavailableMax } from "../../../../service/domain/rollouts/waves.ts";
import { closedBecause, type KeptHours } from "../../../../service/domain/rollouts/windows.ts";
import { anObservation, aRolloutSpec, someMembers } from "../../../support/builders/rollouts.ts";

const ALICE = { subject: "alice", groups: [], keys: [], tenantId: undefined, scopes: undefined, everything: false };

/** A fleet that does as it is told, unless a test has it fail. */
class Fleet {
  readonly spec: RolloutSpec;
  hours: readonly KeptHours[] = [];
  state: RolloutState;
  members: readonly Member[];
  readonly observed = new Map<string, Observation>();
  now = Date.parse("2026-01-05T10:00:00Z");
  /** Of all steps, in order. */
  readonly steps: Step[] = [];
  /** How many were not ready at a time, at most. */
  worst = 0;

  constructor(spec: RolloutSpec, count: number) {
    this.spec = spec;
    ({ state: this.state, members: this.members } = someMembers(spec, count));
    for (const member of this.members) {
      this.observed.set(member.instance, anObservation({ held: member.from }));
    }
  }

  /** One step, written; an instance that is changed is not ready until the next one. @param isLost whether the driver dies before it is written */
  step(isLost = false): Step {
    const { spec, state, members, observed } = this;
    const step = nextStep({ spec, hours: this.hours, state, members, observed, measured: [], now: new Date(this.now) });
    this.now += 1000;
    if (isLost) {
      return step;
    }
    this.steps.push(step);
    this.state = step.state;
    const written = new Map([
      ...step.change.map((m) => [m.instance, m.to] as const),
      ...step.revert.map((m) => [m.instance, m.from] as const),
    ]);
    this.members = step.members.map((member) => {
      const held = written.get(member.instance);
      const before = this.observed.get(member.instance);
      if (held === undefined || !before) {
        return member;
      }
      const generation = before.generation + 1;
      this.observed.set(member.instance, { ...before, held, generation, ready: false });
      return { ...member, generation };
    });
    this.worst = Math.max(this.worst, [...this.observed.values()].filter(({ ready }) => !ready).length);
    return step;
  }

  /** What was changed comes up. */
  settle(broken: ReadonlySet<string> = new Set()): void {
    for (const member of this.members) {
      const seen = this.observed.get(member.instance);
      if (seen) {
        this.observed.set(member.instance, {
          ...seen,
          observedGeneration: seen.generation,
          ready: !broken.has(member.name) || seen.held === null,
        });
      }
    }
  }

  /** Until nothing happens by itself any more. */
  run(each: () => void = () => this.settle()): void {
    for (let turn = 0; turn < 5000; turn++) {
      if (this.step().dueInSeconds === undefined) {
        return;
      }
      each();
    }
    throw new Error("it does not come to an end");
  }

  held(): (string | number | null)[] {
    return this.members.map(({ instance }) => this.observed.get(instance)?.held ?? null);
  }
}

const strategies = fc.oneof(
  fc.constantFrom("all-at-once" as const, "one-then-rest" as const),
  fc
    .uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 6 })
    .map((ends) => ({ percentages: ends.sort((a, b) => a - b) })),
);

describe("the waves of a rollout", () => {
  it("have each instance once, in its order", ({ expect }) => {
    fc.assert(
      fc.property(strategies, fc.integer({ min: 1, max: 300 }), (strategy, count) => {
        const places = planWaves(aRolloutSpec({ strategy }), count, []).flatMap(({ members }) => members);
        expect(places).toEqual(Array.from({ length: count }, (_, index) => index));
      }),
    );
  });

  it("by labels take an instance into the first that selects it, and the others last", ({ expect }) => {
    const strategy = {
      waves: [
        { name: "canary", selector: "ring=canary" },
        { name: "early", selector: "ring in (canary,early)", approval: true },
      ],
    };
    const waves = planWaves(aRolloutSpec({ strategy }), 5, [new Set([3]), new Set([3, 1])]);
    expect(waves.map(({ wave, members }) => [wave.name, wave.approval, members])).toEqual([
      ["canary", false, [3]],
      ["early", true, [1]],
      ["others", false, [0, 2, 4]],
    ]);
  });

  it("let a part be unavailable, and one at least", ({ expect }) => {
    expect([undefined, 3, "20%", "1%"].map((max) => unavailableMax(max, 40))).toEqual([40, 3, 8, 1]);
  });
});

describe("a rollout", () => {
  it("brings it to all, wave by wave, however often its driver dies between a look and the write", ({ expect }) => {
    fc.assert(
      fc.property(
        strategies,
        fc.integer({ min: 1, max: 120 }),
        fc.integer({ min: 1, max: 10 }),
        fc.infiniteStream(fc.boolean()),
        (strategy, count, max, dies) => {
          const fleet = new Fleet(aRolloutSpec({ strategy, maxUnavailable: max, bakeSeconds: 3 }), count);
          fleet.run(() => {
            if (dies.next().value) {
              fleet.step(true);
            }
            fleet.settle();
          });
          expect(fleet.state.phase).toBe("Completed");
          expect(new Set(fleet.held())).toEqual(new Set([2]));
          expect(fleet.worst).toBeLessThanOrEqual(max);
          // No wave began before the one before it had passed.
          const waves = fleet.steps.flatMap(({ change }) => change.map(({ wave }) => wave));
          expect(waves).toEqual([...waves].sort((a, b) => a - b));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("stops at the wave whose instance does not come up, and gives back what they had where it is to", ({ expect }) => {
    fc.assert(
      fc.property(
        strategies,
        fc.integer({ min: 2, max: 60 }),
        fc.nat(),
        fc.constantFrom("pause" as const, "rollback" as const),
        (strategy, count, which, onFailure) => {
          const broken = `web-${which % count}`;
          const fleet = new Fleet(aRolloutSpec({ strategy, onFailure, bakeSeconds: 0, gates: { ready: { withinSeconds: 5 } } }), count);
          fleet.run(() => fleet.settle(new Set([broken])));
          const wave = fleet.members.find(({ name }) => name === broken)?.wave ?? 0;
          expect(fleet.state.phase).toBe(onFailure === "pause" ? "Paused" : "RolledBack");
          expect(fleet.state.message).toContain(`${broken}: it was not ready within 5 s`);
          const touched = fleet.members.filter((member) => fleet.observed.get(member.instance)?.held === 2);
          expect(touched.every((member) => member.wave <= wave)).toBe(true);
          if (onFailure === "rollback") {
            expect(touched).toEqual([]);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("watches a wave anew when an instance of it was not ready for a while", ({ expect }) => {
    const fleet = new Fleet(aRolloutSpec({ strategy: "all-at-once", bakeSeconds: 60 }), 1);
    for (let turn = 0; turn < 30; turn++) {
      fleet.step();
      fleet.settle();
    }
    const until = fleet.state.waves[0]?.bakesUntil ?? "";
    const [one] = fleet.members;
    fleet.observed.set(one?.instance ?? "", { ...anObservation({ held: 2, generation: 2, observedGeneration: 2 }), ready: false });
    fleet.step();
    expect(fleet.state.waves[0]).toMatchObject({ phase: "Updating", bakesUntil: undefined });
    fleet.settle();
    fleet.step();
    expect((fleet.state.waves[0]?.bakesUntil ?? "") > until).toBe(true);
  });

  it("tells value, threshold, time and what was looked at of each gate", ({ expect }) => {
    const fleet = new Fleet(aRolloutSpec({ strategy: "all-at-once" }), 2);
    fleet.step();
    fleet.settle();
    fleet.step();
    expect(fleet.state.waves[0]?.gates).toEqual([
      {
        gate: "ready",
        verdict: "passed",
        value: "2 of 2",
        threshold: "all",
        code: "Counted",
        params: { met: "2", of: "2" },
        measuredAt: "2026-01-05T10:00:01.000Z",
        source: "the condition Ready of 2 instances",
      },
      expect.objectContaining({ gate: "config-synced", verdict: "passed" }),
      expect.objectContaining({ gate: "restarts", verdict: "passed", value: "none", threshold: "none", code: "Restarts" }),
    ]);
  });

  it("fails for a claw that ends by itself, or refuses what it is told", ({ expect }) => {
    for (const [found, why] of [
      [{ restarts: 1 }, "its claw ended by itself 1 times"],
      [{ config: "refused" as const }, "its claw refused the configuration"],
      [{ held: 7 }, "somebody changed it meanwhile: it is held to version 7"],
    ] as const) {
      const fleet = new Fleet(aRolloutSpec({ strategy: "all-at-once" }), 1);
      fleet.step();
      fleet.settle();
      fleet.step();
      const [one] = fleet.members;
      const seen = fleet.observed.get(one?.instance ?? "");
      fleet.observed.set(one?.instance ?? "", { ...(seen ?? anObservation()), ...found });
      fleet.step();
      expect(fleet.state).toMatchObject({ phase: "Paused", reason: "GateFailed", message: expect.stringContaining(why) });
    }
  });

  it("leaves alone what somebody changed since it was planned, and what is gone", ({ expect }) => {
    const fleet = new Fleet(aRolloutSpec({ strategy: "all-at-once" }), 2);
    const [changed, gone] = fleet.members;
    fleet.observed.set(changed?.instance ?? "", anObservation({ held: 1 }));
    fleet.observed.delete(gone?.instance ?? "");
    fleet.step();
    expect(fleet.state).toMatchObject({ phase: "Paused", message: expect.stringContaining("somebody changed it since it was planned") });
    expect(fleet.members.map(({ state }) => state)).toEqual(["failed", "left"]);
    expect(fleet.steps.flatMap(({ change }) => change)).toEqual([]);
  });
});

describe("what somebody decides of a rollout", () => {
  const failed = () => {
    const fleet = new Fleet(aRolloutSpec({ gates: { ready: { withinSeconds: 2 } } }), 3);
    fleet.run(() => fleet.settle(new Set(["web-0"])));
    return fleet;
  };
  const at = "2026-01-05T11:00:00.000Z";

  it("begins a wave that waits for it", ({ expect }) => {
    const fleet = new Fleet(aRolloutSpec({ approval: "each-wave", bakeSeconds: 0 }), 3);
    fleet.run();
    expect(fleet.state).toMatchObject({ phase: "AwaitingApproval", message: "wave 'rest' begins when somebody approves of it" });
    ({ state: fleet.state, members: fleet.members } = decide("r", fleet, { action: "approve", by: "alice", actor: ALICE, at }));
    fleet.run();
    expect(fleet.state).toMatchObject({ phase: "Completed", waves: [{ approvedBy: undefined }, { approvedBy: "alice" }] });
  });

  it("tries what failed once more, which is no surprise then, and nothing else goes on", ({ expect }) => {
    const fleet = failed();
    expect(() => decide("r", fleet, { action: "resume", by: "alice", actor: ALICE, at })).toThrow(
      "instance 'web-0' of rollout 'r' has failed",
    );
    expect(() => decide("r", fleet, { action: "retry", instance: "web-1", by: "alice", actor: ALICE, at })).toThrow(
      "no instance 'web-1' of rollout 'r' has failed",
    );
    ({ state: fleet.state, members: fleet.members } = decide("r", fleet, { action: "retry", by: "alice", actor: ALICE, at }));
    fleet.run();
    expect(fleet.state.phase).toBe("Completed");
  });

  it("ends it, with instances as they are or as they were", ({ expect }) => {
    const stays = failed();
    ({ state: stays.state } = decide("r", stays, { action: "abort", rollback: false, by: "alice", actor: ALICE, at }));
    expect([stays.state.phase, stays.state.endedAt, stays.held()]).toEqual(["Aborted", at, [2, null, null]]);
    const returns = failed();
    ({ state: returns.state, members: returns.members } = decide("r", returns, {
      action: "abort",
      rollback: true,
      by: "alice",
      actor: ALICE,
      at,
    }));
    returns.run();
    expect([returns.state.phase, returns.held()]).toEqual(["RolledBack", [null, null, null]]);
    expect(() => decide("r", returns, { action: "pause", by: "alice", actor: ALICE, at })).toThrow("it has ended: begin another");
  });
});

describe("maintenance windows", () => {
  const at = (time: string, spec: object) => closedBecause([aRolloutSpec(spec)], new Date(time));

  it("are of their own time zone, and go past midnight", ({ expect }) => {
    const night = { windows: [{ days: ["fri"], from: "22:00", to: "02:00", timeZone: "Europe/Berlin" }] };
    expect(at("2026-01-09T21:30:00Z", night)).toBeUndefined();
    expect(at("2026-01-10T00:30:00Z", night)).toBeUndefined();
    expect(at("2026-01-10T01:30:00Z", night)).toContain("fri 22:00–02:00 Europe/Berlin");
    expect(at("2026-01-10T21:30:00Z", night)).toContain("maintenance windows");
  });

  it("do not open a freeze", ({ expect }) => {
    const freezes = [{ from: "2026-12-20T00:00:00Z", to: "2027-01-02T00:00:00Z", reason: "the holidays" }];
    expect(at("2026-12-24T12:00:00Z", { freezes })).toBe("nothing is changed until 2027-01-02T00:00:00Z: the holidays");
    expect(at("2027-01-02T00:00:00Z", { freezes })).toBeUndefined();
  });

  it("keep a wave from beginning", ({ expect }) => {
    const fleet = new Fleet(aRolloutSpec({ freezes: [{ from: "2026-01-01T00:00:00Z", to: "2026-01-05T10:00:05Z" }] }), 1);
    expect(fleet.step()).toMatchObject({ change: [], state: { phase: "Progressing", reason: "Waiting" } });
    fleet.run();
    expect(fleet.state.phase).toBe("Completed");
  });

  it("of others hold it up as its own do, between waves as well, and say whose they are", ({ expect }) => {
    const fleet = new Fleet(aRolloutSpec({ bakeSeconds: 0, windows: [{ from: "00:00", to: "00:00" }] }), 2);
    while (fleet.state.waves[0]?.phase !== "Passed") {
      fleet.step();
      fleet.settle();
    }
    const frozen = { windows: [], freezes: [{ from: "2026-01-01T00:00:00Z", to: "2026-01-05T12:00:00Z", reason: "the fair" }] };
    fleet.hours = [
      { windows: [], freezes: [] },
      { ...frozen, by: "policy 'fair' of the platform" },
    ];
    expect(fleet.step()).toMatchObject({
      change: [],
      dueInSeconds: 15,
      state: { reason: "Waiting", message: "nothing is changed until 2026-01-05T12:00:00Z: the fair (policy 'fair' of the platform)" },
    });
    fleet.now = Date.parse("2026-01-05T12:00:00Z");
    fleet.run();
    expect(fleet.state.phase).toBe("Completed");
  });
});
