import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { describe } from "vitest";
import type { Deployment, ResourceState } from "../../../../adapters/engine/contract/checkpoint.ts";
import { type ConformanceStack, conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Provider, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();
const runs = Number(process.env["CLAW_GENERATED_RUNS"] ?? 2);
const seed = Number(process.env["CLAW_GENERATED_SEED"] ?? 20260);

interface Exported {
  readonly version: number;
  readonly deployment: Deployment;
}

/** Has every kind of reference that one state can make to another. */
function program(): void {
  const provider = new Provider("p", { region: "north" });
  const component = new Component("c", { after: provider.id });
  const a = new Thing("a", { size: 1 }, { parent: component, provider });
  const b = new Thing("b", { from: a.id }, { deletedWith: a });
  new Thing("d", { hidden: pulumi.secret("x") }, { dependsOn: [b], replaceWith: [a] });
}

const anyIndex = fc.nat(100);
/** Each takes a valid list of states, all it refers to before each state, and breaks it. */
const corruptions: Record<string, (states: ResourceState[], index: number) => ResourceState[]> = {
  "misses a state": (states, index) => states.toSpliced(index % states.length, 1),
  "has a state too early": (states, index) => {
    const at = 1 + (index % (states.length - 1));
    return [states[at] as ResourceState, ...states.toSpliced(at, 1)];
  },
  "is upside down": (states) => states.toReversed(),
  "has a state twice": (states, index) => [...states, states[index % states.length] as ResourceState],
  "has a state without a type": (states, index) => changed(states, index, (state) => ({ ...state, type: "" })),
  "has a component with an ID": (states) => states.map((state) => (state.urn.endsWith("::c") ? { ...state, id: "some" } : state)),
  "has an unknown provider": (states) =>
    states.map((state) => (state.provider ? { ...state, provider: `${state.provider.slice(0, -1)}x` } : state)),
  "has an unknown parent": (states) =>
    states.map((state) => (state.parent && state.urn.endsWith("::a") ? { ...state, parent: `${state.parent}x` } : state)),
  "has an unknown dependency": (states) =>
    states.map((state) => (state.dependencies ? { ...state, dependencies: state.dependencies.map((urn) => `${urn}x`) } : state)),
  "has an unknown property dependency": (states) =>
    states.map((state) =>
      state.propertyDependencies && state.urn.endsWith("::b")
        ? { ...state, dependencies: [], propertyDependencies: { from: [`${state.urn}x`] } }
        : state,
    ),
  "has an unknown deletedWith": (states) =>
    states.map((state) => (state.deletedWith ? { ...state, deletedWith: `${state.deletedWith}x` } : state)),
  "has an unknown replaceWith": (states) =>
    states.map((state) => (state.replaceWith ? { ...state, replaceWith: [`${state.urn}x`] } : state)),
  "is another stack's": (states) => states.map((state) => JSON.parse(JSON.stringify(state).replaceAll("urn:pulumi:", "urn:pulumi:not-"))),
};
function changed(states: ResourceState[], index: number, change: (state: ResourceState) => ResourceState): ResourceState[] {
  const at = index % states.length;
  return states.with(at, change(states[at] as ResourceState));
}

/** What is wrong with a file, as the user reads it. */
async function refusalOf(stack: ConformanceStack, exported: Exported): Promise<string[]> {
  const error: Error = await stack.api.importStack(exported as never).then(
    () => new Error("it was imported"),
    (refusal: Error) => refusal,
  );
  const [, text = ""] = error.message.split("exit code 1:");
  return [...new Set(text.split("\n").filter((line) => /^ +\d+\) |errors? occurred|deployment|imported/.test(line)))].map(withoutIds);
}
function withoutIds(line: string): string {
  return line.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{11}[0-9a-fx]/g, "<uuid>").trim();
}

describe("a deployment", () => {
  for (const [what, corrupt] of Object.entries(corruptions)) {
    conformance(`that ${what} is refused with the reason`, async ({ stack, expect }) => {
      await stack.up(program);
      const exported = (await stack.api.exportStack()) as unknown as Exported;
      const resources = exported.deployment.resources ?? [];
      const choices = fc.sample(anyIndex, { numRuns: runs, seed });
      for (const index of choices) {
        const broken = { ...exported, deployment: { ...exported.deployment, resources: corrupt([...resources], index) } };
        const refusal = await refusalOf(stack, broken);
        expect(refusal.join("\n")).toMatch(/state file contains errors|is from a different stack|could not deserialize deployment/);
        stack.record.push(refusal);
      }
      expect((await stack.preview()).changes).toEqual({ same: 6 });
    });
  }

  conformance("of a later age is refused", async ({ stack, expect }) => {
    await stack.up(program);
    const exported = (await stack.api.exportStack()) as unknown as Exported;
    await expect(stack.api.importStack({ ...exported, version: 5 } as never)).rejects.toThrow(/is newer than what|version is too new/);
  });

  for (const feature of ["views", "snippets-prototype", "extensionParameterization", "byteString"]) {
    conformance(
      `that needs ${feature} is refused by its name`,
      async ({ stack, expect }) => {
        await stack.up(() => undefined);
        const exported = await stack.api.exportStack();
        const newer = { ...exported, version: 4, features: [feature] };
        await expect(stack.api.importStack(newer as never)).rejects.toThrow(feature);
      },
      { embeddedOnly: "the CLI has these features" },
    );
  }
});
