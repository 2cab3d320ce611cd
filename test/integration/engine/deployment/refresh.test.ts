import { describe, it } from "vitest";
import { diagnosticsOf, Group, stepsOf, Thing } from "../../../support/engine/inline-stack.ts";
import { useStacks } from "../../../support/engine/stacks.ts";

const { aStack } = useStacks();
const TYPE = "testing:index:Thing";

describe("refresh", () => {
  it("tells what changed outside, and takes it over", async ({ expect }) => {
    const stack = await aStack();
    const program = async () => {
      new Thing("same", { value: "v" });
      new Thing("changed", { value: "v" });
      new Thing("gone", { value: "v" });
    };
    await stack.up(program);
    stack.world.set("changed-1", { type: TYPE, inputs: { value: "w" }, outputs: { value: "w" } });
    stack.world.delete("gone-1");
    const preview = await stack.stack.previewRefresh();
    expect(preview.changeSummary).toEqual({ same: 2, update: 1, delete: 1 });
    expect((await stack.resource("changed")).inputs?.["value"]).toBe("v");

    const refresh = await stack.refresh();
    expect(refresh.error).toBeUndefined();
    expect(refresh.changes).toEqual({ same: 2, update: 1, delete: 1 });
    expect((await stack.resource("changed")).inputs?.["value"]).toBe("w");
    expect((await stack.resources()).some((state) => state.urn.endsWith("::gone"))).toBe(false);
    expect((await stack.up(program)).changes).toEqual({ same: 2, update: 1, create: 1 });
  });

  it("shows the change as it happened, not as it would be undone", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => void new Thing("thing", { value: "v" }));
    stack.world.set("thing-1", { type: TYPE, inputs: { value: "v", extra: "new" }, outputs: { value: "v", extra: "new" } });
    const refresh = await stack.refresh();
    const event = refresh.events.find((candidate) => candidate.resOutputsEvent?.metadata.op === "update");
    expect(event?.resOutputsEvent?.metadata.detailedDiff).toEqual({ extra: { diffKind: "add", inputDiff: true } });
  });

  it("forgets references to what is gone, and moves its children up", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      const group = new Group("group");
      const gone = new Thing("gone", {}, { parent: group });
      const child = new Thing("child", { value: gone.id }, { parent: gone });
      new Thing("guest", {}, { deletedWith: gone, dependsOn: [gone, child] });
    });
    stack.world.delete("gone-1");
    expect((await stack.refresh()).error).toBeUndefined();
    expect((await stack.resource("child")).parent).toMatch(/::group$/);
    expect(JSON.stringify(await stack.resources())).not.toMatch(/::gone"/);
    expect((await stack.resource("guest")).dependencies).toEqual([expect.stringMatching(/::child$/)]);
  });

  it("keeps a resource that is unhealthy, warns, and heals it with the next update", async ({ expect }) => {
    const stack = await aStack();
    const program = async () => void new Thing("thing", { value: "v" });
    await stack.up(program);
    stack.world.misbehave({ op: "read", name: "thing", partial: ["not ready", "still not"] });
    const refresh = await stack.refresh();
    expect(refresh.error).toBeUndefined();
    expect(diagnosticsOf(refresh, "warning")[0]).toBe("Refreshed resource is in an unhealthy state:\n* not ready\n* still not");
    expect((await stack.resource("thing")).initErrors).toEqual(["not ready", "still not"]);
    expect((await stack.up(program)).changes).toEqual({ same: 1, update: 1 });
    expect((await stack.resource("thing")).initErrors).toBeUndefined();
  });

  it("fails when a read fails, and keeps the state", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => void new Thing("thing", { value: "v" }));
    stack.world.misbehave({ op: "read", name: "thing", error: "cloud is down" });
    const refresh = await stack.refresh();
    expect(refresh.error?.message).toMatch(/cloud is down/);
    expect((await stack.resource("thing")).id).toBe("thing-1");
  });

  it("comes first in an update that asks for it", async ({ expect }) => {
    const stack = await aStack();
    const program = async () => {
      new Thing("kept", { value: "v" });
      new Thing("gone", { value: "v" });
    };
    await stack.up(program);
    stack.world.delete("gone-1");
    const preview = await stack.preview(program, { refresh: true });
    expect(preview.changes).toEqual({ same: 2, create: 1 });
    const up = await stack.up(program, { refresh: true });
    expect(up.changes).toEqual({ same: 2, create: 1 });
    expect(stack.world.ids()).toEqual(["gone-2", "kept-1"]);
  });

  it("reads only its targets", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      new Thing("one");
      new Thing("two");
    });
    const { urn } = await stack.resource("one");
    stack.world.forgetCalls();
    const refresh = await stack.refresh({ target: [urn] });
    expect(refresh.changes).toEqual({ same: 1 });
    expect(
      stack.world
        .calls()
        .filter((call) => call.op === "read")
        .map((call) => call.name),
    ).toEqual(["one"]);
    expect((await stack.refresh({ target: ["urn:pulumi:dev::proj::a:b:C::none"] })).error?.message).toMatch(
      /no resource named 'urn:pulumi:dev::proj::a:b:C::none' found/,
    );
  });

  it("runs the program for its providers when asked to", async ({ expect }) => {
    const stack = await aStack();
    const program = async () => void new Thing("thing", { value: "v" });
    await stack.up(program);
    stack.world.set("thing-1", { type: TYPE, inputs: { value: "w" }, outputs: { value: "w" } });
    const refresh = await stack.refresh({ runProgram: true }, program);
    expect(refresh.error).toBeUndefined();
    expect((await stack.resource("thing")).inputs?.["value"]).toBe("w");
  });
});

describe("destroy", () => {
  it("deletes dependents first", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      const group = new Group("group");
      const base = new Thing("base", {}, { parent: group });
      const middle = new Thing("middle", { value: base.id });
      new Thing("top", { value: middle.id }, { dependsOn: [group] });
    });
    const preview = await stack.stack.previewDestroy();
    expect(preview.changeSummary).toEqual({ delete: 5 });
    const destroy = await stack.destroy();
    expect(stepsOf(destroy)).toEqual(["delete top", "delete middle", "delete base", "delete group"]);
    expect(await stack.resources()).toEqual([]);
  });

  it("deletes only its targets, and refuses when others depend on them", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      const base = new Thing("base");
      new Thing("top", { value: base.id });
      new Thing("other");
    });
    const base = (await stack.resource("base")).urn;
    const refused = await stack.destroy({ target: [base] });
    expect(refused.error?.message).toMatch(/'.*top' will be destroyed but was not specified in --target list/);
    expect(stack.world.ids()).toEqual(["base-1", "other-1", "top-1"]);
    const destroy = await stack.destroy({ target: [base], targetDependents: true });
    expect(destroy.error).toBeUndefined();
    expect(stack.world.ids()).toEqual(["other-1"]);
  });

  it("excludes what it is told to, with all that it needs", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      const base = new Thing("base");
      new Thing("top", { value: base.id });
      new Thing("other");
    });
    const destroy = await stack.destroy({ exclude: [(await stack.resource("top")).urn] });
    expect(destroy.error).toBeUndefined();
    expect(stack.world.ids()).toEqual(["base-1", "top-1"]);
  });

  it("leaves protected resources and what they need when asked to", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      const base = new Thing("base");
      new Thing("held", { value: base.id }, { protect: true });
      new Thing("other");
    });
    const destroy = await stack.destroy({ excludeProtected: true });
    expect(destroy.error).toBeUndefined();
    expect(stack.world.ids()).toEqual(["base-1", "held-1"]);
  });

  it("goes on past a failure when asked to, and keeps what the failed one needs", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      const base = new Thing("base");
      new Thing("top", { value: base.id });
      new Thing("other");
    });
    stack.world.misbehave({ op: "delete", name: "top", error: "stuck" });
    const destroy = await stack.destroy({ continueOnError: true });
    expect(destroy.error?.message).toMatch(/stuck/);
    expect(stack.world.ids()).toEqual(["base-1", "top-1"]);
    expect((await stack.destroy()).error).toBeUndefined();
    expect(stack.world.ids()).toEqual([]);
  });

  it("runs the program for its providers when asked to, and makes nothing", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => void new Thing("thing", { value: "v" }));
    const destroy = await stack.destroy({ runProgram: true }, async () => {
      new Thing("thing", { value: "other" });
      new Thing("new");
    });
    expect(destroy.error).toBeUndefined();
    expect(stack.world.ids()).toEqual([]);
    expect(await stack.resources()).toEqual([]);
  });
});
