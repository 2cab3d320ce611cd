import type * as pulumi from "@pulumi/pulumi";
import { describe } from "vitest";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Named, Plain, Thing, Vague } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();

describe("a changed input", () => {
  conformance("updates in place and tells the paths in detail", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1, gone: true, same: "x" }));
    const preview = await stack.preview(() => void new Thing("a", { size: 2, more: [1], same: "x" }));
    const detail = preview.events.find((event) => event.resourcePreEvent?.metadata.op === "update")?.resourcePreEvent;
    expect(detail?.metadata.detailedDiff).toEqual({
      size: { diffKind: "update", inputDiff: true },
      gone: { diffKind: "delete", inputDiff: true },
      more: { diffKind: "add", inputDiff: true },
    });
    expect(world.get("a-1")?.inputs).toEqual({ size: 1, gone: true, same: "x" });
    expect(await stack.up()).toMatchObject({ ok: true, changes: { same: 1, update: 1 }, steps: ["update a"] });
    expect(await stack.resource("a")).toMatchObject({ inputs: { size: 2, more: [1] }, outputs: { revision: 2 } });
  });

  conformance("is told by its keys when the provider knows no more", async ({ stack, expect }) => {
    await stack.up(() => void new Plain("a", { size: 1 }));
    const up = await stack.up(() => void new Plain("a", { size: 2 }));
    expect(up.changes).toEqual({ same: 1, update: 1 });
  });

  conformance("is found by the engine when the provider tells nothing", async ({ stack, expect }) => {
    await stack.up(() => void new Vague("a", { size: 1, nested: { x: [1, 2] } }));
    expect(await stack.preview()).toMatchObject({ changes: { same: 2 } });
    const up = await stack.up(() => void new Vague("a", { size: 1, nested: { x: [1, 3] } }));
    expect(up.changes).toEqual({ same: 1, update: 1 });
  });

  conformance("of a component updates the component without a provider", async ({ stack, expect }) => {
    await stack.up(() => void new Component("c", { x: 1 }));
    const up = await stack.up(() => void new Component("c", { x: 2 }));
    expect(up).toMatchObject({ ok: true, changes: { same: 1, update: 1 } });
    expect(await stack.resource("c")).toMatchObject({ inputs: { x: 2 } });
  });

  conformance("that a provider refuses creates nothing and names the property", async ({ stack, world, expect }) => {
    const up = await stack.up(() => void new Thing("a", { invalid: "too large" }));
    expect(up.ok).toBe(false);
    expect(up.diagnostics.join("\n")).toContain("too large");
    expect(world.ids()).toEqual([]);
  });

  conformance("that a provider refuses is refused in a preview too", async ({ stack, expect }) => {
    const preview = await stack.preview(() => void new Thing("a", { invalid: "too large" }));
    expect(preview.ok).toBe(false);
  });

  conformance("whose diff fails leaves the resource alone", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    world.misbehave({ op: "diff", name: "a", error: "cannot compare" });
    const up = await stack.up(() => void new Thing("a", { size: 2 }));
    expect(up.ok).toBe(false);
    expect(up.message).toContain("cannot compare");
    expect(await stack.resource("a")).toMatchObject({ inputs: { size: 1 } });
  });
});

describe("ignoreChanges", () => {
  conformance("keeps the old value of a property", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    const up = await stack.up(() => void new Thing("a", { size: 2 }, { ignoreChanges: ["size"] }));
    expect(up).toMatchObject({ ok: true, changes: { same: 2 } });
    expect(world.get("a-1")?.inputs).toEqual({ size: 1 });
    expect(await stack.resource("a")).toMatchObject({ inputs: { size: 1 } });
  });

  conformance("does not hold back other properties", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1, other: 1 }));
    await stack.up(() => void new Thing("a", { size: 2, other: 2 }, { ignoreChanges: ["size"] }));
    expect(world.get("a-1")?.inputs).toEqual({ size: 1, other: 2 });
  });

  conformance("reaches into maps and lists", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { map: { x: 1, y: 1 }, list: [1, 2] }));
    await stack.up(() => void new Thing("a", { map: { x: 2, y: 2 }, list: [3, 4] }, { ignoreChanges: ["map.x", "list[0]"] }));
    expect(world.get("a-1")?.inputs).toEqual({ map: { x: 1, y: 2 }, list: [1, 4] });
  });

  conformance("takes a star for every element", async ({ stack, world, expect }) => {
    await stack.up(
      () =>
        void new Thing("a", {
          list: [
            { x: 1, y: 1 },
            { x: 1, y: 1 },
          ],
        }),
    );
    await stack.up(
      () =>
        void new Thing(
          "a",
          {
            list: [
              { x: 2, y: 2 },
              { x: 2, y: 2 },
            ],
          },
          { ignoreChanges: ["list[*].x"] },
        ),
    );
    expect(world.get("a-1")?.inputs).toEqual({
      list: [
        { x: 1, y: 2 },
        { x: 1, y: 2 },
      ],
    });
  });

  conformance("leaves out a property that is new", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", {}));
    await stack.up(() => void new Thing("a", { size: 2 }, { ignoreChanges: ["size"] }));
    expect(world.get("a-1")?.inputs).toEqual({});
  });

  conformance("keeps a property that is gone", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    await stack.up(() => void new Thing("a", {}, { ignoreChanges: ["size"] }));
    expect(world.get("a-1")?.inputs).toEqual({ size: 1 });
  });

  conformance("does nothing when the resource is created", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }, { ignoreChanges: ["size"] }));
    expect(world.get("a-1")?.inputs).toEqual({ size: 1 });
  });

  conformance("keeps a property from replacing", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", { replaceKey: 1 }));
    const up = await stack.up(() => void new Thing("a", { replaceKey: 2 }, { ignoreChanges: ["replaceKey"] }));
    expect(up.changes).toEqual({ same: 2 });
  });
});

describe("options that change alone", () => {
  conformance("are written without an update: protect", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a"));
    world.forgetCalls();
    expect((await stack.up(() => void new Thing("a", {}, { protect: true }))).changes).toEqual({ same: 2 });
    expect(await stack.resource("a")).toMatchObject({ protect: true });
    await stack.up(() => void new Thing("a"));
    expect((await stack.resource("a"))?.protect ?? false).toBe(false);
    expect(world.calls().filter((call) => call.op === "update")).toEqual([]);
  });

  conformance("are written without an update: retainOnDelete, timeouts, secret outputs", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a"));
    const options = { retainOnDelete: true, customTimeouts: { create: "5m", delete: "1h30m" }, additionalSecretOutputs: ["x"] };
    expect((await stack.up(() => void new Thing("a", {}, options))).changes).toEqual({ same: 2 });
    expect(await stack.resource("a")).toMatchObject({
      retainOnDelete: true,
      customTimeouts: { create: 300, delete: 5400 },
      additionalSecretOutputs: ["x"],
    });
  });

  conformance("are written without an update: ignoreChanges, replaceOnChanges, deletedWith", async ({ stack, expect }) => {
    await stack.up(() => {
      new Thing("base");
      new Thing("a", { x: 1 });
    });
    const up = await stack.up(() => {
      const base = new Thing("base");
      new Thing("a", { x: 1 }, { ignoreChanges: ["x"], replaceOnChanges: ["x"], deletedWith: base });
    });
    expect(up.changes).toEqual({ same: 3 });
    expect(await stack.resource("a")).toMatchObject({ deletedWith: expect.stringMatching(/::base$/) });
  });
});

describe("autonaming", () => {
  conformance("keeps a generated name through updates", async ({ stack, expect }) => {
    await stack.up(() => void new Named("a", { x: 1 }));
    const name = (await stack.resource("a"))?.outputs?.["name"];
    expect(name).toMatch(/^a-[0-9a-f]{8}$/);
    await stack.up(() => void new Named("a", { x: 2 }));
    expect((await stack.resource("a"))?.outputs?.["name"]).toBe(name);
  });

  conformance("makes another name for a replacement", async ({ stack, expect }) => {
    await stack.up(() => void new Named("a", { replaceKey: 1 }));
    const name = (await stack.resource("a"))?.outputs?.["name"];
    await stack.up(() => void new Named("a", { replaceKey: 2 }));
    const other = (await stack.resource("a"))?.outputs?.["name"];
    expect(other).toMatch(/^a-[0-9a-f]{8}$/);
    expect(other).not.toBe(name);
  });
});

describe("replacementTrigger", () => {
  conformance("replaces when it changes and not when it stays", async ({ stack, expect }) => {
    const program = (trigger: pulumi.Input<unknown>) => () => void new Thing("a", {}, { replacementTrigger: trigger });
    await stack.up(program("one"));
    expect((await stack.up(program("one"))).changes).toEqual({ same: 2 });
    expect((await stack.up(program("two"))).changes).toEqual({ same: 1, replace: 1 });
    expect((await stack.up(program({ deep: [1] }))).changes).toEqual({ same: 1, replace: 1 });
  });
});
