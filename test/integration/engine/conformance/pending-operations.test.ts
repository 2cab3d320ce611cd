import { describe } from "vitest";
import type { PendingOperation } from "../../../../adapters/engine/contract/checkpoint.ts";
import { type ConformanceStack, conformanceSuite } from "../../../support/engine/conformance.ts";
import { Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();
const program = () => void new Thing("a", { size: 1 });

/** A crash while `a` was updated and `lost` created. */
async function interrupted(stack: ConformanceStack): Promise<void> {
  await stack.up(program);
  const a = await stack.resource("a");
  if (!a) {
    throw new Error("there is no a");
  }
  const { id: _unknown, outputs: _none, ...created } = a;
  await stack.interrupt(
    { resource: a, type: "updating" },
    { resource: { ...created, urn: a.urn.replace(/::a$/, "::lost") }, type: "creating" },
  );
}
async function pendingTypes(stack: ConformanceStack): Promise<PendingOperation["type"][]> {
  return (await stack.checkpoint()).pending.map(({ type }) => type).sort();
}

describe("operations that a crash interrupted", () => {
  conformance("are named in a warning by the next update, which forgets all but creations", async ({ stack, expect }) => {
    await interrupted(stack);
    const up = await stack.up();
    expect(up.ok).toBe(true);
    const warning = up.diagnostics.find((text) => text.includes("2 pending operations"));
    expect(warning).toContain("::a, interrupted while updating");
    expect(warning).toContain("::lost, interrupted while creating");
    expect(await pendingTypes(stack)).toEqual(["creating"]);
  });

  conformance("are kept by a preview", async ({ stack, expect }) => {
    await interrupted(stack);
    expect((await stack.preview()).ok).toBe(true);
    expect(await pendingTypes(stack)).toEqual(["creating", "updating"]);
  });

  conformance("are forgotten by a refresh, but for creations", async ({ stack, expect }) => {
    await interrupted(stack);
    expect((await stack.refresh()).ok).toBe(true);
    expect(await pendingTypes(stack)).toEqual(["creating"]);
  });

  conformance("are all forgotten by a refresh that is told to forget creations too", async ({ stack, expect }) => {
    await interrupted(stack);
    expect((await stack.refresh({ clearPendingCreates: true })).ok).toBe(true);
    expect(await pendingTypes(stack)).toEqual([]);
  });

  conformance("are settled by an update that refreshes first", async ({ stack, expect }) => {
    await interrupted(stack);
    expect((await stack.up(program, { refresh: true })).ok).toBe(true);
    expect(await pendingTypes(stack)).toEqual(["creating"]);
  });

  conformance("hold back a removal of the stack no more than a destroy does", async ({ stack, expect }) => {
    await interrupted(stack);
    expect((await stack.destroy()).ok).toBe(true);
    expect(await pendingTypes(stack)).toEqual(["creating"]);
  });
});
