import * as pulumi from "@pulumi/pulumi";
import { describe } from "vitest";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Provider, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();

describe("a URN", () => {
  conformance("holds the types of all parents but the root stack", async ({ stack, expect }) => {
    await stack.up(() => {
      const outer = new Component("outer");
      const inner = new Component("inner", {}, { parent: outer });
      new Thing("a", {}, { parent: inner });
    });
    const { urn } = (await stack.resource("a")) ?? {};
    expect(urn?.split("::")[2]).toBe("test:index:Component$test:index:Component$testing:index:Thing");
  });

  conformance("may have separators in its name", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a::b::c"));
    expect(await stack.resource("a::b::c")).toMatchObject({ id: "a::b::c-1" });
    expect(await stack.up()).toMatchObject({ changes: { same: 2 } });
  });

  conformance("that comes twice fails the update", async ({ stack, expect }) => {
    const up = await stack.up(() => {
      const first = new Thing("a");
      new Thing("a", {}, { dependsOn: [first] });
    });
    expect(up).toMatchObject({ ok: false, error: "CommandError" });
    expect(up.message).toContain("Duplicate resource URN");
  });

  conformance("may come twice with different parents", async ({ stack, expect }) => {
    const up = await stack.up(() => {
      const first = new Thing("a");
      new Thing("a", { after: first.id }, { parent: new Component("c") });
    });
    expect(up).toMatchObject({ ok: true, changes: { create: 4 } });
  });
});

describe("a child", () => {
  conformance("inherits its parent's protection", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", {}, { parent: new Component("c", {}, { protect: true }) }));
    expect(await stack.resource("a")).toMatchObject({ protect: true });
  });

  conformance("may lift the protection of its parent", async ({ stack, expect }) => {
    const program = () => {
      const component = new Component("c", {}, { protect: true });
      new Thing("a", {}, { parent: component, protect: false });
    };
    await stack.up(program);
    expect((await stack.resource("a"))?.protect ?? false).toBe(false);
  });

  conformance("inherits that it is retained", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", {}, { parent: new Component("c", {}, { retainOnDelete: true }) }));
    expect(await stack.resource("a")).toMatchObject({ retainOnDelete: true });
  });

  conformance("inherits what it is deleted with", async ({ stack, expect }) => {
    await stack.up(() => {
      const base = new Thing("base");
      new Thing("a", {}, { parent: new Component("c", {}, { deletedWith: base }) });
    });
    expect((await stack.resource("a"))?.deletedWith).toMatch(/::base$/);
  });

  conformance("takes the provider that its component was given", async ({ stack, expect }) => {
    await stack.up(() => {
      const provider = new Provider("mine");
      const component = new Component("c", {}, { providers: [provider] });
      new Thing("a", {}, { parent: new Component("d", {}, { parent: component }) });
    });
    expect((await stack.resource("a"))?.provider).toContain("pulumi:providers:testing::mine::");
  });

  conformance("prefers its own provider to its component's", async ({ stack, expect }) => {
    await stack.up(() => {
      const component = new Component("c", {}, { providers: [new Provider("theirs")] });
      new Thing("a", {}, { parent: component, provider: new Provider("mine") });
    });
    expect((await stack.resource("a"))?.provider).toContain("pulumi:providers:testing::mine::");
  });

  conformance("takes the provider of a custom parent of the same package", async ({ stack, expect }) => {
    await stack.up(() => {
      const parent = new Thing("parent", {}, { provider: new Provider("mine") });
      new Thing("a", {}, { parent });
    });
    expect((await stack.resource("a"))?.provider).toContain("pulumi:providers:testing::mine::");
  });
});

describe("dependencies", () => {
  conformance("by value are stored per property", async ({ stack, expect }) => {
    await stack.up(() => {
      const a = new Thing("a");
      new Thing("b", { from: a.revision, other: 1 });
    });
    const b = await stack.resource("b");
    expect(b?.propertyDependencies?.["from"]).toEqual([expect.stringMatching(/::a$/)]);
    expect(b?.dependencies).toEqual([expect.stringMatching(/::a$/)]);
    expect(b?.inputs).toMatchObject({ from: 1 });
  });

  conformance("by option belong to no property", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("b", { x: 1 }, { dependsOn: [new Thing("a")] }));
    const b = await stack.resource("b");
    expect(b?.dependencies).toEqual([expect.stringMatching(/::a$/)]);
    expect(b?.propertyDependencies?.["x"] ?? []).toEqual([]);
  });

  conformance("on a component are on what is in it", async ({ stack, expect }) => {
    await stack.up(() => {
      const component = new Component("c");
      new Thing("inside", { delayMs: 50 }, { parent: component });
      new Thing("b", {}, { dependsOn: [component] });
    });
    expect((await stack.resource("b"))?.dependencies).toContainEqual(expect.stringMatching(/::inside$/));
  });

  conformance("are created before and deleted after what depends on them", async ({ stack, world, expect }) => {
    await stack.up(() => {
      const a = new Thing("a", { delayMs: 30 });
      const b = new Thing("b", { from: a.revision });
      new Thing("c", {}, { dependsOn: [b] });
    });
    const order = (op: string) =>
      world
        .calls()
        .filter((call) => call.op === op && !call.preview)
        .map((call) => call.name);
    expect(order("create")).toEqual(["a", "b", "c"]);
    await stack.destroy();
    expect(order("delete")).toEqual(["c", "b", "a"]);
  });

  conformance("that change alone are written without an update", async ({ stack, world, expect }) => {
    await stack.up(() => {
      new Thing("a");
      new Thing("b");
    });
    world.forgetCalls();
    const up = await stack.up(() => void new Thing("b", {}, { dependsOn: [new Thing("a")] }));
    expect(up).toMatchObject({ ok: true, changes: { same: 3 } });
    expect((await stack.resource("b"))?.dependencies).toHaveLength(1);
    expect(world.calls().filter((call) => call.op === "update")).toEqual([]);
  });
});

describe("an alias", () => {
  conformance("keeps a renamed resource", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("old", { x: 1 }));
    const up = await stack.up(() => void new Thing("new", { x: 1 }, { aliases: [{ name: "old" }] }));
    expect(up).toMatchObject({ ok: true, changes: { same: 2 } });
    expect(world.ids()).toEqual(["old-1"]);
    expect(await stack.resource("new")).toMatchObject({ id: "old-1" });
    expect(await stack.resource("old")).toBeUndefined();
    expect(await stack.up()).toMatchObject({ changes: { same: 2 } });
  });

  conformance("keeps a resource of another type", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", {}, {}, "testing:index:Before"));
    const up = await stack.up(() => void new Thing("a", {}, { aliases: [{ type: "testing:index:Before" }] }));
    expect(up).toMatchObject({ ok: true, changes: { same: 2 } });
    expect(await stack.resource("a")).toMatchObject({ id: "a-1", type: "testing:index:Thing" });
  });

  conformance("keeps a resource that moved under a component", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a"));
    const up = await stack.up(() => {
      const component = new Component("c");
      new Thing("a", {}, { parent: component, aliases: [{ parent: pulumi.rootStackResource }] });
    });
    expect(up).toMatchObject({ ok: true, changes: { same: 2, create: 1 } });
    expect(await stack.resource("a")).toMatchObject({ id: "a-1" });
  });

  conformance("keeps a resource that moved out of a component", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", {}, { parent: new Component("c") }));
    const up = await stack.up(() => {
      const component = new Component("c");
      new Thing("a", {}, { aliases: [{ parent: component }] });
    });
    expect(up).toMatchObject({ ok: true, changes: { same: 3 } });
    expect(await stack.resource("a")).toMatchObject({ id: "a-1" });
  });

  conformance("may be a whole URN", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("old"));
    const urn = (await stack.resource("old"))?.urn ?? "";
    expect(await stack.up(() => void new Thing("new", {}, { aliases: [urn] }))).toMatchObject({ changes: { same: 2 } });
  });

  conformance("of a component carries its children along", async ({ stack, expect }) => {
    const program = (name: string, aliases: pulumi.Alias[]) => () => {
      const component = new Component(name, {}, { aliases });
      new Thing("inside", {}, { parent: component });
      new Thing(`${name}-named`, {}, { parent: component });
    };
    await stack.up(program("before", []));
    const up = await stack.up(program("after", [{ name: "before" }]));
    expect(up).toMatchObject({ ok: true, changes: { same: 4 } });
    expect(await stack.resource("after-named")).toMatchObject({ id: "before-named-1" });
  });

  conformance("is followed in what other states refer to", async ({ stack, expect }) => {
    await stack.up(() => {
      const a = new Thing("old");
      new Thing("b", { from: a.revision }, { deletedWith: a });
    });
    await stack.up(() => {
      const a = new Thing("new", {}, { aliases: [{ name: "old" }] });
      new Thing("b", { from: a.revision }, { deletedWith: a });
    });
    const b = await stack.resource("b");
    expect(b?.dependencies).toEqual([expect.stringMatching(/::new$/)]);
    expect(b?.deletedWith).toMatch(/::new$/);
  });

  conformance("may be of another component", async ({ stack, expect }) => {
    const program = (isMoved: boolean) => () => {
      const one = new Component("one");
      const two = new Component("two");
      new Thing("a", {}, isMoved ? { parent: two, aliases: [{ parent: one }] } : { parent: one });
    };
    await stack.up(program(false));
    expect(await stack.up(program(true))).toMatchObject({ ok: true, changes: { same: 4 } });
    expect((await stack.resource("a"))?.parent).toMatch(/::two$/);
  });

  conformance("may be of another project", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    const exported = JSON.stringify(await stack.api.exportStack());
    await stack.api.importStack(JSON.parse(exported.replaceAll("::conf::", "::former::")));
    const up = await stack.up(
      () => void new Thing("a", { size: 1 }, { aliases: [{ project: "former", parent: pulumi.rootStackResource }] }),
    );
    expect(up.ok).toBe(true);
    expect(await stack.resource("a")).toMatchObject({ id: "a-1" });
  });

  conformance("follows a component through a change of its type", async ({ stack, expect }) => {
    const program = (type: string) => () => {
      const component = new pulumi.ComponentResource(type, "c", {}, { aliases: [{ type: "test:index:Before" }] });
      const middle = new Component("middle", {}, { parent: component });
      new Thing("a", {}, { parent: middle });
    };
    await stack.up(program("test:index:Before"));
    expect(await stack.up(program("test:index:After"))).toMatchObject({ ok: true, changes: { same: 4 } });
    expect((await stack.resource("a"))?.urn).toContain("test:index:After$test:index:Component$testing:index:Thing::a");
  });

  conformance("and a replacement in one", async ({ stack, world, expect }) => {
    const program = (name: string, key: number) => () => {
      const a = new Thing(name, { replaceKey: key }, { aliases: [{ name: "old" }] });
      new Thing("b", { from: a.id });
    };
    await stack.up(program("old", 1));
    expect(await stack.up(program("new", 2))).toMatchObject({ ok: true, changes: { same: 1, update: 1, replace: 1 } });
    expect(world.ids()).toEqual(["b-1", "new-1"]);
  });

  conformance("of a component holds while a child is deleted before its replacement", async ({ stack, world, expect }) => {
    const program = (name: string, key: number) => () => {
      const component = new Component(name, {}, { aliases: [{ name: "old" }] });
      const a = new Thing("a", { dbrKey: key }, { parent: component });
      new Thing("b", { replaceFrom: a.id }, { parent: component });
    };
    await stack.up(program("old", 1));
    expect(await stack.up(program("new", 2))).toMatchObject({ ok: true, changes: { same: 2, replace: 2 } });
    expect(world.ids()).toEqual(["a-2", "b-2"]);
  });

  conformance("that two resources claim fails the update", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("old"));
    const up = await stack.up(() => {
      const one = new Thing("one", {}, { aliases: [{ name: "old" }] });
      new Thing("two", {}, { aliases: [{ name: "old" }], dependsOn: [one] });
    });
    expect(up.ok).toBe(false);
  });

  conformance("yields to a state under the resource's own name", async ({ stack, expect }) => {
    await stack.up(() => {
      new Thing("a");
      new Thing("other");
    });
    const up = await stack.up(() => void new Thing("a", {}, { aliases: [{ name: "other" }] }));
    expect(up).toMatchObject({ ok: true, changes: { same: 2, delete: 1 } });
    expect(await stack.resource("a")).toMatchObject({ id: "a-1" });
  });

  conformance("is not left in the checkpoint", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("old"));
    await stack.up(() => void new Thing("new", {}, { aliases: [{ name: "old" }] }));
    expect((await stack.resource("new"))?.aliases ?? []).toEqual([]);
  });

  conformance("and an update in one", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("old", { size: 1 }));
    const up = await stack.up(() => void new Thing("new", { size: 2 }, { aliases: [{ name: "old" }] }));
    expect(up).toMatchObject({ ok: true, changes: { same: 1, update: 1 } });
    expect(world.get("old-1")?.inputs).toEqual({ size: 2 });
  });
});
