import { describe } from "vitest";
import { type CaseContext, conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Provider, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();

function drift({ world }: CaseContext, id: string, properties: Record<string, number>): void {
  const found = world.get(id);
  if (!found) {
    throw new Error(`there is no ${id}`);
  }
  world.set(id, { ...found, inputs: { ...found.inputs, ...properties }, outputs: { ...found.outputs, ...properties } });
}

describe("a refresh", () => {
  conformance("of what is as it was changes nothing", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }, { parent: new Component("c") }));
    expect(await stack.refresh()).toMatchObject({ ok: true, changes: { same: 3 } });
  });

  conformance("takes over what has changed", async (context) => {
    const { stack, expect } = context;
    await stack.up(() => void new Thing("a", { size: 1 }));
    drift(context, "a-1", { size: 5 });
    expect(await stack.refresh()).toMatchObject({ ok: true, changes: { same: 1, update: 1 } });
    expect(await stack.resource("a")).toMatchObject({ inputs: { size: 5 }, outputs: { size: 5 } });
  });

  conformance("is previewed without a change", async (context) => {
    const { stack, expect } = context;
    await stack.up(() => void new Thing("a", { size: 1 }));
    drift(context, "a-1", { size: 5 });
    expect(await stack.previewRefresh()).toMatchObject({ ok: true, changes: { same: 1, update: 1 } });
    expect(await stack.resource("a")).toMatchObject({ inputs: { size: 1 } });
  });

  conformance("forgets what is gone, and references to it", async ({ stack, world, expect }) => {
    await stack.up(() => {
      const a = new Thing("a");
      new Thing("b", { from: a.id }, { deletedWith: a });
    });
    world.delete("a-1");
    expect(await stack.refresh()).toMatchObject({ ok: true, changes: { same: 2, delete: 1 } });
    expect(await stack.names()).toEqual(["b"]);
    const b = await stack.resource("b");
    expect(b?.dependencies ?? []).toEqual([]);
    expect(b?.deletedWith ?? "").toBe("");
  });

  conformance(
    "moves children of what is gone up",
    async ({ stack, world, engine, expect }) => {
      await stack.up(() => void new Thing("inside", {}, { parent: new Thing("a") }));
      world.delete("a-1");
      await stack.refresh();
      const parent = (await stack.resource("inside"))?.parent ?? "";
      expect(parent.includes("pulumi:pulumi:Stack")).toBe(engine === "embedded");
    },
    { recordsDiffer: "the CLI means to do the same, but forgets the grandparent" },
  );

  conformance(
    "of a parent that is gone keeps what it held, protected or deleted with it",
    async ({ stack, world, expect }) => {
      const program = () => {
        const component = new Component("co", {}, {}, { made: 1 });
        const a = new Thing("a", {}, { protect: true, parent: component });
        const b = new Thing("b", { size: 1 }, { parent: a });
        new Thing("c", { from: b.id }, { parent: b });
        new Thing("d", { from: a.id, list: [a.urn] }, { deletedWith: a });
        new Thing("e", { size: 1 }, { parent: a, protect: false, dependsOn: [a, b] });
        return { id: a.id };
      };
      await stack.up(program);
      world.delete("a-1");
      expect((await stack.previewRefresh()).ok).toBe(true);
      expect((await stack.refresh()).changes).toMatchObject({ delete: 1 });
      expect((await stack.names()).sort()).toEqual(["b", "c", "co", "d", "e"]);
      expect(await stack.resource("d")).not.toHaveProperty("deletedWith");
      await stack.preview(program);
      expect((await stack.up(program)).ok).toBe(true);
      expect((await stack.up(program)).changes).toEqual({ same: 7 });
    },
    { recordsDiffer: "the CLI forgets the grandparent" },
  );

  conformance(
    "whose comparison fails names the resource and reads the others",
    async ({ stack, world, expect }) => {
      const program = () => {
        new Thing("a", { size: 1 });
        new Thing("b", { size: 1 });
      };
      await stack.up(program);
      for (const id of ["a-1", "b-1"]) {
        world.set(id, { type: "testing:index:Thing", inputs: { size: 9 }, outputs: { size: 9, revision: 1 } });
      }
      world.misbehave({ op: "diff", name: "a", error: "can't compare" });
      expect((await stack.refresh()).diagnostics).toContain("error: can't compare");
      expect(await stack.resource("b")).toMatchObject({ outputs: { size: 9 } });
      world.misbehave({ op: "diff", name: "a", error: "can't compare" });
      expect((await stack.up(program, { refresh: true })).ok).toBe(false);
    },
    { recordsDiffer: "how many steps ended before it failed is a matter of time" },
  );

  conformance("and an update afterwards repair what has changed", async (context) => {
    const { stack, world, expect } = context;
    await stack.up(() => void new Thing("a", { size: 1 }));
    drift(context, "a-1", { size: 5 });
    await stack.refresh();
    expect((await stack.up()).changes).toEqual({ same: 1, update: 1 });
    expect(world.get("a-1")?.inputs).toEqual({ size: 1 });
  });

  conformance("and an update afterwards create what is gone", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    world.delete("a-1");
    await stack.refresh();
    expect((await stack.up()).changes).toEqual({ same: 1, create: 1 });
    expect(world.ids()).toEqual(["a-2"]);
  });

  conformance("expecting no changes fails when there are some", async (context) => {
    const { stack, expect } = context;
    await stack.up(() => void new Thing("a", { size: 1 }));
    expect((await stack.refresh({ expectNoChanges: true })).ok).toBe(true);
    drift(context, "a-1", { size: 5 });
    expect((await stack.refresh({ expectNoChanges: true })).ok).toBe(false);
  });

  conformance("reads with the resource's own provider", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", {}, { provider: new Provider("p", { region: "x" }) }));
    world.forgetCalls();
    expect(await stack.refresh()).toMatchObject({ ok: true });
    expect(world.calls().filter((call) => call.op === "read")).toHaveLength(1);
  });

  conformance("that finds a resource not ready warns and keeps the reasons", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a"));
    world.misbehave({ op: "read", name: "a", partial: ["degraded"] });
    const refresh = await stack.refresh();
    expect(refresh.diagnostics.join("\n")).toContain("degraded");
    expect(await stack.resource("a")).toMatchObject({ initErrors: ["degraded"] });
  });

  conformance("that can't read a resource fails and keeps the state", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    world.misbehave({ op: "read", name: "a", error: "unreachable" });
    expect((await stack.refresh()).ok).toBe(false);
    expect(await stack.resource("a")).toMatchObject({ inputs: { size: 1 } });
  });

  conformance("of an empty stack does nothing", async ({ stack, expect }) => {
    expect((await stack.refresh()).ok).toBe(true);
  });

  conformance("of a target reads it alone", async ({ stack, world, expect }) => {
    await stack.up(() => {
      new Thing("a");
      new Thing("b");
    });
    world.forgetCalls();
    const urn = (await stack.resource("a"))?.urn ?? "";
    expect((await stack.refresh({ target: [urn] })).ok).toBe(true);
    expect(
      world
        .calls()
        .filter((call) => call.op === "read")
        .map((call) => call.name),
    ).toEqual(["a"]);
  });
});

describe("an update with a refresh", () => {
  conformance("repairs what has changed at once", async (context) => {
    const { stack, world, expect } = context;
    await stack.up(() => void new Thing("a", { size: 1 }));
    drift(context, "a-1", { size: 5 });
    const up = await stack.up(undefined, { refresh: true });
    expect(up.ok).toBe(true);
    expect(world.get("a-1")?.inputs).toEqual({ size: 1 });
  });

  conformance("creates what is gone", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    world.delete("a-1");
    expect((await stack.up(undefined, { refresh: true })).ok).toBe(true);
    expect(world.ids()).toEqual(["a-2"]);
  });

  conformance("is previewed", async (context) => {
    const { stack, world, expect } = context;
    await stack.up(() => void new Thing("a", { size: 1 }));
    drift(context, "a-1", { size: 5 });
    const preview = await stack.preview(undefined, { refresh: true });
    expect(preview.ok).toBe(true);
    expect(preview.steps).toContain("update a");
    expect(world.get("a-1")?.inputs).toEqual({ size: 5 });
  });
});

describe("with the program", () => {
  const program = (region: string) => () => {
    const provider = new Provider("p", { region });
    new Thing("a", { size: 1 }, { provider });
    new Thing("b", { size: 1 });
  };

  conformance("a refresh reads with the provider that the program configures, and makes nothing new", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }, { provider: new Provider("p", { region: "north" }) }));
    const a = world.get("a-1");
    if (a) {
      world.set("a-1", { ...a, outputs: { ...a.outputs, size: 7 } });
    }
    const refresh = await stack.refresh({ runProgram: true }, program("south"));
    expect(refresh.ok).toBe(true);
    expect(world.ids()).toEqual(["a-1"]);
    expect(await stack.resource("a")).toMatchObject({ outputs: { size: 7 } });
    expect(await stack.resource("p")).toMatchObject({ inputs: { region: "south" } });
  });

  conformance("a refresh forgets what is gone", async ({ stack, world, expect }) => {
    await stack.up(program("north"));
    world.delete("a-1");
    expect((await stack.refresh({ runProgram: true })).ok).toBe(true);
    expect((await stack.names()).sort()).toEqual(["b", "p"]);
  });

  conformance("a refresh is previewed without a change", async ({ stack, world, expect }) => {
    await stack.up(program("north"));
    world.delete("a-1");
    expect((await stack.previewRefresh({ runProgram: true })).ok).toBe(true);
    expect((await stack.names()).sort()).toEqual(["a", "b", "p"]);
  });

  conformance(
    "a destroy deletes with the provider that the program configures, and makes nothing first",
    async ({ stack, world, expect }) => {
      await stack.up(() => void new Thing("a", { size: 1 }, { provider: new Provider("p", { region: "north" }) }));
      world.forgetCalls();
      const destroy = await stack.destroy({ runProgram: true }, program("south"));
      expect(destroy.ok).toBe(true);
      expect(world.ids()).toEqual([]);
      expect(world.calls().filter((call) => call.op === "create")).toEqual([]);
      expect(await stack.resources()).toEqual([]);
    },
  );

  /** Needs what is made with `more` only. */
  const growing = (more: boolean) => () => {
    const a = new Thing("a");
    const m = more ? new Thing("m", { size: 1 }) : undefined;
    new Component("c", { size: more ? 2 : 1 }, {}, { made: more ? 2 : 1 });
    new Thing("b", { from: a.id, m: m?.id ?? "none" });
    return { id: a.id, m: m?.id };
  };

  for (const op of ["refresh", "destroy"] as const) {
    conformance(`a ${op} leaves out what needs something that is not there yet`, async ({ stack, world, expect }) => {
      await stack.up(growing(false));
      const options = { runProgram: true };
      const done = await (op === "refresh" ? stack.refresh(options, growing(true)) : stack.destroy(options, growing(true)));
      expect(done.ok).toBe(true);
      expect(world.ids()).toEqual(op === "refresh" ? ["a-1", "b-1"] : []);
      if (op === "destroy") {
        expect(await stack.resources()).toEqual([]);
      }
      expect((await stack.up(growing(true))).ok).toBe(true);
    });
  }

  conformance(
    "a refresh keeps a provider as it was whose configuration needs something that is not there yet",
    async ({ stack, expect }) => {
      const configured = (more: boolean) => () => {
        const m = more ? new Thing("m") : undefined;
        new Thing("b", { size: 1 }, { provider: new Provider("p", { region: m?.id ?? "north" }) });
      };
      await stack.up(configured(false));
      expect((await stack.refresh({ runProgram: true }, configured(true))).ok).toBe(true);
      expect(await stack.resource("p")).toMatchObject({ inputs: { region: "north" } });
      expect((await stack.up(configured(true))).ok).toBe(true);
    },
    { embeddedOnly: "the CLI leaves the provider out and then does not find it" },
  );

  conformance(
    "a refresh follows names that have changed",
    async ({ stack, expect }) => {
      const named = (name: string) => () => {
        const aliases = name === "a" ? [] : [{ name: "a" }];
        const a = new Thing(name, { size: 1 }, { aliases });
        new Thing("b", { from: a.id }, { parent: a });
        const component = new Component(`in-${name}`, {}, { aliases: name === "a" ? [] : [{ name: "in-a" }] });
        new Thing("k", {}, { parent: component });
      };
      await stack.up(named("a"));
      expect((await stack.refresh({ runProgram: true }, named("z"))).ok).toBe(true);
      expect((await stack.resource("k"))?.parent).toMatch(/::in-z$/);
      expect((await stack.up(named("z"))).changes).toEqual({ same: 5 });
    },
    { embeddedOnly: "the CLI fails at the first renamed component" },
  );

  conformance("a destroy is previewed without a change", async ({ stack, world, expect }) => {
    await stack.up(program("north"));
    expect((await stack.previewDestroy({ runProgram: true })).ok).toBe(true);
    expect(world.ids()).toEqual(["a-1", "b-1"]);
  });

  conformance("a destroy deletes what the program no longer has, too", async ({ stack, world, expect }) => {
    await stack.up(program("north"));
    expect((await stack.destroy({ runProgram: true }, () => void new Thing("b", { size: 1 }))).ok).toBe(true);
    expect(world.ids()).toEqual([]);
  });
});

describe("excluding", () => {
  conformance("a refresh leaves out what is excluded", async ({ stack, world, expect }) => {
    await stack.up(() => {
      new Thing("a", { size: 1 });
      new Thing("b", { size: 1 });
    });
    for (const id of world.ids()) {
      world.set(id, { type: "testing:index:Thing", inputs: { size: 2 }, outputs: { size: 2 } });
    }
    const exclude = [(await stack.resource("b"))?.urn ?? ""];
    expect(await stack.refresh({ exclude })).toMatchObject({ ok: true });
    expect(await stack.resource("a")).toMatchObject({ inputs: { size: 2 } });
    expect(await stack.resource("b")).toMatchObject({ inputs: { size: 1 } });
  });
});
