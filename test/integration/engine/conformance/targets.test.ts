import { describe } from "vitest";
import { type ConformanceStack, conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Provider, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();

async function urnOf(stack: ConformanceStack, name: string): Promise<string> {
  const urn = (await stack.resource(name))?.urn;
  if (!urn) {
    throw new Error(`there is no ${name}`);
  }
  return urn;
}
const two = (size: number) => () => {
  new Thing("a", { size });
  new Thing("b", { size });
};
const chain = (size: number) => () => {
  const a = new Thing("a", { size });
  const b = new Thing("b", { size, from: a.revision });
  new Thing("c", { size, from: b.revision });
};

describe("a target", () => {
  conformance("is updated alone", async ({ stack, world, expect }) => {
    await stack.up(two(1));
    const up = await stack.up(two(2), { target: [await urnOf(stack, "a")] });
    expect(up).toMatchObject({ ok: true });
    expect(world.get("a-1")?.inputs).toEqual({ size: 2 });
    expect(world.get("b-1")?.inputs).toEqual({ size: 1 });
    expect(await stack.resource("b")).toMatchObject({ inputs: { size: 1 } });
  });

  conformance("leaves what is new and not targeted for later", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    const up = await stack.up(two(2), { target: [await urnOf(stack, "a")] });
    expect(up.ok).toBe(true);
    expect(world.ids()).toEqual(["a-1"]);
    expect(await stack.names()).toEqual(["a"]);
  });

  conformance("that needs something new fails", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("b", { size: 1 }));
    const target = [await urnOf(stack, "b")];
    const up = await stack.up(
      () => {
        const a = new Thing("a");
        new Thing("b", { size: 2, from: a.revision });
      },
      { target },
    );
    expect(up.ok).toBe(false);
  });

  conformance("may be new", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("b", { size: 1 }));
    const target = (await urnOf(stack, "b")).replace(/::b$/, "::a");
    const up = await stack.up(two(2), { target: [target] });
    expect(up.ok).toBe(true);
    expect(world.ids()).toEqual(["a-1", "b-1"]);
    expect(world.get("b-1")?.inputs).toEqual({ size: 1 });
  });

  conformance("takes a pattern", async ({ stack, world, expect }) => {
    const program = (size: number) => () => {
      for (const name of ["x-1", "x-2", "y-1"]) {
        new Thing(name, { size });
      }
    };
    await stack.up(program(1));
    expect((await stack.up(program(2), { target: ["**::x-*"] })).ok).toBe(true);
    expect(world.get("x-1-1")?.inputs).toEqual({ size: 2 });
    expect(world.get("x-2-1")?.inputs).toEqual({ size: 2 });
    expect(world.get("y-1-1")?.inputs).toEqual({ size: 1 });
  });

  conformance("that is not in the program fails", async ({ stack, expect }) => {
    await stack.up(two(1));
    const missing = (await urnOf(stack, "b")).replace(/::b$/, "::nowhere");
    const up = await stack.up(two(2), { target: [missing] });
    expect(up.ok).toBe(false);
    expect(up.message).toContain("nowhere");
  });

  conformance("takes its dependents along when told to", async ({ stack, world, expect }) => {
    await stack.up(chain(1));
    const up = await stack.up(chain(2), { target: [await urnOf(stack, "b")], targetDependents: true });
    expect(up.ok).toBe(true);
    expect(["a-1", "b-1", "c-1"].map((id) => world.get(id)?.inputs["size"])).toEqual([1, 2, 2]);
  });

  conformance(
    "does not delete what is gone elsewhere",
    async ({ stack, world, expect }) => {
      await stack.up(two(1));
      const up = await stack.up(() => void new Thing("a", { size: 2 }), { target: [await urnOf(stack, "a")] });
      expect(up.ok).toBe(true);
      expect(world.ids()).toEqual(["a-1", "b-1"]);
    },
    { recordsDiffer: "a targeted operation here does not look at the rest of the stack, so it does not count it as the same" },
  );

  conformance("that is gone from the program is deleted", async ({ stack, world, expect }) => {
    await stack.up(two(1));
    const up = await stack.up(() => void new Thing("a", { size: 2 }), { target: [await urnOf(stack, "b")] });
    expect(up.ok).toBe(true);
    expect(world.ids()).toEqual(["a-1"]);
    expect(world.get("a-1")?.inputs).toEqual({ size: 1 });
  });

  conformance("is previewed as it will be applied", async ({ stack, expect }) => {
    await stack.up(two(1));
    const target = [await urnOf(stack, "a")];
    const preview = await stack.preview(two(2), { target });
    const up = await stack.up(undefined, { target });
    expect(preview.changes).toEqual(up.changes);
  });

  conformance("is replaced alone", async ({ stack, world, expect }) => {
    const program = (replaceKey: number) => () => {
      new Thing("a", { replaceKey });
      new Thing("b", { replaceKey });
    };
    await stack.up(program(1));
    expect((await stack.up(program(2), { target: [await urnOf(stack, "a")] })).ok).toBe(true);
    expect(world.ids()).toEqual(["a-2", "b-1"]);
  });

  for (const how of ["target", "exclude"] as const) {
    conformance(
      `that is deleted first takes along what depends on it, though the ${how === "target" ? "dependent is not targeted" : "dependent is excluded"}`,
      async ({ stack, world, expect }) => {
        const program = (dbrKey: number) => () => {
          const base = new Thing("a", { dbrKey });
          new Thing("c", { replaceFrom: new Thing("b", { replaceFrom: base.id }).id });
        };
        await stack.up(program(1));
        const urn = async (name: string) => (await stack.resource(name))?.urn ?? "";
        const options = how === "target" ? { target: [await urn("a")] } : { exclude: [await urn("b")] };
        await stack.preview(program(2), options);
        expect((await stack.up(program(2), options)).ok).toBe(true);
        expect(world.ids()).toEqual(["a-2", "b-2", "c-2"]);
        expect(world.get("b-2")?.inputs).toEqual({ replaceFrom: "a-1" });
        expect((await stack.up(program(2))).ok).toBe(true);
      },
    );
  }

  conformance(
    "can't be updated while the provider of others is replaced",
    async ({ stack, expect }) => {
      const program = (replaceRegion: number) => () => {
        const provider = new Provider("p", { replaceRegion });
        new Thing("a", { size: 1 }, { provider });
        new Thing("b", { size: 1 }, { provider });
      };
      await stack.up(program(1));
      const up = await stack.up(program(2), { target: [(await stack.resource("a"))?.urn ?? ""] });
      expect(up.message).toContain("this is due to a change of providers mixed with --target");
      expect((await stack.up(program(2))).ok).toBe(true);
    },
    { recordsDiffer: "how far the target itself gets is a matter of time" },
  );

  conformance(
    "leaves others with their default provider when the program has another version of it",
    async ({ stack, expect }) => {
      const program = (version: string, size: number) => () => {
        new Thing("a", { size }, { version });
        new Thing("b", { size }, { version });
      };
      await stack.up(program("1.0.0", 1));
      expect((await stack.up(program("0.9.0", 2), { target: [(await stack.resource("a"))?.urn ?? ""] })).ok).toBe(true);
      expect((await stack.resource("a"))?.provider).toContain("default_0_9_0");
      expect((await stack.resource("b"))?.provider).toContain("default_1_0_0");
      expect((await stack.up(program("0.9.0", 2))).ok).toBe(true);
    },
    { embeddedOnly: "the CLI can't change the version together with targets, though both providers are in the state" },
  );

  conformance("inside a component needs no naming of the component", async ({ stack, world, expect }) => {
    const program = (size: number) => () => void new Thing("a", { size }, { parent: new Component("c", { size }) });
    await stack.up(program(1));
    expect((await stack.up(program(2), { target: [await urnOf(stack, "a")] })).ok).toBe(true);
    expect(world.get("a-1")?.inputs).toEqual({ size: 2 });
    expect(await stack.resource("c")).toMatchObject({ inputs: { size: 1 } });
  });

  conformance("gives the same checkpoint as a whole update when nothing else changed", async ({ stack, expect }) => {
    const program = (size: number) => () => {
      const component = new Component("c");
      const base = new Thing("base", {}, { parent: component });
      new Thing("a", { size, from: base.id }, { parent: component });
      new Thing("b");
    };
    await stack.up(program(1));
    await stack.up(program(2), { target: [await urnOf(stack, "a")] });
    expect((await stack.up()).changes).toEqual({ same: 5 });
  });
});

describe("an exclude", () => {
  conformance("leaves a resource alone", async ({ stack, world, expect }) => {
    await stack.up(two(1));
    expect((await stack.up(two(2), { exclude: [await urnOf(stack, "b")] })).ok).toBe(true);
    expect(world.get("a-1")?.inputs).toEqual({ size: 2 });
    expect(world.get("b-1")?.inputs).toEqual({ size: 1 });
  });

  conformance("leaves dependents alone when told to", async ({ stack, world, expect }) => {
    await stack.up(chain(1));
    const up = await stack.up(chain(2), { exclude: [await urnOf(stack, "b")], excludeDependents: true });
    expect(up.ok).toBe(true);
    expect(["a-1", "b-1", "c-1"].map((id) => world.get(id)?.inputs["size"])).toEqual([2, 1, 1]);
  });

  conformance("and its dependents keep what depends on what they need, too", async ({ stack, world, expect }) => {
    const program = (names: readonly string[]) => () => {
      const provider = new Provider("p");
      for (const name of names) {
        new Thing(name, {}, { provider });
      }
    };
    await stack.up(program(["a", "b"]));
    const up = await stack.up(program(["a"]), { exclude: [await urnOf(stack, "a")], excludeDependents: true });
    expect(up.ok).toBe(true);
    expect(world.ids()).toEqual(["a-1", "b-1"]);
  });

  conformance("of something new leaves it for later", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    const exclude = [(await urnOf(stack, "a")).replace(/::a$/, "::b")];
    expect((await stack.up(two(2), { exclude })).ok).toBe(true);
    expect(world.ids()).toEqual(["a-1"]);
  });
});

describe("a destroy of a target", () => {
  conformance(
    "deletes it alone",
    async ({ stack, world, expect }) => {
      await stack.up(two(1));
      expect((await stack.destroy({ target: [await urnOf(stack, "a")] })).ok).toBe(true);
      expect(world.ids()).toEqual(["b-1"]);
      expect(await stack.names()).toEqual(["b"]);
    },
    { recordsDiffer: "a targeted operation here does not look at the rest of the stack, so it does not count it as the same" },
  );

  conformance("refuses to leave its dependents behind", async ({ stack, world, expect }) => {
    await stack.up(chain(1));
    expect((await stack.destroy({ target: [await urnOf(stack, "a")] })).ok).toBe(false);
    expect(world.ids()).toEqual(["a-1", "b-1", "c-1"]);
  });

  conformance(
    "takes its dependents along when told to",
    async ({ stack, world, expect }) => {
      await stack.up(chain(1));
      const destroy = await stack.destroy({ target: [await urnOf(stack, "b")], targetDependents: true });
      expect(destroy.ok).toBe(true);
      expect(world.ids()).toEqual(["a-1"]);
    },
    { recordsDiffer: "a targeted operation here does not look at the rest of the stack, so it does not count it as the same" },
  );

  conformance(
    "that is not there fails",
    async ({ stack, expect }) => {
      await stack.up(two(1));
      const missing = (await urnOf(stack, "b")).replace(/::b$/, "::nowhere");
      expect((await stack.destroy({ target: [missing] })).ok).toBe(false);
    },
    { recordsDiffer: "the CLI refuses before it opens an event stream" },
  );

  conformance("leaves excluded resources", async ({ stack, world, expect }) => {
    await stack.up(two(1));
    expect((await stack.destroy({ exclude: [await urnOf(stack, "b")] })).ok).toBe(true);
    expect(world.ids()).toEqual(["b-1"]);
  });
});
