import { describe } from "vitest";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Provider, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();
const empty = () => undefined;

describe("a resource that is gone from the program", () => {
  conformance("is deleted", async ({ stack, world, expect }) => {
    await stack.up(() => {
      new Thing("a");
      new Thing("b");
    });
    const up = await stack.up(() => void new Thing("a"));
    expect(up).toMatchObject({ ok: true, changes: { same: 2, delete: 1 }, steps: ["same a", "delete b"] });
    expect(world.ids()).toEqual(["a-1"]);
    expect(await stack.names()).toEqual(["a"]);
  });

  conformance("is deleted after its dependents", async ({ stack, world, expect }) => {
    await stack.up(() => {
      const a = new Thing("a");
      const b = new Thing("b", { from: a.id });
      new Thing("c", {}, { parent: b });
      new Thing("d", {}, { deletedWith: undefined as never, dependsOn: [b] });
    });
    world.forgetCalls();
    await stack.up(empty);
    const order = world
      .calls()
      .filter((call) => call.op === "delete")
      .map((call) => call.name);
    expect(order.slice(0, 2).sort()).toEqual(["c", "d"]);
    expect(order.slice(2)).toEqual(["b", "a"]);
  });

  conformance("takes its component and default provider along", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", {}, { parent: new Component("c") }));
    const up = await stack.up(empty);
    expect(up.changes).toEqual({ same: 1, delete: 2 });
    expect(await stack.resources()).toHaveLength(1);
  });

  conformance("is deleted by its own provider, which goes last", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", {}, { provider: new Provider("p", { region: "x" }) }));
    const up = await stack.up(empty);
    expect(up.steps).toEqual(["delete a", "delete p"]);
    expect(world.ids()).toEqual([]);
  });

  conformance("stays when it is protected, and the update fails", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", {}, { protect: true }));
    const up = await stack.up(empty);
    expect(up.ok).toBe(false);
    expect(up.message).toContain("cannot be deleted");
    expect(world.ids()).toEqual(["a-1"]);
  });

  conformance("is reported as protected once for each", async ({ stack, expect }) => {
    await stack.up(() => {
      new Thing("a", {}, { protect: true });
      new Thing("b", {}, { protect: true });
    });
    const up = await stack.up(empty);
    const protectedOnes = up.diagnostics.filter((line) => line.includes("cannot be deleted"));
    expect(protectedOnes).toHaveLength(2);
  });

  conformance("is forgotten and left in place when it is retained", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", {}, { retainOnDelete: true }));
    world.forgetCalls();
    const up = await stack.up(empty);
    expect(up.changes).toEqual({ same: 1, delete: 1 });
    expect(world.calls().filter((call) => call.op === "delete")).toEqual([]);
    expect(world.ids()).toEqual(["a-1"]);
    expect(await stack.names()).toEqual([]);
  });

  conformance("is not deleted itself when what it is deleted with goes too", async ({ stack, world, expect }) => {
    await stack.up(() => {
      const base = new Thing("base");
      new Thing("a", {}, { deletedWith: base });
    });
    world.forgetCalls();
    await stack.up(empty);
    expect(
      world
        .calls()
        .filter((call) => call.op === "delete")
        .map((call) => call.name),
    ).toEqual(["base"]);
    expect(await stack.names()).toEqual([]);
  });

  conformance("is deleted itself when what it is deleted with stays", async ({ stack, world, expect }) => {
    await stack.up(() => {
      const base = new Thing("base");
      new Thing("a", {}, { deletedWith: base });
    });
    await stack.up(() => void new Thing("base"));
    expect(world.ids()).toEqual(["base-1"]);
  });

  conformance("stays when its deletion fails", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a"));
    world.misbehave({ op: "delete", name: "a", error: "in use" });
    const up = await stack.up(empty);
    expect(up.ok).toBe(false);
    expect(up.message).toContain("in use");
    expect(await stack.names()).toEqual(["a"]);
    expect((await stack.up(empty)).ok).toBe(true);
    expect(await stack.names()).toEqual([]);
  });

  conformance("stays when the program failed", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a"));
    const up = await stack.up(() => {
      throw new Error("boom");
    });
    expect(up.ok).toBe(false);
    expect(world.ids()).toEqual(["a-1"]);
    expect(await stack.names()).toEqual(["a"]);
  });

  conformance("stays when another step failed", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a"));
    world.misbehave({ op: "create", name: "b", error: "no room" });
    expect((await stack.up(() => void new Thing("b"))).ok).toBe(false);
    expect(world.ids()).toEqual(["a-1"]);
  });
});

describe("a destroy", () => {
  conformance("deletes everything in the reverse order and leaves an empty stack", async ({ stack, world, expect }) => {
    await stack.up(() => {
      const component = new Component("c");
      const a = new Thing("a", {}, { parent: component });
      new Thing("b", { from: a.id }, { provider: new Provider("p") });
    });
    world.forgetCalls();
    const destroy = await stack.destroy();
    expect(destroy).toMatchObject({ ok: true, changes: { delete: 5 } });
    expect(
      world
        .calls()
        .filter((call) => call.op === "delete")
        .map((call) => call.name),
    ).toEqual(["b", "a"]);
    expect(await stack.resources()).toEqual([]);
  });

  conformance("is previewed without a change", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a"));
    expect(await stack.previewDestroy()).toMatchObject({ ok: true, changes: { delete: 2 } });
    expect(world.ids()).toEqual(["a-1"]);
    expect(await stack.names()).toEqual(["a"]);
  });

  conformance("of an empty stack does nothing", async ({ stack, expect }) => {
    expect(await stack.destroy()).toMatchObject({ ok: true });
  });

  conformance("refuses protected resources and names them", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", {}, { protect: true }));
    const destroy = await stack.destroy();
    expect(destroy.ok).toBe(false);
    expect(destroy.message).toContain("cannot be deleted");
    expect(world.ids()).toEqual(["a-1"]);
  });

  conformance("leaves protected resources and what they need when told to", async ({ stack, world, expect }) => {
    await stack.up(() => {
      const base = new Thing("base");
      new Thing("kept", { from: base.id }, { protect: true });
      new Thing("gone");
    });
    const destroy = await stack.destroy({ excludeProtected: true });
    expect(destroy.ok).toBe(true);
    expect(world.ids()).toEqual(["base-1", "kept-1"]);
  });

  conformance("goes on from where it failed", async ({ stack, world, expect }) => {
    await stack.up(() => {
      const a = new Thing("a");
      new Thing("b", { from: a.id });
    });
    world.misbehave({ op: "delete", name: "a", error: "in use" });
    expect((await stack.destroy()).ok).toBe(false);
    expect(await stack.names()).toEqual(["a"]);
    expect((await stack.destroy()).ok).toBe(true);
    expect(await stack.resources()).toEqual([]);
  });

  conformance("that fails for one goes on with others when told to", async ({ stack, world, expect }) => {
    await stack.up(() => {
      const base = new Thing("base");
      new Thing("stuck", { from: base.id });
      new Thing("free");
    });
    world.misbehave({ op: "delete", name: "stuck", error: "in use" });
    const destroy = await stack.destroy({ continueOnError: true });
    expect(destroy.ok).toBe(false);
    expect(world.ids()).toEqual(["base-1", "stuck-1"]);
  });

  conformance("after a refresh does not delete what is gone", async ({ stack, world, expect }) => {
    await stack.up(() => {
      new Thing("a");
      new Thing("b");
    });
    world.delete("a-1");
    world.forgetCalls();
    const destroy = await stack.destroy({ refresh: true });
    expect(destroy.ok).toBe(true);
    expect(
      world
        .calls()
        .filter((call) => call.op === "delete")
        .map((call) => call.name),
    ).toEqual(["b"]);
  });
});
