import * as pulumi from "@pulumi/pulumi";
import { describe } from "vitest";
import { type ConformanceStack, conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Provider, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();
const occasions = ["beforeCreate", "afterCreate", "beforeUpdate", "afterUpdate", "beforeDelete", "afterDelete"] as const;

/** What a function of the program was told, outputs left out: they have no value to compare. */
function told(args: object): Record<string, unknown> {
  const text = JSON.stringify(args, (_key, value) => (pulumi.Output.isInstance(value) ? "<output>" : value));
  return JSON.parse(text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uuid>"));
}
function noteWorld({ record, world }: ConformanceStack): void {
  record.push(world.ids().map((id) => [id, world.get(id)?.inputs]));
}

describe("a resource hook", () => {
  /** Calls in the order of the resources: those of different resources come as they may. */
  const logging = () => {
    const calls: Record<string, unknown>[] = [];
    const hook = (options = {}) => {
      const log = new pulumi.ResourceHook("log", async (args) => void calls.push(told(args)), options);
      return Object.fromEntries(occasions.map((occasion) => [occasion, [log]]));
    };
    const taken = () => Object.entries(Object.groupBy(calls.splice(0), (call) => String(call["urn"]))).sort(([a], [b]) => (a < b ? -1 : 1));
    return { hook, taken };
  };

  conformance("is called around what is done with its resource, with what is known then", async ({ stack, expect }) => {
    const { hook, taken } = logging();
    const program = (size: number) => () => {
      const hooks = hook();
      const a = new Thing("a", { size, hidden: pulumi.secret("hush") }, { hooks });
      new Component("c", { size }, { hooks } as object, { made: size });
      new Thing("b", { replaceKey: size }, { hooks, parent: a });
      new Thing("d", { dbrKey: size }, { hooks });
    };
    expect((await stack.preview(program(1))).ok).toBe(true);
    expect(taken()).toEqual([]);
    for (const size of [1, 1, 2]) {
      expect((await stack.up(program(size))).ok).toBe(true);
      stack.record.push(taken());
    }
    expect((await stack.api.exportStack()) as object).toMatchObject({ version: 4, features: ["hooks"] });
    await stack.destroy({ runProgram: true } as object, program(2));
    stack.record.push(taken());
    expect(stack.world.ids()).toEqual([]);
  });

  conformance("is called in a preview when it wants to be", async ({ stack, expect }) => {
    const { hook, taken } = logging();
    const program = (size: number) => () => {
      const hooks = hook({ onDryRun: true });
      new Thing("b", { from: new Thing("a", { size }, { hooks }).id }, { hooks });
    };
    await stack.preview(program(1));
    const first = taken();
    expect(first).toHaveLength(2);
    await stack.up(program(1));
    taken();
    await stack.preview(program(2));
    stack.record.push(first, taken());
  });

  for (const occasion of occasions) {
    for (const ignoreErrors of [false, true]) {
      conformance(
        `that fails ${occasion} ${ignoreErrors ? "warns" : "fails the operation, and what was done stays done"}`,
        async ({ stack }) => {
          const program = (size: number, fails: boolean) => () => {
            const broken = async () => {
              if (fails) {
                throw new Error("broken");
              }
            };
            const hook = new pulumi.ResourceHook("hook", broken, { ignoreErrors } as object);
            const a = new Thing("a", { size, replaceKey: size === 3 ? 3 : 0 }, { hooks: { [occasion]: [hook] } });
            new Thing("b", { from: a.id });
          };
          await stack.up(program(1, occasion.endsWith("Create")));
          await stack.up(program(1, false));
          await stack.up(program(2, true), { continueOnError: true });
          await stack.up(program(3, true));
          noteWorld(stack);
        },
      );
    }
  }

  conformance("of a deletion needs the program that has it", async ({ stack, expect }) => {
    const program = (more: boolean) => () => {
      const hook = new pulumi.ResourceHook("hook", async () => {});
      new Thing(more ? "a" : "z", {}, { hooks: { beforeDelete: [hook] } });
    };
    await stack.up(program(true));
    expect((await stack.up(program(false))).steps).toContain("delete a");
    expect(await stack.up(() => undefined)).toMatchObject({ ok: false });
    expect(stack.world.ids()).toEqual(["z-1"]);
  });

  conformance(
    "of a deletion refuses a destroy without the program",
    async ({ stack, expect }) => {
      await stack.up(() => {
        const hook = new pulumi.ResourceHook("hook", async () => {});
        new Thing("a", {}, { hooks: { beforeDelete: [hook] } });
      });
      const destroy = await stack.destroy();
      expect(destroy.message).toContain("You must run with the `--run-program` flag to use delete hooks during destroy.");
      expect(destroy.diagnostics).toContain("error: Resource has delete hooks registered, but the program is not running. Hooks: hook");
      expect(stack.world.ids()).toEqual(["a-1"]);
    },
    { recordsDiffer: "the CLI's events end without a summary" },
  );

  conformance("that is added or removed changes the state alone", async ({ stack, expect }) => {
    const program = (has: boolean) => () => {
      const hook = new pulumi.ResourceHook("hook", async () => {});
      new Thing("a", {}, has ? { hooks: { afterCreate: [hook] } } : {});
    };
    await stack.up(program(false));
    expect((await stack.up(program(true))).changes).toEqual({ same: 2 });
    expect(await stack.resource("a")).toMatchObject({ resourceHooks: { AfterCreate: ["hook"] } });
    expect((await stack.up(program(false))).changes).toEqual({ same: 2 });
  });
});

describe("an error hook", () => {
  const program =
    (size: number, retries: number, more = true) =>
    () => {
      let calls = 0;
      const hook = new pulumi.ErrorHook("retry", async () => calls++ < retries);
      const a = new Thing(more ? "a" : "z", { size }, { hooks: { onError: [hook] } });
      new Thing("b", { from: a.id });
    };
  for (const op of ["create", "update", "delete"] as const) {
    conformance(`has a failed ${op} tried again as often as it says`, async ({ stack, world, expect }) => {
      if (op !== "create") {
        await stack.up(program(1, 0));
      }
      for (const _ of [1, 2, 3]) {
        world.misbehave({ op, name: "a", error: "not yet" });
      }
      expect((await stack.up(program(2, 1, op !== "delete"))).ok).toBe(false);
      expect((await stack.up(program(2, 5, op !== "delete"))).ok).toBe(true);
      noteWorld(stack);
    });
  }

  conformance(
    "leaves nothing of the failures of a resource that became ready after all",
    async ({ stack, world, expect }) => {
      world.misbehave({ op: "create", name: "a", partial: ["half"] });
      expect((await stack.up(program(1, 1))).ok).toBe(true);
      expect((await stack.resource("a"))?.initErrors).toBeUndefined();
      expect((await stack.up(program(1, 1))).changes).toEqual({ same: 3 });
    },
    { embeddedOnly: "the CLI keeps the reasons, and updates the resource once more" },
  );

  conformance("that fails fails the operation", async ({ stack, world, expect }) => {
    world.misbehave({ op: "create", name: "a", error: "not yet" });
    const up = await stack.up(() => {
      const hook = new pulumi.ErrorHook("retry", async () => {
        throw new Error("no idea");
      });
      new Thing("a", {}, { hooks: { onError: [hook] } });
    });
    expect(up.message).toContain("no idea");
  });
});

describe("a transform", () => {
  const adding =
    (key: string, value: unknown = 1): pulumi.ResourceTransform =>
    ({ props, opts }) => ({ props: { ...props, [key]: value }, opts });

  conformance(
    "changes properties of its resource, of what is below it, and of the whole stack, in that order",
    async ({ stack, expect }) => {
      const order: string[] = [];
      const by = (who: string): pulumi.ResourceTransform => {
        return ({ name, props, opts }) => {
          order.push(`${who} ${name}`);
          return { props: { ...props, [who]: true }, opts };
        };
      };
      const program = () => {
        pulumi.runtime.registerResourceTransform(by("stack"));
        const component = new Component("c", {}, { transforms: [by("parent")] });
        const a = new Thing("a", { size: 1 }, { parent: component, transforms: [by("own")] });
        new Thing("b", { from: a.id }, { parent: a, dependsOn: [component] });
        new Thing("z");
      };
      expect((await stack.up(program)).ok).toBe(true);
      expect(order.filter((call) => call.endsWith(" a"))).toEqual(["own a", "parent a", "stack a"]);
      expect(stack.world.get("b-1")?.inputs).toEqual({ from: "a-1", own: true, parent: true, stack: true });
      expect((await stack.up(program)).changes).toEqual({ same: 5 });
    },
  );

  conformance("keeps what its resource depends on", async ({ stack }) => {
    const program = () => {
      const transforms = [adding("more")];
      const a = new Thing("a", { size: 1 }, { transforms });
      const b = new Thing("b", { from: a.id, deep: { list: [a.revision] } }, { transforms, parent: a });
      new Thing("d", { from: b.id }, { dependsOn: [a] });
      new Component("c", { from: b.id }, { transforms });
      return { id: a.id };
    };
    await stack.preview(program);
    await stack.up(program);
    await stack.up(program);
  });

  conformance("changes options", async ({ stack, expect }) => {
    const program = () => {
      const other = new Thing("other");
      const provider = new Provider("p", { region: "north" });
      const changing: pulumi.ResourceTransform = ({ props, opts }) => {
        const more = {
          protect: true,
          retainOnDelete: true,
          ignoreChanges: ["size"],
          replaceOnChanges: ["other"],
          dependsOn: [other],
          deletedWith: other,
          deleteBeforeReplace: true,
          additionalSecretOutputs: ["revision"],
          customTimeouts: { create: "1m" },
          aliases: [{ name: "former" }],
          provider,
        };
        return { props, opts: pulumi.mergeOptions(opts, more as object) };
      };
      new Thing("a", { size: 2, other: other.id }, { transforms: [changing], aliases: [{ name: "old" }] });
      const component = new Component("c", {}, { transforms: [changing] });
      new Thing("b", { size: 1 }, { parent: component, protect: false });
    };
    await stack.up(() => void new Thing("former", { size: 1 }));
    expect((await stack.up(program)).ok).toBe(true);
    expect(await stack.resource("a")).toMatchObject({ protect: true, ignoreChanges: ["size"] });
    expect((await stack.up(program)).ok).toBe(true);
  });

  conformance("may drop options that were inherited", async ({ stack, expect }) => {
    await stack.up(() => {
      const provider = new Provider("p", { region: "north" });
      const component = new Component("c", {}, { provider, protect: true });
      const dropping: pulumi.ResourceTransform = ({ props }) => ({ props, opts: {} });
      new Thing("a", { size: 1 }, { parent: component, ignoreChanges: ["size"], transforms: [dropping] });
    });
    expect(await stack.resource("a")).not.toHaveProperty("protect", true);
  });

  conformance("sees assets, references and what is not known yet", async ({ stack, expect }) => {
    const program = () => {
      const a = new Thing("a");
      const text = new pulumi.asset.StringAsset("text");
      const files = new pulumi.asset.AssetArchive({ x: new pulumi.asset.StringAsset("x") });
      new Thing("b", { text, files, reference: a, id: a.id }, { transforms: [adding("more", new pulumi.asset.StringAsset("more"))] });
    };
    expect((await stack.preview(program)).ok).toBe(true);
    expect((await stack.up(program)).ok).toBe(true);
    expect((await stack.up(program)).changes).toEqual({ same: 3 });
  });

  conformance(
    "leaves a secret secret",
    async ({ stack, expect }) => {
      await stack.up(() => void new Thing("a", { hidden: pulumi.secret("hush") }, { transforms: [adding("more")] }));
      expect((await stack.resource("a"))?.inputs?.["hidden"]).toMatchObject({ plaintext: '"hush"' });
    },
    { embeddedOnly: "Pulumi's runtime loses the mark on the way through a transform, and the CLI stores the secret in clear" },
  );

  conformance("that throws fails the program", async ({ stack, expect }) => {
    const throwing = () => {
      throw new Error("broken");
    };
    expect((await stack.up(() => void new Thing("a", {}, { transforms: [throwing] }))).message).toContain(
      "transform failed: Error: broken",
    );
    const up = await stack.up(() => {
      pulumi.runtime.registerResourceTransform(throwing);
      new Thing("a");
    });
    expect(up.message).toContain("transform failed: Error: broken");
    expect(stack.world.ids()).toEqual([]);
  });

  conformance("of invokes changes their arguments", async ({ stack, expect }) => {
    await stack.up(() => {
      pulumi.runtime.registerInvokeTransform(({ token, args, opts }) => ({ args: { ...args, token }, opts }));
      return {
        one: pulumi.runtime.invokeOutput("testing:index:echo", { x: 1 }),
        two: pulumi.runtime.invokeOutput("testing:index:echo", { x: pulumi.secret(1) }),
      };
    });
    const outputs = await stack.outputs();
    expect(outputs["one"]?.value).toMatchObject({ token: "testing:index:echo", x: 1 });
    stack.record.push(outputs);
  });
});
