import { describe, it } from "vitest";
import type { JournalEntry, StackStore } from "../../../../adapters/engine/contract/store.ts";
import { Group, type InlineStack, Thing } from "../../../support/engine/inline-stack.ts";
import { useStacks } from "../../../support/engine/stacks.ts";

const { aStack, store } = useStacks();

/** Instances like the product's: a component with two resources each, over a shared one. */
function instances(values: Record<string, string>) {
  return async () => {
    const shared = new Thing("shared");
    for (const [name, value] of Object.entries(values)) {
      const group = new Group(name, {}, { dependsOn: [shared] });
      const disk = new Thing(`${name}-disk`, { value: shared.id }, { parent: group });
      new Thing(`${name}-pod`, { value, disk: disk.id }, { parent: group });
      group.finish({ value });
    }
  };
}
function urnsOf(stack: InlineStack, name: string): string[] {
  const group = `urn:pulumi:${stack.name}::proj::testing:index:Group`;
  return [`${group}::${name}`, `${group}$testing:index:Thing::${name}-disk`, `${group}$testing:index:Thing::${name}-pod`];
}
function shape(resources: { urn: string; created?: string; modified?: string; id?: string }[], name: string): unknown[] {
  return resources
    .map(({ created: _created, modified: _modified, ...state }) =>
      JSON.parse(
        JSON.stringify(state)
          .replaceAll(name, "dev")
          .replaceAll(/default::[0-9a-f-]{36}/g, "default"),
      ),
    )
    .map((state) => (state.type.startsWith("pulumi:providers:") ? { ...state, id: "" } : state))
    .sort((left, right) => (left.urn < right.urn ? -1 : 1));
}

describe("targeted updates", () => {
  it("gives the same checkpoint as a full evaluation, whether the program registers all or only its part", async ({ expect }) => {
    const before = { a: "1", b: "1", c: "1" };
    const stacks = await Promise.all([aStack(), aStack(), aStack()]);
    for (const stack of stacks) {
      await stack.up(instances(before));
    }
    const [full, targeted, part] = stacks as [InlineStack, InlineStack, InlineStack];
    await full.up(instances({ ...before, b: "2" }));
    expect((await targeted.up(instances({ ...before, b: "2" }), { target: urnsOf(targeted, "b") })).error).toBeUndefined();
    const up = await part.up(instances({ b: "2" }), { target: urnsOf(part, "b") });
    expect(up.error).toBeUndefined();
    expect(up.changes["update"]).toBe(1);
    const expected = shape(await full.resources(), full.name);
    expect(shape(await targeted.resources(), targeted.name)).toEqual(expected);
    expect(shape(await part.resources(), part.name)).toEqual(expected);
    expect((await part.up(instances({ ...before, b: "2" }))).changes).toEqual({ same: 11 });
  });

  it("neither reads nor writes the rest of the stack", async ({ expect }) => {
    const loaded: string[] = [];
    const written: JournalEntry[] = [];
    const stack = await aStack({
      store: spy(
        store(),
        (urns) => loaded.push(...urns),
        (entries) => written.push(...entries),
      ),
    });
    const values = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`i${index}`, "1"]));
    await stack.up(instances(values));
    loaded.length = 0;
    written.length = 0;
    const up = await stack.up(instances({ i7: "2" }), { target: urnsOf(stack, "i7") });
    expect(up.error).toBeUndefined();
    const names = [...new Set(loaded.map((urn) => urn.split("::").at(-1)))].sort();
    expect(names).toEqual(["default", "i7", "i7-disk", "i7-pod", `proj-${stack.name}`, "shared"]);
    const puts = written.flatMap((entry) => (entry.kind === "put" ? [entry.state.urn.split("::").at(-1)] : []));
    expect(puts.toSorted()).toEqual(["i7", "i7-pod"]);
  });

  it("adds an instance to and removes one from a stack of others", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(instances({ a: "1", b: "1" }));
    expect((await stack.up(instances({ c: "1" }), { target: urnsOf(stack, "c") })).changes["create"]).toBe(3);
    expect(stack.world.ids()).toEqual(["a-disk-1", "a-pod-1", "b-disk-1", "b-pod-1", "c-disk-1", "c-pod-1", "shared-1"]);
    const removed = await stack.up(instances({}), { target: urnsOf(stack, "b") });
    expect(removed.error).toBeUndefined();
    expect(stack.world.ids()).toEqual(["a-disk-1", "a-pod-1", "c-disk-1", "c-pod-1", "shared-1"]);
    expect((await stack.up(instances({ a: "1", c: "1" }))).changes).toEqual({ same: 8 });
  });

  it("replaces in a part of the stack, dependents included", async ({ expect }) => {
    const program = (keys: Record<string, string>) => async () => {
      for (const [name, key] of Object.entries(keys)) {
        const base = new Thing(`${name}-base`, { dbrKey: key });
        new Thing(`${name}-top`, { replaceBase: base.id });
      }
    };
    const stack = await aStack();
    await stack.up(program({ a: "1", b: "1" }));
    const urn = (name: string) => `urn:pulumi:${stack.name}::proj::testing:index:Thing::${name}`;
    const up = await stack.up(program({ a: "2" }), { target: [urn("a-base"), urn("a-top")] });
    expect(up.error).toBeUndefined();
    expect(stack.world.ids()).toEqual(["a-base-2", "a-top-2", "b-base-1", "b-top-1"]);
    expect((await stack.up(program({ a: "2", b: "1" }))).changes).toEqual({ same: 5 });
  });

  it("keeps the order of the list when a targeted resource comes to depend on a later one", async ({ expect }) => {
    const stack = await aStack();
    const program = (names: string[], link: boolean) => async () => {
      const made: Record<string, Thing> = {};
      for (const name of names) {
        made[name] = new Thing(name, link && name === "a" && made["z"] ? { value: made["z"].id } : { value: "v" });
      }
    };
    await stack.up(program(["a", "b"], false));
    await stack.up(async () => {
      const a = new Thing("a", { value: "v" });
      new Thing("b", { value: a.id });
      new Thing("z", { value: "v" });
    });
    const urn = (name: string) => `urn:pulumi:${stack.name}::proj::testing:index:Thing::${name}`;
    const up = await stack.up(program(["z", "a"], true), { target: [urn("z"), urn("a")] });
    expect(up.error?.message ?? "").not.toMatch(/integrity/);
    const names = (await stack.resources()).map((state) => state.urn.split("::").at(-1));
    expect(names.indexOf("z")).toBeLessThan(names.indexOf("a"));
    expect(names.indexOf("a")).toBeLessThan(names.indexOf("b"));
  });

  it("renames a resource in all that refer to it, registered or not", async ({ expect }) => {
    const stack = await aStack();
    const program = (name: string, others: boolean) => async () => {
      const group = new Group(name, {}, name === "new" ? { aliases: [{ name: "old" }] } : {});
      const inner = new Thing(`${name}-inner`, {}, { parent: group });
      if (!others) {
        return;
      }
      new Thing("user", { value: inner.id }, { dependsOn: [group] });
      new Thing("child", {}, { parent: inner });
    };
    await stack.up(program("old", true));
    const urn = (name: string) => `urn:pulumi:${stack.name}::proj::testing:index:Group${name}`;
    const up = await stack.up(program("new", false), { target: [urn("::new"), urn("$testing:index:Thing::new-inner")] });
    expect(up.error?.message).toBeUndefined();
    expect(JSON.stringify(await stack.resources())).not.toContain("::old");
    expect((await stack.up(program("new", true))).changes).toEqual({ same: 5 });
  });

  it("matches globs and dependents", async ({ expect }) => {
    const stack = await aStack();
    const program = (value: string) => async () => {
      const one = new Thing("x-one", { value });
      new Thing("top", { value: one.value });
      new Thing("y-two", { value });
    };
    await stack.up(program("1"));
    const globbed = await stack.up(program("2"), { target: ["**::x-*"] });
    expect(globbed.changes).toEqual({ same: 3, update: 1 });
    const dependents = await stack.up(program("3"), { target: [(await stack.resource("x-one")).urn], targetDependents: true });
    expect(dependents.changes).toEqual({ same: 2, update: 2 });
    expect((await stack.resource("y-two")).inputs?.["value"]).toBe("1");
    const excluded = await stack.up(program("4"), { exclude: ["**::y-two"] });
    expect(excluded.changes).toEqual({ same: 2, update: 2 });
    const none = await stack.up(program("5"), { exclude: [(await stack.resource("x-one")).urn], excludeDependents: true });
    expect(none.changes).toEqual({ same: 3, update: 1 });
  });

  it("refuses a target that depends on a resource which is not made for want of being targeted", async ({ expect }) => {
    const stack = await aStack();
    await stack.up(async () => {});
    const program = async () => {
      const base = new Thing("base");
      new Thing("top", { value: base.id });
    };
    const up = await stack.up(program, { target: [`urn:pulumi:${stack.name}::proj::testing:index:Thing::top`] });
    expect(up.error?.message).toMatch(/'.*top' depends on '.*base' which was was not specified in --target list/);
    expect(stack.world.ids()).toEqual([]);
  });

  it("refuses a target that is nowhere", async ({ expect }) => {
    const stack = await aStack();
    const up = await stack.up(async () => void new Thing("thing"), { target: ["urn:pulumi:dev::proj::a:b:C::none"] });
    expect(up.error?.message).toMatch(
      /Target 'urn:pulumi:dev::proj::a:b:C::none' could not be found in the stack\. Did you forget to escape \$ in your shell\?/,
    );
  });
});

function spy(inner: StackStore, onLoad: (urns: string[]) => void, onCommit: (entries: readonly JournalEntry[]) => void): StackStore {
  return new Proxy(inner, {
    get(target, property) {
      const value = Reflect.get(target, property);
      if (typeof value !== "function") {
        return value;
      }
      return async (...args: unknown[]) => {
        if (property === "commit") {
          onCommit(args[1] as JournalEntry[]);
        }
        const result = await value.apply(target, args);
        if (property === "loadResources") {
          onLoad(result.resources.map((row: { state: { urn: string } }) => row.state.urn));
        }
        if (property === "findDependents") {
          onLoad(result.map((row: { state: { urn: string } }) => row.state.urn));
        }
        return result;
      };
    },
  });
}
