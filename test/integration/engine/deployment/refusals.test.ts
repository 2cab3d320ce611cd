import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "vitest";
import type { InlineStack, Outcome } from "../../../support/engine/inline-stack.ts";
import { Group } from "../../../support/engine/inline-stack.ts";
import { useStacks } from "../../../support/engine/stacks.ts";

const { aStack } = useStacks();
const nothing = async () => undefined;

/** What the engine leaves out on purpose: how one asks for it, and the name by which the refusal calls it. */
const refused: { what: string; named: RegExp; ask: (stack: InlineStack) => Promise<Outcome> }[] = [
  {
    what: "dynamic resources",
    named: /does not support dynamic resources \(pulumi\.dynamic\)/,
    ask: (stack) => stack.up(async () => void new Dynamic("thing")),
  },
  {
    what: "remote components",
    named: /does not support remote components/,
    ask: (stack) => stack.up(async () => void new pulumi.ComponentResource("testing:index:Remote", "remote", {}, {}, true)),
  },
  {
    what: "methods of components",
    named: /does not support calls of component methods/,
    ask: (stack) =>
      stack.up(async () => {
        const component = new Group("group").finish({});
        return { answer: pulumi.runtime.call("testing:index:Group/method", { __self__: component }, component) };
      }),
  },
  {
    what: "parameterised packages",
    named: /does not support parameterised packages/,
    ask: (stack) =>
      stack.up(async () => {
        const reference = Promise.resolve("package-reference");
        new Parameterised("thing", reference);
      }),
  },
  { what: "policy packs", named: /--policy-pack is not supported/, ask: (stack) => stack.up(nothing, { policyPacks: ["./pack"] }) },
  { what: "saving an update plan", named: /--save-plan is not supported/, ask: (stack) => stack.preview(nothing, { plan: "plan.json" }) },
  { what: "applying an update plan", named: /--plan is not supported/, ask: (stack) => stack.up(nothing, { plan: "plan.json" }) },
  { what: "debuggers", named: /--attach-debugger is not supported/, ask: (stack) => stack.up(nothing, { attachDebugger: true }) },
  { what: "import files", named: /--import-file is not supported/, ask: (stack) => stack.preview(nothing, { importFile: "file.json" }) },
];

class Dynamic extends pulumi.dynamic.Resource {
  constructor(name: string) {
    super({ create: async () => ({ id: "made", outs: {} }) }, name, {});
  }
}
class Parameterised extends pulumi.CustomResource {
  constructor(name: string, packageReference: Promise<string>) {
    super("testing:index:Thing", name, {}, {}, false, packageReference);
  }
}

describe("what the engine leaves out", () => {
  for (const { what, named, ask } of refused) {
    it(`refuses ${what} by name, and makes nothing`, async ({ expect }) => {
      const stack = await aStack();
      const outcome = await ask(stack);
      expect(outcome.error?.message).toMatch(named);
      expect(stack.world.ids()).toEqual([]);
    });
  }

  it("refuses code generation by name", async ({ expect }) => {
    const { stack } = await aStack();
    const resources = [{ type: "testing:index:Thing", name: "a", id: "one" }];
    await expect(stack.import({ resources })).rejects.toThrow(/code is not generated/);
  });
});
