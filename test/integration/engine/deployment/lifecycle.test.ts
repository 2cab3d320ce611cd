import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "vitest";
import { diagnosticsOf, Group, stepsOf, Testing, Thing } from "../../../support/engine/inline-stack.ts";
import { useStacks } from "../../../support/engine/stacks.ts";

const { aStack } = useStacks();

describe("lifecycle", () => {
  it("creates, keeps, updates, replaces and deletes", async ({ expect }) => {
    const stack = await aStack();
    const program = (value: string, replace: string) => async () => {
      const group = new Group("group");
      const first = new Thing("first", { value, replaceIt: replace }, { parent: group });
      new Thing("second", { value: first.value }, { parent: group });
      group.finish({ value: first.value });
      return { value: first.value };
    };
    const created = await stack.up(program("a", "1"));
    expect(created.error).toBeUndefined();
    expect(created.changes).toEqual({ create: 4 });
    expect(stack.world.ids()).toEqual(["first-1", "second-1"]);
    expect((await stack.resource("group")).outputs).toEqual({ value: "a" });
    expect((await stack.stack.outputs())["value"]).toEqual({ value: "a", secret: false });

    expect((await stack.up(program("a", "1"))).changes).toEqual({ same: 4 });
    expect((await stack.preview(program("b", "1"))).changes).toEqual({ same: 2, update: 2 });
    expect((await stack.up(program("b", "1"))).changes).toEqual({ same: 2, update: 2 });

    const replaced = await stack.up(program("b", "2"));
    expect(replaced.changes).toEqual({ same: 3, replace: 1 });
    expect(stepsOf(replaced)).toContain("delete-replaced first");
    expect(stack.world.ids()).toEqual(["first-2", "second-1"]);

    const emptied = await stack.up(async () => {});
    expect(emptied.changes).toEqual({ same: 1, delete: 3 });
    expect(stack.world.ids()).toEqual([]);
    expect((await stack.destroy()).error).toBeUndefined();
    expect(await stack.resources()).toEqual([]);
  });

  it("writes a default provider before its resources, leaves it out of the counts and deletes it last", async ({ expect }) => {
    const stack = await aStack();
    const up = await stack.up(async () => void new Thing("thing"));
    expect(up.changes).toEqual({ create: 2 });
    const resources = await stack.resources();
    expect(resources.map((state) => state.type)).toEqual(["pulumi:pulumi:Stack", "pulumi:providers:testing", "testing:index:Thing"]);
    expect(resources[2]?.provider).toBe(`${resources[1]?.urn}::${resources[1]?.id}`);
    const destroy = await stack.destroy();
    expect(destroy.changes).toEqual({ delete: 2 });
    const deleted = destroy.events.flatMap((event) => event.resOutputsEvent?.metadata.type ?? []);
    expect(deleted[0]).toBe("testing:index:Thing");
    expect(deleted.toSorted()).toEqual(["pulumi:providers:testing", "pulumi:pulumi:Stack", "testing:index:Thing"]);
  });

  it("gives an explicit provider its configuration and replaces its resources when it must be replaced", async ({ expect }) => {
    const stack = await aStack();
    const program = (region: string) => async () => {
      const provider = new Testing("explicit", { replaceRegion: region });
      new Thing("thing", { value: "v" }, { provider });
    };
    expect((await stack.up(program("one"))).changes).toEqual({ create: 3 });
    expect((await stack.resource("explicit")).outputs).toEqual({ replaceRegion: "one" });
    expect((await stack.up(program("one"))).changes).toEqual({ same: 3 });
    const moved = await stack.up(program("two"));
    expect(moved.changes).toEqual({ same: 1, replace: 2 });
    expect(stack.world.ids()).toEqual(["thing-2"]);
    expect((await stack.resource("thing")).provider).toMatch(/explicit::/);
  });

  it("updates a provider in place when its configuration allows it, and keeps its resources", async ({ expect }) => {
    const stack = await aStack();
    const program = (level: string) => async () => {
      new Thing("thing", {}, { provider: new Testing("explicit", { level }) });
    };
    await stack.up(program("one"));
    expect((await stack.up(program("two"))).changes).toEqual({ same: 2, update: 1 });
  });

  it("passes a component's providers down to its children", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {
      const provider = new Testing("explicit");
      const outer = new Group("outer", {}, { providers: [provider] });
      const inner = new Group("inner", {}, { parent: outer });
      new Thing("thing", {}, { parent: inner });
    });
    expect((await stack.resource("thing")).provider).toMatch(/explicit::/);
  });

  it("refuses two resources of one URN", async ({ expect }) => {
    const stack = await aStack();
    const up = await stack.up(async () => {
      new Thing("twin");
      new Thing("twin");
    });
    expect(up.error?.message).toMatch(/Duplicate resource URN '.*::twin'; try giving it a unique name/);
    expect(diagnosticsOf(up)[0]).toMatch(/Duplicate resource URN/);
  });

  it("denies default providers that the configuration disables", async ({ expect }) => {
    const stack = await aStack();
    await stack.stack.setConfig("pulumi:disable-default-providers", { value: '["testing"]' });
    const up = await stack.up(async () => void new Thing("thing"));
    expect(up.error?.message).toMatch(/Default provider for 'testing' disabled/);
  });

  it("gives default providers the package's configuration, secrets marked", async ({ expect }) => {
    const stack = await aStack();
    await stack.stack.setConfig("testing:region", { value: "north" });
    await stack.stack.setConfig("testing:token", { value: "hush", secret: true });
    await stack.up(async () => void new Thing("thing"));
    const provider = (await stack.resources()).find((state) => state.type === "pulumi:providers:testing");
    expect(provider?.inputs?.["region"]).toBe("north");
    expect(JSON.stringify(provider?.inputs?.["token"])).toContain("1b47061264138c4ac30d75fd1eb44270");
  });

  it("reports a failed check and stops", async ({ expect }) => {
    const stack = await aStack();
    const up = await stack.up(async () => void new Thing("thing", { invalid: "too short" }));
    expect(diagnosticsOf(up)[0]).toBe("testing:index:Thing resource 'thing': property invalid value {too short} has a problem: too short");
    expect(stack.world.calls().filter((call) => call.op === "create")).toEqual([]);
  });

  it("keeps what was made when the program fails, and deletes nothing", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => void new Thing("old"));
    const up = await stack.up(async () => {
      const made = new Thing("made");
      await new Promise((resolve) => made.revision.apply(resolve));
      throw new Error("no more");
    });
    expect(up.error?.message).toContain("no more");
    expect(stack.world.ids()).toEqual(["made-1", "old-1"]);
    expect((await stack.resources()).map((state) => state.urn.split("::").at(-1))).toContain("old");
  });

  it("replaces the stack's outputs on success and keeps the old ones after a failure", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => ({ kept: "1", gone: "2" }));
    await stack.up(async () => ({ kept: "3" }));
    expect(Object.keys(await stack.stack.outputs())).toEqual(["kept"]);
    stack.world.misbehave({ op: "create", name: "bad", error: "out of luck" });
    const failed = await stack.up(async () => {
      const bad = new Thing("bad");
      return { other: "4", bad: bad.revision };
    });
    expect(failed.error).toBeDefined();
    expect((await stack.stack.outputs())["kept"]?.value).toBe("3");
  });

  it("reads resources of others, keeps them as external and discards them without a call", async ({ expect }) => {
    const stack = await aStack();
    stack.world.set("foreign", { type: "testing:index:Thing", inputs: {}, outputs: { value: "theirs" } });
    const up = await stack.up(async () => {
      const read = new Thing("read", {}, { id: "foreign" });
      return { value: read.value };
    });
    expect(up.error).toBeUndefined();
    expect((await stack.stack.outputs())["value"]?.value).toBe("theirs");
    expect((await stack.resource("read")).external).toBe(true);
    const gone = await stack.up(async () => {});
    expect(gone.changes).toEqual({ same: 1, discard: 1 });
    expect(stack.world.ids()).toEqual(["foreign"]);
  });

  it("fails to read what does not exist", async ({ expect }) => {
    const stack = await aStack();
    const up = await stack.up(async () => void new Thing("read", {}, { id: "nowhere" }));
    expect(up.error?.message).toMatch(/resource 'nowhere' does not exist/);
  });

  it("replaces a read resource that the program now owns, and relinquishes one that it only reads again", async ({ expect }) => {
    const stack = await aStack();
    stack.world.set("foreign", { type: "testing:index:Thing", inputs: {}, outputs: {} });
    await stack.up(async () => void new Thing("thing", {}, { id: "foreign" }));
    const owned = await stack.up(async () => void new Thing("thing", { value: "mine" }));
    expect(stepsOf(owned)).toEqual(["create-replacement thing", "replace thing", "discard-replaced thing"]);
    expect(stack.world.ids()).toEqual(["foreign", "thing-1"]);
    const relinquished = await stack.up(async () => void new Thing("thing", {}, { id: "thing-1" }));
    expect(stepsOf(relinquished)).toEqual(["read thing"]);
    expect(stack.world.ids()).toEqual(["foreign", "thing-1"]);
    const other = await stack.up(async () => void new Thing("thing", { value: "mine" }));
    expect(other.error).toBeUndefined();
    const reread = await stack.up(async () => void new Thing("thing", {}, { id: "foreign" }));
    expect(stepsOf(reread)).toEqual(["read-replacement thing", "replace thing", "delete-replaced thing"]);
  });

  it("answers invokes with the provider's configuration", async ({ expect }) => {
    const stack = await aStack();
    const up = await stack.up(async () => {
      const provider = new Testing("explicit", { region: "south" });
      const result = await pulumi.runtime.invoke("testing:index:echo", { question: 1 }, { provider });
      return { answer: result };
    });
    expect(up.error).toBeUndefined();
    expect((await stack.stack.outputs())["answer"]?.value).toEqual({ question: 1, config: { region: "south" } });
  });

  it("lets a program handle a failed invoke", async ({ expect }) => {
    const stack = await aStack();
    stack.world.misbehave({ op: "invoke", name: "echo", error: "no answer" });
    const up = await stack.up(async () => {
      const message = await pulumi.runtime.invoke("testing:index:echo", {}).then(
        () => "none",
        (error: Error) => error.message,
      );
      return { message };
    });
    expect(up.error).toBeUndefined();
    expect((await stack.stack.outputs())["message"]?.value).toMatch(/invocation of testing:index:echo returned an error: no answer/);
  });

  it("waits for the resources that an invoke depends on, and answers unknown while they do not exist", async ({ expect }) => {
    const stack = await aStack();
    const program = async () => {
      const thing = new Thing("thing", { value: "v" });
      const answer = pulumi.runtime.invokeOutput("testing:index:echo", { question: 2 }, { dependsOn: [thing] });
      return { answer };
    };
    const preview = await stack.preview(program);
    expect(preview.error).toBeUndefined();
    const up = await stack.up(program);
    expect(up.error).toBeUndefined();
    expect((await stack.stack.outputs())["answer"]?.value).toMatchObject({ question: 2 });
  });

  it("reads another stack's outputs, secrets kept", async ({ expect }) => {
    const source = await aStack();
    await source.up(async () => ({ plain: "open", hidden: pulumi.secret("hush") }));
    const stack = await aStack();
    const up = await stack.up(async () => {
      const reference = new pulumi.StackReference(`organization/proj/${source.name}`);
      return { plain: reference.getOutput("plain") };
    });
    expect(up.error).toBeUndefined();
    expect((await stack.stack.outputs())["plain"]?.value).toBe("open");
  });

  it("resolves resource references to the resources of this run", async ({ expect }) => {
    const stack = await aStack();
    const up = await stack.up(async () => {
      const target = new Thing("target", { value: "seen" });
      const holder = new Thing("holder", { target });
      const state = await new Promise<string>((resolve) =>
        pulumi.all([holder.urn, target.urn]).apply(async ([, urn]) => {
          const found = await pulumi.runtime.invoke("pulumi:pulumi:getResource", { urn });
          resolve(found.state.value);
        }),
      );
      return { state };
    });
    expect(up.error).toBeUndefined();
    expect((await stack.stack.outputs())["state"]?.value).toBe("seen");
    expect(JSON.stringify((await stack.resource("holder")).inputs)).toContain("5cf8f73096256a8f31e491e813e4eb8e");
  });
});
