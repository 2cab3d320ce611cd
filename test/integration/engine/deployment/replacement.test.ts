import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "vitest";
import { diagnosticsOf, Group, stepsOf, Testing, Thing } from "../../../support/engine/inline-stack.ts";
import { useStacks } from "../../../support/engine/stacks.ts";

const { aStack } = useStacks();

describe("replacement", () => {
  it("creates before it deletes, and deletes at the end", async ({ expect }) => {
    const stack = await aStack();
    const program = (key: string) => async () => {
      const first = new Thing("first", { replaceKey: key });
      new Thing("second", { value: pulumi.interpolate`${first.id}` });
    };
    await stack.up(program("1"));
    const up = await stack.up(program("2"));
    expect(stepsOf(up)).toEqual(["create-replacement first", "replace first", "update second", "delete-replaced first"]);
    expect(up.changes).toEqual({ same: 1, replace: 1, update: 1 });
    expect((await stack.resource("second")).inputs?.["value"]).toBe("first-2");
  });

  it("deletes before it creates when the provider or the program says so", async ({ expect }) => {
    const stack = await aStack();
    const program =
      (key: string, options: pulumi.CustomResourceOptions = {}) =>
      async () => {
        new Thing("thing", { dbrKey: key }, options);
      };
    await stack.up(program("1"));
    expect(stepsOf(await stack.up(program("2")))).toEqual(["delete-replaced thing", "replace thing", "create-replacement thing"]);
    const kept = await stack.up(program("3", { deleteBeforeReplace: false }));
    expect(stepsOf(kept)).toEqual(["create-replacement thing", "replace thing", "delete-replaced thing"]);
  });

  it("takes along the dependents that would be replaced by the change, in order, and no others", async ({ expect }) => {
    const stack = await aStack();
    const program = (key: string) => async () => {
      const root = new Thing("root", { dbrKey: key });
      const replaced = new Thing("replaced", { replaceRoot: root.id });
      const updated = new Thing("updated", { value: root.id });
      new Thing("leaf", { replaceAbove: replaced.id });
      new Thing("bare", { value: "v" }, { dependsOn: [root] });
      return { updated: updated.id };
    };
    await stack.up(program("1"));
    stack.world.forgetCalls();
    const up = await stack.up(program("2"));
    expect(up.error).toBeUndefined();
    const deletes = stack.world.calls().filter((call) => call.op === "delete" || (call.op === "create" && !call.preview));
    expect(deletes.map((call) => `${call.op} ${call.name}`)).toEqual([
      "delete leaf",
      "delete replaced",
      "delete root",
      "create root",
      "create replaced",
      "create leaf",
    ]);
    expect(up.changes).toEqual({ same: 2, replace: 3, update: 1 });
    expect(stack.world.ids()).toEqual(["bare-1", "leaf-2", "replaced-2", "root-2", "updated-1"]);
  });

  it("refuses to take a protected dependent along, in the preview too", async ({ expect }) => {
    const stack = await aStack();
    const program = (key: string) => async () => {
      const root = new Thing("root", { dbrKey: key });
      new Thing("held", { replaceRoot: root.id }, { protect: true });
    };
    await stack.up(program("1"));
    const preview = await stack.preview(program("2"));
    expect(preview.error?.message).toMatch(/unable to replace resource ".*held" as part of replacing ".*root"/);
    const up = await stack.up(program("2"));
    expect(up.error).toBeDefined();
    expect(stack.world.ids()).toEqual(["held-1", "root-1"]);
  });

  it("refuses to replace a protected resource, shows it in the preview, and allows it once it is unprotected", async ({ expect }) => {
    const stack = await aStack();
    const program = (key: string, protect: boolean) => async () => void new Thing("thing", { replaceKey: key }, { protect });
    await stack.up(program("1", true));
    const preview = await stack.preview(program("2", true));
    expect(preview.error?.message).toMatch(/unable to replace resource/);
    expect(stepsOf(preview)).toContain("replace thing");
    const up = await stack.up(program("2", true));
    expect(up.error?.message).toMatch(/currently marked for protection/);
    expect(stack.world.ids()).toEqual(["thing-1"]);
    expect((await stack.up(program("2", false))).error).toBeUndefined();
    expect(stack.world.ids()).toEqual(["thing-2"]);
  });

  it("replaces on changes of the named properties, wildcards included", async ({ expect }) => {
    const stack = await aStack();
    const program = (value: string, replaceOnChanges: string[]) => async () =>
      void new Thing("thing", { value, nested: { list: [value] } }, { replaceOnChanges });
    await stack.up(program("1", ["value"]));
    expect((await stack.up(program("2", ["value"]))).changes["replace"]).toBe(1);
    expect((await stack.up(program("3", ["other"]))).changes["update"]).toBe(1);
    expect((await stack.up(program("4", ["*"]))).changes["replace"]).toBe(1);
  });

  it("replaces when its trigger changes, not when it first gets one", async ({ expect }) => {
    const stack = await aStack();
    const program = (trigger?: string) => async () =>
      void new Thing("thing", {}, trigger === undefined ? {} : ({ replacementTrigger: trigger } as pulumi.CustomResourceOptions));
    await stack.up(program());
    expect((await stack.up(program("1"))).changes).toEqual({ same: 2 });
    expect((await stack.up(program("1"))).changes).toEqual({ same: 2 });
    expect((await stack.up(program("2"))).changes).toEqual({ same: 1, replace: 1 });
  });

  it("replaces with those it names in replaceWith", async ({ expect }) => {
    const stack = await aStack();
    const program = (key: string) => async () => {
      const lead = new Thing("lead", { replaceKey: key });
      new Thing("follower", {}, { replaceWith: [lead] } as pulumi.CustomResourceOptions);
    };
    await stack.up(program("1"));
    const up = await stack.up(program("2"));
    expect(up.changes).toEqual({ same: 1, replace: 2 });
    expect(stack.world.ids()).toEqual(["follower-2", "lead-2"]);
  });

  it("does not call the provider for what goes with another resource", async ({ expect }) => {
    const stack = await aStack();
    const program = (key?: string) => async () => {
      if (key === undefined) {
        return;
      }
      const host = new Thing("host", { replaceKey: key });
      new Thing("guest", {}, { deletedWith: host });
    };
    await stack.up(program("1"));
    stack.world.forgetCalls();
    const up = await stack.up(program());
    expect(up.changes).toEqual({ same: 1, delete: 2 });
    expect(
      stack.world
        .calls()
        .filter((call) => call.op === "delete")
        .map((call) => call.name),
    ).toEqual(["host"]);
  });

  it("replaces the resources that --replace names", async ({ expect }) => {
    const stack = await aStack();
    const program = async () => void new Thing("thing", { value: "v" });
    await stack.up(program);
    const urn = (await stack.resource("thing")).urn;
    const up = await stack.up(program, { replace: [urn] });
    expect(up.changes).toEqual({ same: 1, replace: 1 });
    expect((await stack.up(program, { replace: ["urn:pulumi:none"] })).error?.message).toMatch(/could not be found in the stack/);
  });

  it("replaces a tainted resource and takes the taint away", async ({ expect }) => {
    const stack = await aStack();
    const program = async () => void new Thing("thing", { value: "v" });
    await stack.up(program);
    const exported = await stack.stack.exportStack();
    for (const resource of exported.deployment.resources) {
      if (resource.urn.endsWith("::thing")) {
        resource.taint = true;
      }
    }
    await stack.stack.importStack(exported);
    expect((await stack.up(program)).changes).toEqual({ same: 1, replace: 1 });
    expect((await stack.resource("thing")).taint).toBeUndefined();
  });

  it("replaces what moves between providers only when the new provider says so", async ({ expect }) => {
    const stack = await aStack();
    const program = (name: string, region: string) => async () => {
      const provider = new Testing(name, { replaceRegion: region });
      new Thing("thing", {}, { provider });
    };
    await stack.up(program("one", "north"));
    expect((await stack.up(program("two", "north"))).changes).toEqual({ same: 2, create: 1, delete: 1 });
    expect((await stack.up(program("three", "south"))).changes).toMatchObject({ replace: 1 });
  });

  it("finishes a deletion that was left over, in the order of the dependencies", async ({ expect }) => {
    const stack = await aStack();
    const program = (key: string) => async () => {
      const first = new Thing("first", { replaceKey: key });
      new Thing("second", { replaceFirst: first.id });
    };
    await stack.up(program("1"));
    stack.world.misbehave({ op: "delete", name: "second", error: "not now" });
    const failed = await stack.up(program("2"));
    expect(failed.error?.message).toMatch(/not now/);
    expect((await stack.resources()).filter((state) => state.delete).map((state) => state.id)).toEqual(["first-1", "second-1"]);
    const up = await stack.up(program("2"));
    expect(up.error).toBeUndefined();
    expect(stepsOf(up).slice(-2)).toEqual(["delete-replaced second", "delete-replaced first"]);
    expect(stack.world.ids()).toEqual(["first-2", "second-2"]);
  });

  it("resumes a delete-before-replace that ended between the two halves", async ({ expect }) => {
    const stack = await aStack();
    const program = (key: string | undefined) => async () => {
      if (key) {
        new Thing("thing", { dbrKey: key });
      }
    };
    await stack.up(program("1"));
    stack.world.misbehave({ op: "create", name: "thing", error: "no room" });
    expect((await stack.up(program("2"))).error?.message).toMatch(/no room/);
    expect((await stack.resource("thing")).pendingReplacement).toBe(true);
    stack.world.forgetCalls();
    const resumed = await stack.up(program("2"));
    expect(resumed.error).toBeUndefined();
    expect(stack.world.calls().filter((call) => call.op === "delete")).toEqual([]);
    expect((await stack.resource("thing")).pendingReplacement).toBeUndefined();
    expect(stack.world.ids()).toEqual(["thing-2"]);
  });

  it("only forgets a half replaced resource that the program no longer has", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => void new Thing("thing", { dbrKey: "1" }));
    stack.world.misbehave({ op: "create", name: "thing", error: "no room" });
    await stack.up(async () => void new Thing("thing", { dbrKey: "2" }));
    stack.world.forgetCalls();
    const up = await stack.up(async () => {});
    expect(up.error).toBeUndefined();
    expect(stack.world.calls().filter((call) => call.op === "delete")).toEqual([]);
    expect((await stack.resources()).map((state) => state.type)).not.toContain("testing:index:Thing");
  });

  it("gives a replacement a new name", async ({ expect }) => {
    const stack = await aStack();
    const program = (key: string) => async () => void new Thing("thing", { replaceKey: key }, {}, "testing:index:Named");
    await stack.up(program("1"));
    const before = (await stack.resource("thing")).inputs?.["name"];
    await stack.up(program("1"));
    expect((await stack.resource("thing")).inputs?.["name"]).toBe(before);
    await stack.up(program("2"));
    expect((await stack.resource("thing")).inputs?.["name"]).not.toBe(before);
  });

  it("keeps a component in place whatever its inputs", async ({ expect }) => {
    const stack = await aStack();
    const program = (value: string) => async () => void new Group("group", { value });
    await stack.up(program("1"));
    expect((await stack.up(program("2"))).changes["update"] ?? 0).toBeLessThanOrEqual(1);
    expect(diagnosticsOf(await stack.up(program("2")))).toEqual([]);
  });
});
