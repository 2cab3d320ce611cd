import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "vitest";
import { Group, stepsOf, Thing } from "../../../support/engine/inline-stack.ts";
import { useStacks } from "../../../support/engine/stacks.ts";

const { aStack } = useStacks();
const SECRET_SIG = "1b47061264138c4ac30d75fd1eb44270";

describe("resource options", () => {
  it("ignores changes of the named paths", async ({ expect }) => {
    const stack = await aStack();
    const program = (value: string) => async () =>
      void new Thing("thing", { value, nested: { deep: [value, "x"] }, other: "o" }, { ignoreChanges: ["value", "nested.deep[0]"] });
    await stack.up(program("1"));
    expect((await stack.up(program("2"))).changes).toEqual({ same: 2 });
    expect((await stack.resource("thing")).inputs).toMatchObject({ value: "1", nested: { deep: ["1", "x"] } });
  });

  it("does not delete a protected resource and says so for each", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      new Thing("one", {}, { protect: true });
      new Thing("two", {}, { protect: true });
      new Thing("three");
    });
    const up = await stack.up(async () => {});
    expect(up.error?.message).toMatch(/resource ".*one" cannot be deleted\s+because it is protected/);
    expect(up.error?.message).toMatch(/resource ".*two" cannot be deleted/);
    expect(stack.world.ids()).toContain("one-1");
    const destroy = await stack.destroy();
    expect(destroy.error?.message).toMatch(/pulumi state unprotect/);
    expect(stack.world.ids()).toEqual(["one-1", "two-1"]);
  });

  it("inherits protection, retention and deletedWith from the parent", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      const host = new Thing("host");
      const group = new Group("group", {}, { protect: true, retainOnDelete: true, deletedWith: host });
      new Thing("thing", {}, { parent: group });
      new Thing("free", {}, { parent: group, protect: false });
    });
    const thing = await stack.resource("thing");
    expect(thing).toMatchObject({ protect: true, retainOnDelete: true });
    expect(thing.deletedWith).toMatch(/host$/);
    expect((await stack.resource("free")).protect).toBeUndefined();
  });

  it("retains on delete what asks for it", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => void new Thing("thing", {}, { retainOnDelete: true }));
    await stack.up(async () => {});
    expect(stack.world.ids()).toEqual(["thing-1"]);
    expect((await stack.resources()).length).toBe(1);
  });

  it("writes changed options without calling the provider", async ({ expect }) => {
    const stack = await aStack();
    const program = (options: pulumi.CustomResourceOptions) => async () => void new Thing("thing", {}, options);
    await stack.up(program({}));
    stack.world.forgetCalls();
    expect((await stack.up(program({ protect: true, customTimeouts: { create: "1h30m", delete: "10s" } }))).changes).toEqual({ same: 2 });
    expect(await stack.resource("thing")).toMatchObject({ protect: true, customTimeouts: { create: 5400, delete: 10 } });
    expect(stack.world.calls().some((call) => call.op === "update")).toBe(false);
    await stack.up(program({}));
    expect((await stack.resource("thing")).protect).toBeUndefined();
  });

  it("makes additional outputs secret, and outputs of secret inputs", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      const thing = new Thing("thing", { value: "open", token: pulumi.secret("hush") }, { additionalSecretOutputs: ["value"] });
      return { value: thing.value };
    });
    const { outputs } = await stack.resource("thing");
    expect(JSON.stringify(outputs?.["value"])).toContain(SECRET_SIG);
    expect(JSON.stringify(outputs?.["token"])).toContain(SECRET_SIG);
    expect((await stack.stack.outputs())["value"]).toEqual({ value: "open", secret: true });
  });

  it("keeps secrets from a provider that does not take them, and marks them again", async ({ expect }) => {
    const stack = await aStack({ acceptsSecrets: false });
    await stack.up(async () => void new Thing("thing", { token: pulumi.secret("hush"), nested: { deep: pulumi.secret("x") } }));
    expect(stack.world.get("thing-1")?.inputs).toEqual({ token: "hush", nested: { deep: "x" } });
    const { inputs, outputs } = await stack.resource("thing");
    for (const map of [inputs, outputs]) {
      expect(JSON.stringify(map).split(SECRET_SIG).length).toBe(3);
    }
  });

  it("takes over a renamed resource, and its children with it", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      const group = new Group("app");
      const thing = new Thing("app-thing", { value: "v" }, { parent: group });
      new Thing("user", { value: thing.id }, { dependsOn: [group] });
    });
    const program = async () => {
      const group = new Group("service", {}, { aliases: [{ name: "app" }] });
      const thing = new Thing("service-thing", { value: "v" }, { parent: group });
      new Thing("user", { value: thing.id }, { dependsOn: [group] });
    };
    const up = await stack.up(program);
    expect(up.error).toBeUndefined();
    expect(up.changes).toEqual({ same: 4 });
    expect((await stack.resources()).some((state) => JSON.stringify(state).includes("::app"))).toBe(false);
    expect((await stack.up(program)).changes).toEqual({ same: 4 });
  });

  it("takes over a resource that moved under a parent or changed its type", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      new Thing("moved", { value: "v" });
      new Thing("typed", { value: "v" }, {}, "testing:index:Plain");
    });
    const up = await stack.up(async () => {
      const group = new Group("group");
      new Thing("moved", { value: "v" }, { parent: group, aliases: [{ parent: pulumi.rootStackResource }] });
      new Thing("typed", { value: "v" }, { aliases: [{ type: "testing:index:Plain" }] });
    });
    expect(up.changes).toEqual({ same: 3, create: 1 });
    expect(stack.world.ids()).toEqual(["moved-1", "typed-1"]);
  });

  it("refuses two resources that claim one old state", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => void new Thing("old"));
    const up = await stack.up(async () => {
      new Thing("one", {}, { aliases: [{ name: "old" }] });
      new Thing("two", {}, { aliases: [{ name: "old" }] });
    });
    expect(up.error?.message).toMatch(/Duplicate resource alias '.*::old' applied to resource/);
  });

  it("imports a resource and then updates it to the program", async ({ expect }) => {
    const stack = await aStack();
    stack.world.set("there", { type: "testing:index:Thing", inputs: { value: "v" }, outputs: { value: "v" } });
    const program = (value: string) => async () => void new Thing("thing", { value }, { import: "there" });
    const imported = await stack.up(program("v"));
    expect(imported.error).toBeUndefined();
    expect(stepsOf(imported)).toEqual(["import thing"]);
    expect(await stack.resource("thing")).toMatchObject({ id: "there", importID: "there" });
    expect((await stack.up(program("v"))).changes).toEqual({ same: 2 });
    expect((await stack.up(program("w"))).changes).toEqual({ same: 1, update: 1 });
  });

  it("updates an imported resource in the same run when the program differs", async ({ expect }) => {
    const stack = await aStack();
    stack.world.set("there", { type: "testing:index:Thing", inputs: { value: "old" }, outputs: { value: "old" } });
    const up = await stack.up(async () => void new Thing("thing", { value: "new" }, { import: "there" }));
    expect(up.error).toBeUndefined();
    expect(stepsOf(up)).toEqual(["import thing", "update thing"]);
    expect(stack.world.get("there")?.inputs).toEqual({ value: "new" });
  });

  it("refuses to import what is missing or would be replaced", async ({ expect }) => {
    const stack = await aStack();
    const missing = await stack.up(async () => void new Thing("thing", {}, { import: "nowhere" }));
    expect(missing.error?.message).toMatch(/resource 'nowhere' does not exist/);
    stack.world.set("there", { type: "testing:index:Thing", inputs: { replaceKey: "1" }, outputs: {} });
    const replaced = await stack.up(async () => void new Thing("thing", { replaceKey: "2" }, { import: "there" }));
    expect(replaced.error?.message).toMatch(/previously-imported resources that still specify an ID may not be replaced/);
  });

  it("imports by replacement over a resource with another ID", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => void new Thing("thing", { value: "v" }));
    stack.world.set("there", { type: "testing:index:Thing", inputs: { value: "v" }, outputs: { value: "v" } });
    const up = await stack.up(async () => void new Thing("thing", { value: "v" }, { import: "there" }));
    expect(up.error).toBeUndefined();
    expect(stepsOf(up)).toEqual(["import-replacement thing", "replace thing", "delete-replaced thing"]);
    expect(stack.world.ids()).toEqual(["there"]);
  });

  it("treats an unchanged asset as unchanged and a changed one as a change", async ({ expect }) => {
    const stack = await aStack();
    const program = (text: string) => async () =>
      void new Thing("thing", { file: new pulumi.asset.StringAsset(text) }, {}, "testing:index:Vague");
    await stack.up(program("one"));
    expect((await stack.resource("thing")).inputs?.["file"]).toMatchObject({ text: "one", hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect((await stack.up(program("one"))).changes).toEqual({ same: 2 });
    expect((await stack.up(program("two"))).changes).toEqual({ same: 1, update: 1 });
  });
});
