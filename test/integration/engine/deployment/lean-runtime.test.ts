import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "vitest";
import { useLeanRuntime } from "../../../../adapters/engine/deployment/lean-runtime.ts";
import { diagnosticsOf, Group, stepsOf, Thing } from "../../../support/engine/inline-stack.ts";
import { useStacks } from "../../../support/engine/stacks.ts";

const { aStack } = useStacks();

const program = async () => {
  const group = new Group("group");
  const first = new Thing(
    "first",
    { token: pulumi.secret("hush"), list: [null, 1.5, { deep: pulumi.secret("hush") }], text: new pulumi.asset.StringAsset("hello") },
    { parent: group },
  );
  const second = new Thing("second", { above: first.id }, { parent: group });
  await pulumi.log.warn("careful", second);
  return { id: second.id };
};
const failing = async () => {
  const thing = new Thing("thing", { value: "v" });
  new Thing("next", {
    value: thing.id.apply(() => {
      throw new Error("no such value");
    }),
  });
};

describe("the runtime without its debugging", () => {
  it("does and says the same as with it, but for its own messages", async ({ expect }) => {
    const usual = await aStack();
    const told = await usual.up(program);
    const kept = await usual.resources();
    const failed = await usual.up(failing);
    expect(diagnosticsOf(told, "debug").length).toBeGreaterThan(0);

    useLeanRuntime();
    const lean = await aStack();
    const up = await lean.up(program);
    expect(stepsOf(up).toSorted()).toEqual(stepsOf(told).toSorted());
    expect(up.changes).toEqual(told.changes);
    expect(diagnosticsOf(up, "warning")).toEqual(["careful"]);
    expect(diagnosticsOf(up, "debug")).toEqual([]);
    const shape = (states: Awaited<ReturnType<typeof lean.resources>>) =>
      states.map(({ type, inputs, outputs, parent }) => [type, inputs, outputs, parent?.split("::")[2]]);
    expect(shape(await lean.resources())).toEqual(shape(kept));
    const broken = await lean.up(failing);
    expect(failed.error?.message).toContain("no such value");
    expect(broken.error?.message).toContain("no such value");
  });
});
