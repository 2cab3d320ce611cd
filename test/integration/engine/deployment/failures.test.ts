import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "vitest";
import { LeaseLostError, type StackStore } from "../../../../adapters/engine/contract/store.ts";
import { until } from "../../../support/agent/harness.ts";
import { diagnosticsOf, stepsOf, Thing } from "../../../support/engine/inline-stack.ts";
import { useStacks } from "../../../support/engine/stacks.ts";

const { aStack, store } = useStacks();

describe("failures", () => {
  it("keeps nothing of a resource whose creation failed, and no pending operation", async ({ expect }) => {
    const stack = await aStack();
    stack.world.misbehave({ op: "create", name: "thing", error: "no room" });
    const up = await stack.up(async () => void new Thing("thing"));
    expect(up.error?.message).toMatch(/no room/);
    expect((await stack.resources()).some((state) => state.urn.endsWith("::thing"))).toBe(false);
    expect(await stack.pending()).toEqual([]);
    const failed = up.events.find((event) => event.resOpFailedEvent)?.resOpFailedEvent;
    expect(failed?.metadata.op).toBe("create");
    expect(diagnosticsOf(up)).toEqual(["no room", "update failed"]);
  });

  it("keeps a resource that did not become ready, fails, and updates it the next time", async ({ expect }) => {
    const stack = await aStack();
    stack.world.misbehave({ op: "create", name: "thing", partial: ["not ready"] });
    const program = async () => void new Thing("thing", { value: "v" });
    const up = await stack.up(program);
    expect(up.error?.message).toMatch(/1 error occurred:\s+\* not ready/);
    expect(await stack.resource("thing")).toMatchObject({ id: "thing-1", initErrors: ["not ready"], inputs: { value: "v" } });
    expect((await stack.up(program)).changes).toEqual({ same: 1, update: 1 });
    expect((await stack.resource("thing")).initErrors).toBeUndefined();
  });

  it("keeps the old inputs of an update that did not become ready", async ({ expect }) => {
    const stack = await aStack();
    const program = (value: string) => async () => void new Thing("thing", { value }, {}, "testing:index:Plain");
    await stack.up(program("1"));
    stack.world.misbehave({ op: "update", name: "thing", partial: ["not ready"] });
    expect((await stack.up(program("2"))).error).toBeDefined();
    expect(await stack.resource("thing")).toMatchObject({ outputs: { value: "2" }, initErrors: ["not ready"] });
    expect((await stack.up(program("2"))).changes["update"]).toBe(1);
  });

  it("keeps the old state of an update that failed", async ({ expect }) => {
    const stack = await aStack();
    const program = (value: string) => async () => void new Thing("thing", { value });
    await stack.up(program("1"));
    stack.world.misbehave({ op: "update", name: "thing", error: "refused" });
    const up = await stack.up(program("2"));
    expect(up.error?.message).toMatch(/refused/);
    expect(await stack.resource("thing")).toMatchObject({ inputs: { value: "1" }, outputs: { value: "1" } });
  });

  it("starts nothing more after a failure and lets running steps end", async ({ expect }) => {
    const stack = await aStack();
    stack.world.misbehave({ op: "create", name: "bad", error: "no room" });
    const letGo = stack.world.hold("slow");
    const running = stack.up(async () => {
      new Thing("slow");
      await until(() => stack.world.calls().some(({ op, name }) => op === "create" && name === "slow"), "slow is being made");
      const bad = new Thing("bad");
      new Thing("after", { value: bad.revision });
    });
    const hasFailed = () => stack.world.calls().some(({ op, name }) => op === "create" && name === "bad");
    await until(hasFailed, "bad has failed");
    letGo();
    const up = await running;
    expect(up.error).toBeDefined();
    expect(stack.world.ids()).toEqual(["slow-1"]);
    expect((await stack.resource("slow")).id).toBe("slow-1");
    expect(up.events.at(-1)?.cancelEvent).toBeDefined();
    expect(up.events.at(-2)?.summaryEvent).toBeDefined();
  });

  it("goes on past failures when asked to, and leaves out what depends on them", async ({ expect }) => {
    const stack = await aStack();
    stack.world.misbehave({ op: "create", name: "bad", error: "no room" });
    const up = await stack.up(
      async () => {
        const bad = new Thing("bad");
        new Thing("child", {}, { parent: bad });
        new Thing("good");
      },
      { continueOnError: true },
    );
    expect(up.error).toBeDefined();
    expect(stack.world.ids()).toEqual(["good-1"]);
    expect(stepsOf(up)).toEqual(["create good"]);
  });

  it("serialises with a width of one and overlaps with more", async ({ expect }) => {
    const stack = await aStack();
    const program = (prefix: string) => async () => {
      for (let index = 0; index < 4; index++) {
        new Thing(`${prefix}${index}`, { delayMs: 200 });
      }
    };
    const mostAtOnce = async (prefix: string, parallel: number) => {
      const { error, events } = await stack.up(program(prefix), { parallel });
      expect(error).toBeUndefined();
      const things = new Set<string>();
      let most = 0;
      for (const { resourcePreEvent, resOutputsEvent } of events) {
        if (resourcePreEvent?.metadata.urn.includes(`Thing::${prefix}`)) {
          things.add(resourcePreEvent.metadata.urn);
        }
        if (resOutputsEvent) {
          things.delete(resOutputsEvent.metadata.urn);
        }
        most = Math.max(most, things.size);
      }
      return most;
    };
    expect(await mostAtOnce("w", 8)).toBeGreaterThan(1);
    expect(await mostAtOnce("n", 1)).toBe(1);
  });

  it("warns of operations that a crash interrupted, and a refresh forgets all but creations", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => void new Thing("thing"));
    const thing = await stack.resource("thing");
    const { id: _id, ...lost } = { ...thing, urn: `${thing.urn}-lost` };
    const lease = await store().acquireLease({ project: "proj", stack: stack.name }, "crashing", 30);
    await store().commit(lease, [
      { kind: "begin", operationId: "1", operation: { resource: thing, type: "updating" } },
      { kind: "begin", operationId: "2", operation: { resource: lost, type: "creating" } },
    ]);
    await store().releaseLease(lease);
    const preview = await stack.preview(async () => void new Thing("thing"));
    expect(preview.error).toBeUndefined();
    const up = await stack.up(async () => void new Thing("thing"));
    expect(diagnosticsOf(up, "warning")[0]).toMatch(
      /with 2 pending operations from previous deployment\.\n {2}\* .*::thing, interrupted while updating/,
    );
    await stack.refresh();
    expect(await stack.pending()).toMatchObject([{ type: "creating" }]);
    await stack.refresh({ clearPendingCreates: true });
    expect(await stack.pending()).toEqual([]);
  });

  it("cancels: lets the running step end and record itself, starts none, and says so", async ({ expect }) => {
    const stack = await aStack();
    const controller = new AbortController();
    const letGo = stack.world.hold("slow");
    const running = stack.up(
      async () => {
        const slow = new Thing("slow");
        new Thing("after", { value: slow.revision });
      },
      { signal: controller.signal },
    );
    await until(() => stack.world.calls().some((call) => call.op === "create"), "slow is being made");
    controller.abort();
    letGo();
    const up = await running;
    expect(up.error).toBeDefined();
    expect(stack.world.ids()).toEqual(["slow-1"]);
    expect((await stack.resource("slow")).id).toBe("slow-1");
    expect(await stack.pending()).toEqual([]);
    expect(up.events.find((event) => event.summaryEvent)?.summaryEvent).toMatchObject({ result: "canceled" });
  });

  it("writes nothing and calls no provider once its lease is lost", async ({ expect }) => {
    let commits = 0;
    const losing = new Proxy(store(), {
      get(target, property) {
        const value = Reflect.get(target, property);
        if (property === "commit") {
          return async (...args: Parameters<StackStore["commit"]>) => {
            if (++commits > 3) {
              throw new LeaseLostError(args[0].ref);
            }
            return target.commit(...args);
          };
        }
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const stack = await aStack({ store: losing });
    const up = await stack.up(async () => {
      let previous: pulumi.Input<unknown> = "start";
      for (let index = 0; index < 5; index++) {
        previous = new Thing(`t${index}`, { value: previous }).revision;
      }
    });
    expect(up.error?.message).toMatch(/lease on stack .* was lost to another worker/);
    expect(stack.world.ids().length).toBeLessThan(3);
    expect(commits).toBe(4);
  });

  it("has written down what it is about to make before it asks the provider", async ({ expect }) => {
    const stack = await aStack();
    const seen: unknown[] = [];
    const create = stack.world.newId.bind(stack.world);
    let pending: Promise<unknown[]> | undefined;
    stack.world.newId = (name) => {
      pending ??= store().loadPending({ project: "proj", stack: stack.name });
      return create(name);
    };
    await stack.up(async () => void new Thing("thing", { token: pulumi.secret("hush"), delayMs: 1 }));
    seen.push(...((await pending) ?? []));
    expect(seen).toMatchObject([{ operation: { type: "creating", resource: { urn: expect.stringMatching(/::thing$/) } } }]);
    expect(JSON.stringify(seen)).not.toContain("hush");
  });

  it("reports a change when none is expected", async ({ expect }) => {
    const stack = await aStack();
    const program = async () => void new Thing("thing");
    expect((await stack.preview(program, { expectNoChanges: true })).error?.message).toMatch(
      /no changes were expected.* but changes were proposed/,
    );
    await stack.up(program);
    expect((await stack.up(program, { expectNoChanges: true })).error).toBeUndefined();
  });
});
