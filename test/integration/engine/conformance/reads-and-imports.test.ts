import * as pulumi from "@pulumi/pulumi";
import { describe } from "vitest";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Thing } from "../../../support/engine/test-resources.ts";
import type { MemoryWorld } from "../../../support/engine/test-world.ts";

const conformance = conformanceSuite();

function exists(world: MemoryWorld, id: string, inputs: Record<string, number> = {}): void {
  world.set(id, { type: "testing:index:Thing", inputs, outputs: { ...inputs, revision: 7 } });
}
const read = (name: string, id: string, options = {}) => new Thing(name, {}, { ...options, id });

describe("a read", () => {
  conformance("keeps what it found as external", async ({ stack, world, expect }) => {
    exists(world, "theirs", { size: 3 });
    const up = await stack.up(() => ({ size: read("a", "theirs").revision }));
    expect(up).toMatchObject({ ok: true, changes: { create: 1 }, steps: ["read a"] });
    expect(await stack.resource("a")).toMatchObject({ external: true, id: "theirs", outputs: { size: 3, revision: 7 } });
    expect(await stack.outputs()).toEqual({ size: { value: 7, secret: false } });
  });

  conformance("happens in every update", async ({ stack, world, expect }) => {
    exists(world, "theirs", { size: 3 });
    await stack.up(() => void read("a", "theirs"));
    exists(world, "theirs", { size: 4 });
    expect((await stack.up()).ok).toBe(true);
    expect(await stack.resource("a")).toMatchObject({ outputs: { size: 4 } });
  });

  conformance("of what is not there fails the update", async ({ stack, expect }) => {
    const up = await stack.up(() => void read("a", "nowhere"));
    expect(up.ok).toBe(false);
    expect(up.message).toContain("does not exist");
  });

  conformance("that is gone from the program is forgotten, and what was read stays", async ({ stack, world, expect }) => {
    exists(world, "theirs");
    await stack.up(() => void read("a", "theirs"));
    const up = await stack.up(() => undefined);
    expect(up.changes).toEqual({ same: 1, discard: 1 });
    expect(world.ids()).toEqual(["theirs"]);
    expect(await stack.names()).toEqual([]);
  });

  conformance("of another ID replaces the read", async ({ stack, world, expect }) => {
    exists(world, "one", { size: 1 });
    exists(world, "two", { size: 2 });
    await stack.up(() => void read("a", "one"));
    expect((await stack.up(() => void read("a", "two"))).ok).toBe(true);
    expect(await stack.resource("a")).toMatchObject({ id: "two" });
    expect(world.ids()).toEqual(["one", "two"]);
  });

  conformance("of what the stack owned gives it up", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    expect((await stack.up(() => void read("a", "a-1"))).ok).toBe(true);
    expect(await stack.resource("a")).toMatchObject({ external: true, id: "a-1" });
    await stack.up(() => undefined);
    expect(world.ids()).toEqual(["a-1"]);
  });

  conformance("instead of an owned one deletes that", async ({ stack, world, expect }) => {
    exists(world, "theirs");
    await stack.up(() => void new Thing("a"));
    expect((await stack.up(() => void read("a", "theirs"))).ok).toBe(true);
    expect(world.ids()).toEqual(["theirs"]);
  });

  conformance("that becomes owned is created", async ({ stack, world, expect }) => {
    exists(world, "theirs");
    await stack.up(() => void read("a", "theirs"));
    const up = await stack.up(() => void new Thing("a", { size: 1 }));
    expect(up.ok).toBe(true);
    expect(world.ids()).toEqual(["a-1", "theirs"]);
    expect((await stack.resource("a"))?.external ?? false).toBe(false);
  });

  conformance("is previewed", async ({ stack, world, expect }) => {
    exists(world, "theirs");
    const preview = await stack.preview(() => void read("a", "theirs"));
    expect(preview).toMatchObject({ ok: true, changes: { create: 1 }, steps: ["read a"] });
  });

  conformance("of an ID that is not known yet waits for the update", async ({ stack, expect }) => {
    const program = () => {
      const a = new Thing("a");
      new Thing("again", {}, { id: a.id });
    };
    expect((await stack.preview(program)).ok).toBe(true);
    expect((await stack.up(program)).ok).toBe(true);
    expect(await stack.resource("again")).toMatchObject({ external: true, id: "a-1" });
  });

  conformance("is not deleted by a destroy", async ({ stack, world, expect }) => {
    exists(world, "theirs");
    await stack.up(() => void read("a", "theirs"));
    expect((await stack.destroy()).ok).toBe(true);
    expect(world.ids()).toEqual(["theirs"]);
  });

  conformance("is refreshed", async ({ stack, world, expect }) => {
    exists(world, "theirs", { size: 1 });
    await stack.up(() => void read("a", "theirs"));
    exists(world, "theirs", { size: 2 });
    expect((await stack.refresh()).ok).toBe(true);
    expect(await stack.resource("a")).toMatchObject({ outputs: { size: 2 } });
  });
});

describe("an import", () => {
  const importing =
    (id: string, inputs = {}, options = {}) =>
    () =>
      void new Thing("a", inputs, { ...options, import: id });

  conformance("takes over what is there without a write", async ({ stack, world, expect }) => {
    exists(world, "theirs", { size: 3 });
    const up = await stack.up(importing("theirs", { size: 3 }));
    expect(up).toMatchObject({ ok: true, changes: { create: 1, import: 1 } });
    expect(await stack.resource("a")).toMatchObject({ id: "theirs", importID: "theirs" });
    expect(world.calls().filter((call) => call.op === "create" || call.op === "update")).toEqual([]);
    expect((await stack.up()).changes).toEqual({ same: 2 });
  });

  conformance("owns what it took over", async ({ stack, world, expect }) => {
    exists(world, "theirs");
    await stack.up(importing("theirs"));
    await stack.up(() => undefined);
    expect(world.ids()).toEqual([]);
  });

  conformance("stays the same when the option is dropped afterwards", async ({ stack, world, expect }) => {
    exists(world, "theirs", { size: 3 });
    await stack.up(importing("theirs", { size: 3 }));
    expect((await stack.up(() => void new Thing("a", { size: 3 }))).changes).toEqual({ same: 2 });
    expect(world.ids()).toEqual(["theirs"]);
  });

  conformance("of what is not there fails", async ({ stack, expect }) => {
    const up = await stack.up(importing("nowhere"));
    expect(up.ok).toBe(false);
    expect(up.message).toContain("does not exist");
  });

  conformance("with other inputs takes over and updates", async ({ stack, world, expect }) => {
    exists(world, "theirs", { size: 3 });
    const up = await stack.up(importing("theirs", { size: 4 }));
    expect(up).toMatchObject({ ok: true, steps: ["import a", "update a"] });
    expect(world.get("theirs")?.inputs).toEqual({ size: 4 });
  });

  conformance("that would replace fails", async ({ stack, world, expect }) => {
    exists(world, "theirs", { replaceKey: 3 });
    expect((await stack.up(importing("theirs", { replaceKey: 4 }))).ok).toBe(false);
    expect(world.ids()).toEqual(["theirs"]);
  });

  conformance("of another ID replaces what the stack owned", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 3 }));
    exists(world, "theirs", { size: 3 });
    const up = await stack.up(importing("theirs", { size: 3 }));
    expect(up.ok).toBe(true);
    expect(world.ids()).toEqual(["theirs"]);
  });

  conformance("is previewed", async ({ stack, world, expect }) => {
    exists(world, "theirs", { size: 3 });
    expect(await stack.preview(importing("theirs", { size: 3 }))).toMatchObject({ ok: true, changes: { create: 1, import: 1 } });
  });

  conformance("under a component", async ({ stack, world, expect }) => {
    exists(world, "theirs", { size: 3 });
    const up = await stack.up(() => void new Thing("a", { size: 3 }, { import: "theirs", parent: new Component("c") }));
    expect(up).toMatchObject({ ok: true, changes: { create: 2, import: 1 } });
  });
});

describe("a stack reference", () => {
  conformance("reads another stack's outputs, secret ones as secrets", async ({ stack, expect }) => {
    await stack.up(() => ({ open: 1, hidden: pulumi.secret("hush") }));
    const other = await stack.another("other");
    await other.up(() => {
      const reference = new pulumi.StackReference(`organization/conf/${stack.name}`);
      return { open: reference.getOutput("open"), hidden: reference.getOutput("hidden") };
    });
    expect(await other.outputs()).toEqual({
      open: { value: 1, secret: false },
      hidden: { value: "hush", secret: true },
    });
  });

  conformance(
    "to a stack that is not there fails and names it",
    async ({ stack, expect }) => {
      const up = await stack.up(() => void new pulumi.StackReference("organization/conf/nowhere"));
      expect(up.ok).toBe(false);
      expect(up.message).toContain("nowhere");
    },
    { recordsDiffer: "the CLI adds how its backend looked" },
  );

  conformance("to an output that is required and missing fails", async ({ stack, expect }) => {
    await stack.up(() => ({ open: 1 }));
    const other = await stack.another("other");
    const up = await other.up(() => {
      const reference = new pulumi.StackReference(`organization/conf/${stack.name}`);
      return { x: reference.requireOutput("missing") };
    });
    expect(up.ok).toBe(false);
  });
});
