import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { describe, it } from "vitest";
import type { PendingOperation } from "../../../../adapters/engine/contract/checkpoint.ts";
import type { StackStore } from "../../../../adapters/engine/contract/store.ts";
import { verify } from "../../../../adapters/engine/deployment/snapshot-integrity.ts";
import type { Graph } from "../../../support/engine/generated-programs.ts";
import { anyGraph, namesOf, programOf } from "../../../support/engine/generated-programs.ts";
import type { InlineStack } from "../../../support/engine/inline-stack.ts";
import { diagnosticsOf, Group, Testing, Thing } from "../../../support/engine/inline-stack.ts";
import { useStacks } from "../../../support/engine/stacks.ts";

const { aStack, store } = useStacks();
const sample = {
  numRuns: Number(process.env["CLAW_PROPERTY_RUNS"] ?? 12),
  seed: Number(process.env["CLAW_GENERATED_SEED"] ?? 20260),
};

const anyProgram = anyGraph({ mayKeep: false });

function program(graph: Graph) {
  return programOf(graph, {
    group: (name, options) => new Group(name, {}, options).finish({}),
    provider: (name, inputs) => new Testing(name, inputs),
    thing: (type, name, inputs, options) => new Thing(name, inputs, options, `testing:index:${type}`),
    secret: (value) => pulumi.secret(value),
  });
}
function tagsOf(graph: Graph): string[] {
  return graph.nodes.map((node) => node.tag).sort();
}

/** A store whose worker dies at the given commit, before or after it took effect: nothing is written afterwards. */
class CrashingStore {
  commits = 0;
  crashAt = Number.POSITIVE_INFINITY;
  tookEffect = false;
  readonly store: StackStore;
  constructor(inner: StackStore) {
    this.store = new Proxy(inner, {
      get: (target, property) => {
        const value = Reflect.get(target, property);
        if (property !== "commit") {
          return typeof value === "function" ? value.bind(target) : value;
        }
        return async (...args: Parameters<StackStore["commit"]>) => {
          const number = ++this.commits;
          if (number > this.crashAt || (number === this.crashAt && !this.tookEffect)) {
            throw new Error("crashed");
          }
          const serial = await target.commit(...args);
          if (number === this.crashAt) {
            throw new Error("crashed");
          }
          return serial;
        };
      },
    });
  }
}

/** A stack whose world takes along what is deleted with its host, as a cloud does. */
async function aCloud(options: Parameters<typeof aStack>[0] = {}): Promise<InlineStack> {
  const stack = await aStack(options);
  const { world } = stack;
  const remove = world.delete.bind(world);
  world.delete = (id) => {
    remove(id);
    for (const guest of world.ids()) {
      if (world.get(guest)?.inputs["host"] === id) {
        world.delete(guest);
      }
    }
  };
  return stack;
}

async function checkpointOf(stack: InlineStack) {
  const ref = { project: "proj", stack: stack.name };
  const [{ resources }, pending] = await Promise.all([store().loadResources(ref), store().loadPending(ref)]);
  return { resources, pending };
}

/** Everything that exists is on record: as a state, as a creation that may have happened, or by the host that takes it along. */
async function unrecorded(stack: InlineStack): Promise<string[]> {
  const { resources, pending } = await checkpointOf(stack);
  const known = new Set(resources.map(({ state }) => state.id));
  const maybe = perhapsCreated(pending);
  return stack.world.ids().filter((id) => !known.has(id) && !maybe.has(tagOf(stack, id)) && hostOf(stack, id) === undefined);
}
function perhapsCreated(pending: readonly { operation: PendingOperation }[]): Set<unknown> {
  return new Set(pending.flatMap(({ operation }) => (operation.type === "creating" ? [operation.resource.inputs?.["tag"]] : [])));
}
function hostOf(stack: InlineStack, id: string): unknown {
  return stack.world.get(id)?.inputs["host"];
}
function tagOf(stack: InlineStack, id: string): unknown {
  return stack.world.get(id)?.inputs["tag"];
}
/** What exists, by what it is. */
function existing(stack: InlineStack): unknown[] {
  return stack.world
    .ids()
    .map((id) => tagOf(stack, id))
    .sort();
}

describe("generated programs", () => {
  it("reach what the program says, keep a valid checkpoint, and are unchanged when run again", { timeout: 600_000 }, async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(anyProgram, anyProgram, fc.constantFrom(1, 8), async (first, second, parallel) => {
        const stack = await aCloud();
        for (const graph of [first, second]) {
          const preview = await stack.preview(program(graph), { parallel });
          expect(preview.error?.message).toBeUndefined();
          const up = await stack.up(program(graph), { parallel });
          expect(up.error?.message).toBeUndefined();
          verify((await checkpointOf(stack)).resources);
          expect(existing(stack)).toEqual(tagsOf(graph));
          expect(await unrecorded(stack)).toEqual([]);
          const again = await stack.up(program(graph), { parallel });
          expect(Object.keys(again.changes)).toEqual(["same"]);
        }
        expect((await stack.destroy({ parallel })).error?.message).toBeUndefined();
        expect(stack.world.ids()).toEqual([]);
        expect((await checkpointOf(stack)).resources).toEqual([]);
      }),
      sample,
    );
  });

  it("lose nothing to a crash at any commit, and recover with the next update", { timeout: 600_000 }, async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(
        anyProgram,
        anyProgram,
        fc.integer({ min: 1, max: 25 }),
        fc.boolean(),
        fc.boolean(),
        async (first, second, at, tookEffect, inDestroy) => {
          const crashing = new CrashingStore(store());
          const stack = await aCloud({ store: crashing.store });
          expect((await stack.up(program(first))).error?.message).toBeUndefined();
          crashing.crashAt = crashing.commits + at;
          crashing.tookEffect = tookEffect;
          const crashed = inDestroy ? await stack.destroy() : await stack.up(program(second));
          const didCrash = crashing.commits >= crashing.crashAt;
          expect(crashed.error !== undefined).toBe(didCrash);
          verify((await checkpointOf(stack)).resources);
          expect(await unrecorded(stack)).toEqual([]);

          crashing.crashAt = Number.POSITIVE_INFINITY;
          const { pending } = await checkpointOf(stack);
          const maybe = perhapsCreated(pending);
          const recovered = await stack.up(program(second));
          expect(recovered.error?.message).toBeUndefined();
          verify((await checkpointOf(stack)).resources);
          expect(Object.keys((await stack.up(program(second))).changes)).toEqual(["same"]);
          // What exists beside the program is what the crash left on record as perhaps created.
          const states = (await checkpointOf(stack)).resources.map(({ state }) => state);
          const known = new Set(states.map((state) => state.id));
          const extra = stack.world.ids().filter((id) => !known.has(id) && hostOf(stack, id) === undefined);
          const extraTags = extra.map((id) => tagOf(stack, id));
          expect(extraTags.filter((tag) => !maybe.has(tag))).toEqual([]);
          expect(new Set(extraTags).size).toBe(extra.length);
          expect(states.flatMap((state) => state.inputs?.["tag"] ?? []).sort()).toEqual(tagsOf(second));
        },
      ),
      sample,
    );
  });

  it("survive failing providers", { timeout: 600_000 }, async ({ expect }) => {
    const anyFailure = fc.record({
      op: fc.constantFrom("create" as const, "update" as const, "delete" as const, "diff" as const, "check" as const),
      node: fc.nat(5),
      partial: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        anyProgram,
        anyProgram,
        fc.array(anyFailure, { maxLength: 3 }),
        fc.boolean(),
        async (first, second, failures, continueOnError) => {
          const stack = await aCloud();
          expect((await stack.up(program(first))).error?.message).toBeUndefined();
          for (const { op, node, partial } of failures) {
            const canBePartial = partial && (op === "create" || op === "update");
            for (const name of namesOf(`n${node}`)) {
              stack.world.misbehave({ op, name, ...(canBePartial ? { partial: ["not ready"] } : { error: "out of luck" }) });
            }
          }
          const failed = await stack.up(program(second), { continueOnError });
          expect(diagnosticsOf(failed).filter((message) => /integrity/.test(message))).toEqual([]);
          verify((await checkpointOf(stack)).resources);
          expect(await unrecorded(stack)).toEqual([]);
          // Whatever rules are left over are used up before the recovery.
          stack.world.behave();
          const recovered = await stack.up(program(second));
          expect(recovered.error?.message).toBeUndefined();
          expect(existing(stack)).toEqual(tagsOf(second));
          verify((await checkpointOf(stack)).resources);
        },
      ),
      sample,
    );
  });
});
