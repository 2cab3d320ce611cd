import * as pulumi from "@pulumi/pulumi";
import { describe } from "vitest";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();

describe("an update", () => {
  conformance("of an empty program holds the root stack alone", async ({ stack, expect }) => {
    const up = await stack.up(() => undefined);
    expect(up).toMatchObject({ ok: true, changes: { create: 1 } });
    expect(await stack.resources()).toHaveLength(1);
  });

  conformance("creates a resource with its default provider, and stores inputs and outputs", async ({ stack, world, expect }) => {
    const up = await stack.up(() => void new Thing("a", { size: 1, list: [1, { x: null }] }));
    expect(up).toMatchObject({ ok: true, changes: { create: 2 }, steps: ["create a"] });
    expect(await stack.resource("a")).toMatchObject({
      id: "a-1",
      custom: true,
      inputs: { size: 1, list: [1, { x: null }] },
      outputs: { size: 1, list: [1, { x: null }], revision: 1 },
    });
    expect(world.ids()).toEqual(["a-1"]);
  });

  conformance("again changes nothing", async ({ stack, world, expect }) => {
    const program = () => void new Thing("a", { size: 1 });
    await stack.up(program);
    world.forgetCalls();
    const again = await stack.up(program);
    expect(again).toMatchObject({ ok: true, changes: { same: 2 } });
    expect(world.calls().filter((call) => call.op !== "configure" && call.op !== "cancel")).toEqual([]);
  });

  conformance("creates a component and its children under it", async ({ stack, expect }) => {
    await stack.up(() => {
      const component = new Component("c", { x: 1 }, {}, { y: 2 });
      new Thing("a", {}, { parent: component });
    });
    expect((await stack.resource("a"))?.urn).toContain("::test:index:Component$testing:index:Thing::a");
    expect(await stack.resource("c")).toMatchObject({ custom: false, inputs: { x: 1 }, outputs: { y: 2 } });
  });

  conformance("keeps a secret output secret", async ({ stack, expect }) => {
    await stack.up(() => {
      const a = new Thing("a", { password: pulumi.secret("hush") });
      return { open: a.revision, hidden: pulumi.secret({ k: 1 }) };
    });
    expect(await stack.outputs()).toEqual({
      open: { value: 1, secret: false },
      hidden: { value: { k: 1 }, secret: true },
    });
  });
});
