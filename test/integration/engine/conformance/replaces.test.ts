// One file, though a long one: each kind of replacement is a case beside the others that it must agree with.
import { describe } from "vitest";
import { type ConformanceStack, conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Provider, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();

function writes(stack: ConformanceStack): string[] {
  const calls = stack.world.calls().filter((call) => ["create", "update", "delete"].includes(call.op) && !call.preview);
  return calls.map((call) => `${call.op} ${call.name}`);
}
const a =
  (replaceKey: number, options = {}) =>
  () =>
    void new Thing("a", { replaceKey }, options);
const dbr =
  (dbrKey: number, options = {}) =>
  () =>
    void new Thing("a", { dbrKey }, options);

describe("a replacement", () => {
  conformance("creates the new one before it deletes the old", async ({ stack, world, expect }) => {
    await stack.up(a(1));
    world.forgetCalls();
    const up = await stack.up(a(2));
    expect(up).toMatchObject({ ok: true, changes: { same: 1, replace: 1 } });
    expect(up.steps).toEqual(["create-replacement a", "replace a", "delete-replaced a"]);
    expect(writes(stack)).toEqual(["create a", "delete a"]);
    expect(world.ids()).toEqual(["a-2"]);
    expect(await stack.names()).toEqual(["a"]);
  });

  conformance("is previewed without a change", async ({ stack, world, expect }) => {
    await stack.up(a(1));
    const preview = await stack.preview(a(2));
    expect(preview).toMatchObject({ ok: true, changes: { same: 1, replace: 1 } });
    expect(world.ids()).toEqual(["a-1"]);
  });

  conformance("deletes the old one first when the provider wants it", async ({ stack, world, expect }) => {
    await stack.up(dbr(1));
    world.forgetCalls();
    const up = await stack.up(dbr(2));
    expect(up.steps).toEqual(["delete-replaced a", "replace a", "create-replacement a"]);
    expect(writes(stack)).toEqual(["delete a", "create a"]);
  });

  conformance("deletes the old one first when the program wants it", async ({ stack, world, expect }) => {
    await stack.up(a(1, { deleteBeforeReplace: true }));
    world.forgetCalls();
    await stack.up(a(2, { deleteBeforeReplace: true }));
    expect(writes(stack)).toEqual(["delete a", "create a"]);
  });

  conformance("creates first when the program wants that and the provider the other way", async ({ stack, world, expect }) => {
    await stack.up(dbr(1, { deleteBeforeReplace: false }));
    world.forgetCalls();
    await stack.up(dbr(2, { deleteBeforeReplace: false }));
    expect(writes(stack)).toEqual(["create a", "delete a"]);
  });

  conformance("is forced by replaceOnChanges", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }, { replaceOnChanges: ["size"] }));
    const up = await stack.up(() => void new Thing("a", { size: 2 }, { replaceOnChanges: ["size"] }));
    expect(up.changes).toEqual({ same: 1, replace: 1 });
  });

  conformance("is forced by a star in replaceOnChanges", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }, { replaceOnChanges: ["*"] }));
    const up = await stack.up(() => void new Thing("a", { size: 2 }, { replaceOnChanges: ["*"] }));
    expect(up.changes).toEqual({ same: 1, replace: 1 });
  });

  conformance("is not forced by a change outside replaceOnChanges", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1, other: 1 }, { replaceOnChanges: ["size"] }));
    const up = await stack.up(() => void new Thing("a", { size: 1, other: 2 }, { replaceOnChanges: ["size"] }));
    expect(up.changes).toEqual({ same: 1, update: 1 });
  });

  conformance("is forced by --replace", async ({ stack, expect }) => {
    await stack.up(a(1));
    const urn = (await stack.resource("a"))?.urn ?? "";
    const up = await stack.up(a(1), { replace: [urn] });
    expect(up.changes).toEqual({ same: 1, replace: 1 });
    expect(await stack.resource("a")).toMatchObject({ id: "a-2" });
  });

  conformance("updates what uses its outputs", async ({ stack, expect }) => {
    const program = (replaceKey: number) => () => {
      const base = new Thing("a", { replaceKey });
      new Thing("b", { from: base.id });
    };
    await stack.up(program(1));
    const up = await stack.up(program(2));
    expect(up.changes).toEqual({ same: 1, replace: 1, update: 1 });
    expect(await stack.resource("b")).toMatchObject({ inputs: { from: "a-2" } });
  });

  conformance("deletes the old ones only after everything was created", async ({ stack, world, expect }) => {
    const program = (replaceKey: number) => () => {
      const base = new Thing("a", { replaceKey });
      new Thing("b", { replaceFrom: base.id });
    };
    await stack.up(program(1));
    world.forgetCalls();
    await stack.up(program(2));
    expect(writes(stack)).toEqual(["create a", "create b", "delete b", "delete a"]);
  });

  conformance("whose creation fails leaves the old one", async ({ stack, world, expect }) => {
    await stack.up(a(1));
    world.misbehave({ op: "create", name: "a", error: "no room" });
    expect((await stack.up(a(2))).ok).toBe(false);
    expect(world.ids()).toEqual(["a-1"]);
    expect(await stack.names()).toEqual(["a"]);
    expect(await stack.resource("a")).toMatchObject({ inputs: { replaceKey: 1 } });
  });

  conformance("whose old one can't be deleted is finished by the next update", async ({ stack, world, expect }) => {
    await stack.up(a(1));
    world.misbehave({ op: "delete", name: "a", error: "in use" });
    expect((await stack.up(a(2))).ok).toBe(false);
    expect((await stack.names()).sort()).toEqual(["a", "a (delete)"]);
    const up = await stack.up(a(2));
    expect(up.ok).toBe(true);
    expect(up.steps).toContain("delete-replaced a");
    expect(world.ids()).toEqual(["a-2"]);
    expect(await stack.names()).toEqual(["a"]);
  });

  conformance(
    "that vanished before the old one was deleted is made again, ahead of what depends on it",
    async ({ stack, world, expect }) => {
      const program = (replaceKey: number) => () => {
        const base = new Thing("a", { replaceKey });
        new Thing("b", {}, { dependsOn: [base] });
      };
      await stack.up(program(1));
      world.misbehave({ op: "delete", name: "a", error: "in use" });
      expect((await stack.up(program(2))).ok).toBe(false);
      world.delete("a-2");
      await stack.refresh();
      expect((await stack.names()).sort()).toEqual(["a (delete)", "b"]);
      expect((await stack.up(program(1))).message).toBe("");
      expect(await stack.names()).toEqual(["a", "b"]);
      expect(world.ids()).toEqual(["a-3", "b-1"]);
    },
    { recordsDiffer: "the CLI reads the two in another order" },
  );
});

describe("delete-before-replace", () => {
  conformance("takes along dependents that can't do without it", async ({ stack, world, expect }) => {
    const program = (dbrKey: number) => () => {
      const base = new Thing("a", { dbrKey });
      new Thing("b", { replaceFrom: base.id });
    };
    await stack.up(program(1));
    world.forgetCalls();
    const up = await stack.up(program(2));
    expect(up).toMatchObject({ ok: true, changes: { same: 1, replace: 2 } });
    expect(writes(stack)).toEqual(["delete b", "delete a", "create a", "create b"]);
  });

  conformance("leaves dependents that only update", async ({ stack, world, expect }) => {
    const program = (dbrKey: number) => () => {
      const base = new Thing("a", { dbrKey });
      new Thing("b", { from: base.id });
    };
    await stack.up(program(1));
    world.forgetCalls();
    await stack.up(program(2));
    expect(writes(stack)).toEqual(["delete a", "create a", "update b"]);
  });

  conformance("leaves what merely depends on it by option", async ({ stack, world, expect }) => {
    const program = (dbrKey: number) => () => void new Thing("b", {}, { dependsOn: [new Thing("a", { dbrKey })] });
    await stack.up(program(1));
    world.forgetCalls();
    await stack.up(program(2));
    expect(writes(stack)).toEqual(["delete a", "create a"]);
  });

  conformance("takes along a whole chain", async ({ stack, world, expect }) => {
    const program = (dbrKey: number) => () => {
      const base = new Thing("a", { dbrKey });
      const middle = new Thing("b", { replaceFrom: base.id });
      new Thing("c", { replaceFrom: middle.id });
      new Thing("d", { from: middle.id });
    };
    await stack.up(program(1));
    world.forgetCalls();
    const up = await stack.up(program(2));
    expect(up.changes).toEqual({ same: 1, replace: 3, update: 1 });
    expect(writes(stack).slice(0, 3)).toEqual(["delete c", "delete b", "delete a"]);
  });

  conformance("leaves components of the chain alone", async ({ stack, world, expect }) => {
    const program = (dbrKey: number) => () => {
      const base = new Thing("a", { dbrKey });
      new Component("c", { from: base.id });
    };
    await stack.up(program(1));
    world.forgetCalls();
    const up = await stack.up(program(2));
    expect(up.changes).toEqual({ same: 1, replace: 1, update: 1 });
  });

  conformance("whose creation fails is finished by a creation alone", async ({ stack, world, expect }) => {
    await stack.up(dbr(1));
    world.misbehave({ op: "create", name: "a", error: "no room" });
    expect((await stack.up(dbr(2))).ok).toBe(false);
    expect(await stack.resource("a")).toMatchObject({ pendingReplacement: true });
    world.forgetCalls();
    const up = await stack.up(dbr(2));
    expect(up.ok).toBe(true);
    expect(writes(stack)).toEqual(["create a"]);
    expect((await stack.resource("a"))?.pendingReplacement ?? false).toBe(false);
  });

  conformance("that was interrupted and is no longer wanted leaves nothing", async ({ stack, world, expect }) => {
    await stack.up(dbr(1));
    world.misbehave({ op: "create", name: "a", error: "no room" });
    await stack.up(dbr(2));
    world.forgetCalls();
    const up = await stack.up(() => undefined);
    expect(up.ok).toBe(true);
    expect(up.steps).toEqual(["remove-pending-replace a"]);
    expect(writes(stack)).toEqual([]);
    expect(await stack.names()).toEqual([]);
  });

  conformance("that fails to delete keeps the old one and creates nothing", async ({ stack, world, expect }) => {
    await stack.up(dbr(1));
    world.misbehave({ op: "delete", name: "a", error: "in use" });
    world.forgetCalls();
    expect((await stack.up(dbr(2))).ok).toBe(false);
    expect(writes(stack)).toEqual(["delete a"]);
    expect(world.ids()).toEqual(["a-1"]);
    expect((await stack.resource("a"))?.pendingReplacement ?? false).toBe(false);
  });
});

const DELETES_AGAIN = "the CLI deletes once more what it had deleted before the failure; an ID may have been given to another by then";

describe("a replacement that went wrong", () => {
  const chain = (dbrKey: number) => () => {
    const base = new Thing("a", { dbrKey });
    const middle = new Thing("b", { replaceFrom: base.id });
    new Thing("c", { replaceFrom: middle.id });
  };

  conformance(
    "twice at the same creation is finished with all that went along",
    async ({ stack, world, expect }) => {
      await stack.up(chain(1));
      for (const _ of [1, 2]) {
        world.misbehave({ op: "create", name: "a", error: "no room" });
        expect((await stack.up(chain(2))).ok).toBe(false);
      }
      world.forgetCalls();
      expect((await stack.up(chain(2))).ok).toBe(true);
      expect(writes(stack)).toEqual(["create a", "create b", "create c"]);
      expect(world.ids()).toEqual(["a-2", "b-2", "c-2"]);
      expect((await stack.up(chain(2))).changes).toEqual({ same: 4 });
    },
    { embeddedOnly: DELETES_AGAIN },
  );

  conformance(
    "and is taken back makes what was there before",
    async ({ stack, world, expect }) => {
      await stack.up(chain(1));
      world.misbehave({ op: "create", name: "a", error: "no room" });
      await stack.up(chain(2));
      world.forgetCalls();
      expect((await stack.up(chain(1))).ok).toBe(true);
      expect(writes(stack)).toEqual(["create a", "create b", "create c"]);
      expect((await stack.up(chain(1))).changes).toEqual({ same: 4 });
    },
    { embeddedOnly: DELETES_AGAIN },
  );

  for (const op of ["delete", "create"] as const) {
    for (const name of ["b", "c"]) {
      conformance(
        `at the ${op === "delete" ? "deletion" : "creation"} of ${name}, in the middle of what goes along, is finished by the next update`,
        async ({ stack, world, expect }) => {
          await stack.up(chain(1));
          world.misbehave({ op, name, error: "no" });
          expect((await stack.up(chain(2))).ok).toBe(false);
          await stack.refresh();
          expect((await stack.up(chain(2))).ok).toBe(true);
          expect((await stack.up(chain(2))).changes).toEqual({ same: 4 });
          expect(world.ids()).toEqual(["a-2", "b-2", "c-2"]);
        },
        { recordsDiffer: DELETES_AGAIN },
      );

      conformance(
        `at the ${op === "delete" ? "deletion" : "creation"} of ${name}, with errors that stop nothing, ends and is finished by the next update`,
        async ({ stack, world, expect }) => {
          await stack.up(chain(1));
          world.misbehave({ op, name, error: "no" });
          expect((await stack.up(chain(2), { continueOnError: true })).ok).toBe(false);
          expect((await stack.up(chain(2), { continueOnError: true })).ok).toBe(true);
          expect((await stack.up(chain(2))).changes).toEqual({ same: 4 });
        },
        { embeddedOnly: "the CLI does not end when a deletion fails in such a chain" },
      );
    }
  }

  conformance("counts what is deleted with the old one as gone with it", async ({ stack, world, expect }) => {
    const program = (replaceKey: number) => () => {
      const base = new Thing("a", { replaceKey });
      new Thing("d", { size: 1 }, { deletedWith: base });
    };
    await stack.up(program(1));
    world.misbehave({ op: "delete", name: "a", error: "in use" });
    expect((await stack.up(program(2))).ok).toBe(false);
    expect(writes(stack).filter((call) => call.startsWith("delete"))).toEqual(["delete a"]);
    expect((await stack.up(program(2))).ok).toBe(true);
    expect(await stack.names()).toEqual(["a", "d"]);
  });

  conformance("of a provider, for want of what is deleted first, takes its resources along", async ({ stack, world, expect }) => {
    const program = (dbrKey: number) => () => {
      const base = new Thing("a", { dbrKey });
      const provider = new Provider("p", { region: base.id });
      new Thing("c", { replaceFrom: new Thing("b", { size: 1 }, { provider }).id });
    };
    await stack.up(program(1));
    expect((await stack.preview(program(2))).ok).toBe(true);
    expect((await stack.up(program(2))).ok).toBe(true);
    expect(world.ids()).toEqual(["a-2", "b-1", "c-1"]);
  });

  conformance(
    "of what a renamed resource depends on deletes and makes it once",
    async ({ stack, world, expect }) => {
      const program = (dbrKey: number, name: string) => () => {
        const base = new Thing("a", { dbrKey });
        new Thing(name, { replaceFrom: base.id }, name === "b" ? {} : { aliases: [{ name: "b" }] });
      };
      await stack.up(program(1, "b"));
      world.forgetCalls();
      expect((await stack.up(program(2, "c"))).ok).toBe(true);
      expect(writes(stack)).toEqual(["delete b", "delete a", "create a", "create c"]);
      expect((await stack.up(program(2, "c"))).changes).toEqual({ same: 3 });
    },
    { embeddedOnly: DELETES_AGAIN },
  );
});

describe("protection", () => {
  conformance("refuses a replacement", async ({ stack, world, expect }) => {
    await stack.up(a(1, { protect: true }));
    const up = await stack.up(a(2, { protect: true }));
    expect(up.ok).toBe(false);
    expect(up.message).toContain("unprotect");
    expect(world.ids()).toEqual(["a-1"]);
  });

  conformance("refuses a replacement in a preview", async ({ stack, expect }) => {
    await stack.up(a(1, { protect: true }));
    expect((await stack.preview(a(2, { protect: true }))).ok).toBe(false);
  });

  conformance("may be lifted together with the replacement", async ({ stack, world, expect }) => {
    await stack.up(a(1, { protect: true }));
    expect((await stack.up(a(2))).ok).toBe(true);
    expect(world.ids()).toEqual(["a-2"]);
  });

  conformance("of a dependent refuses a delete-before-replace, in a preview too", async ({ stack, world, expect }) => {
    const program = (dbrKey: number) => () => {
      const base = new Thing("a", { dbrKey });
      new Thing("b", { replaceFrom: base.id }, { protect: true });
    };
    await stack.up(program(1));
    expect((await stack.preview(program(2))).ok).toBe(false);
    expect((await stack.up(program(2))).ok).toBe(false);
    expect(world.ids()).toEqual(["a-1", "b-1"]);
  });

  conformance("does not hold back an update", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }, { protect: true }));
    expect((await stack.up(() => void new Thing("a", { size: 2 }, { protect: true }))).ok).toBe(true);
  });
});

describe("deletedWith", () => {
  conformance("replaces a resource whose target is replaced", async ({ stack, expect }) => {
    const program = (replaceKey: number) => () => {
      const base = new Thing("base", { replaceKey });
      new Thing("a", {}, { deletedWith: base, dependsOn: [base] });
    };
    await stack.up(program(1));
    const up = await stack.up(program(2));
    expect(up.changes).toEqual({ same: 1, replace: 2 });
  });
});

describe("replaceWith", () => {
  const program = (key: string, value: number) => () => {
    const lead = new Thing("lead", { [key]: value });
    const follower = new Thing("follower", {}, { replaceWith: [lead] });
    new Thing("last", {}, { replaceWith: [follower] });
  };

  conformance("replaces a resource with those that it names, in a chain", async ({ stack, world, expect }) => {
    await stack.up(program("replaceKey", 1));
    expect(await stack.preview(program("replaceKey", 2))).toMatchObject({ ok: true, changes: { same: 1, replace: 3 } });
    expect(await stack.up(program("replaceKey", 2))).toMatchObject({ ok: true, changes: { same: 1, replace: 3 } });
    expect(world.ids()).toEqual(["follower-2", "last-2", "lead-2"]);
  });

  conformance("takes it along when one of them is deleted first", async ({ stack, world, expect }) => {
    await stack.up(program("dbrKey", 1));
    expect(await stack.up(program("dbrKey", 2))).toMatchObject({ ok: true });
    expect(world.ids()).toEqual(["follower-2", "last-2", "lead-2"]);
    expect((await stack.up()).changes).toEqual({ same: 4 });
  });

  conformance("leaves it alone when they only update", async ({ stack, expect }) => {
    await stack.up(program("size", 1));
    expect(await stack.up(program("size", 2))).toMatchObject({ ok: true, changes: { same: 3, update: 1 } });
  });
});
