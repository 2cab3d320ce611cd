import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { describe } from "vitest";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import type { Graph } from "../../../support/engine/generated-programs.ts";
import { anyGraph, namesOf, programOf, shownGraph } from "../../../support/engine/generated-programs.ts";
import { Component, Provider, Thing } from "../../../support/engine/test-resources.ts";
import type { MemoryWorld } from "../../../support/engine/test-world.ts";

const conformance = conformanceSuite();
const runs = Number(process.env["CLAW_GENERATED_RUNS"] ?? 3);
const seed = Number(process.env["CLAW_GENERATED_SEED"] ?? 20260);

const making: Parameters<typeof programOf>[1] = {
  group: (name, options) => new Component(name, {}, options),
  provider: (name, inputs) => new Provider(name, inputs),
  thing: (type, name, inputs, options) => new Thing(name, inputs, options, `testing:index:${type}`),
  secret: (value) => pulumi.secret(value),
};
const program = (graph: Graph) => programOf(graph, making);
/** What a failure overtakes is a race otherwise. */
const orderedProgram = (graph: Graph) => programOf(graph, making, true);

const anyNodes = fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 });
const anyFailure = fc.record({
  op: fc.constantFrom("create" as const, "update" as const, "delete" as const),
  node: fc.nat(5),
  partial: fc.boolean(),
});

/** Wherever the order of steps is part of what happens. */
const oneAtATime = { parallel: 1 };
const randomOrder = { recordsDiffer: "the CLI deletes what is independent in random order" };

/** Programs are chosen by a seed, so that both engines see the same ones. */
describe("generated programs", () => {
  const graphs = [anyGraph({ mayKeep: false }), anyGraph({ mayKeep: true })] as const;
  const sample = <T>(offset: number, second: fc.Arbitrary<T>) =>
    fc.sample(fc.tuple(fc.oneof(...graphs), fc.oneof(...graphs), second), { numRuns: runs, seed: seed + offset });

  for (const [first, second] of sample(0, fc.constant(undefined))) {
    conformance(`change from ${shownGraph(first)} to ${shownGraph(second)}`, async ({ stack }) => {
      await stack.up(program(first));
      await stack.preview(program(second));
      await stack.up(program(second));
      await stack.previewDestroy();
      await stack.destroy();
    });
  }

  for (const [first, second, { op, node, partial }] of sample(1, anyFailure)) {
    conformance(
      `fail to ${op} n${node} from ${shownGraph(first)} to ${shownGraph(second)}`,
      async ({ stack, world }) => {
        await stack.up(orderedProgram(first), oneAtATime);
        const isPartial = partial && op !== "delete";
        for (const name of namesOf(`n${node}`)) {
          world.misbehave({ op, name, ...(isPartial ? { partial: ["not ready"] } : { error: "out of luck" }) });
        }
        await stack.up(orderedProgram(second), oneAtATime);
        world.behave();
        await stack.up(orderedProgram(second), oneAtATime);
      },
      op === "delete" ? randomOrder : {},
    );
  }

  const anySelection = fc.record({ nodes: anyNodes, dependents: fc.boolean(), excludes: fc.boolean() });
  for (const [first, second, { nodes, dependents, excludes }] of sample(2, anySelection)) {
    const how = `${excludes ? "without" : "for"} ${nodes.map((node) => `n${node}`)}${dependents ? " and dependents" : ""}`;
    conformance(`change ${how} from ${shownGraph(first)} to ${shownGraph(second)}`, async ({ stack }) => {
      await stack.up(program(first));
      const urns = patternsOf(nodes);
      const selection = excludes
        ? { exclude: urns, ...(dependents && { excludeDependents: true }) }
        : { target: urns, ...(dependents && { targetDependents: true }) };
      await stack.preview(program(second), selection);
      await stack.up(program(second), { ...selection, ...oneAtATime });
      await stack.up(program(second));
    });
  }

  const anyDrift = fc.record({ nodes: anyNodes, gone: fc.nat(5), withUp: fc.boolean() });
  for (const [first, second, { nodes, gone, withUp }] of sample(3, anyDrift)) {
    const drift = `n${nodes} and n${gone} changed outside`;
    conformance(`after ${drift} change from ${shownGraph(first)} to ${shownGraph(second)}`, async ({ stack, world }) => {
      await stack.up(program(first));
      for (const node of nodes) {
        changeOutside(world, `n${node}`);
      }
      for (const name of namesOf(`n${gone}`)) {
        world.delete(`${name}-1`);
      }
      await stack.previewRefresh();
      if (!withUp) {
        await stack.refresh();
      }
      await stack.up(program(second), { refresh: withUp });
    });
  }
});

/**
 * By pattern, so that the embedded engine loads the whole stack: one with literal targets does not see what they do not need, and does
 * not count it as the same.
 */
function patternsOf(nodes: readonly number[]): string[] {
  return nodes.flatMap((node) => namesOf(`n${node}`).map((name) => `urn:pulumi:**::${name}`));
}

function changeOutside(world: MemoryWorld, tag: string): void {
  for (const name of namesOf(tag)) {
    const id = `${name}-1`;
    const found = world.get(id);
    if (found) {
      world.set(id, { ...found, inputs: { ...found.inputs, value: 9 }, outputs: { ...found.outputs, value: 9 } });
    }
  }
}
