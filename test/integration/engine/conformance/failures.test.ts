import * as pulumi from "@pulumi/pulumi";
import { describe } from "vitest";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Plain, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();

describe("a creation that fails", () => {
  conformance("leaves no state, and what was created before it stays", async ({ stack, world, expect }) => {
    world.misbehave({ op: "create", name: "b", error: "no room" });
    const up = await stack.up(() => {
      const a = new Thing("a");
      new Thing("b", { from: a.id });
    });
    expect(up).toMatchObject({ ok: false, error: "CommandError", exitCode: 1 });
    expect(up.diagnostics.join("\n")).toContain("no room");
    expect(await stack.names()).toEqual(["a"]);
    expect((await stack.up()).ok).toBe(true);
    expect(await stack.names()).toEqual(["a", "b"]);
  });

  conformance("starts nothing that depends on it", async ({ stack, world, expect }) => {
    world.misbehave({ op: "create", name: "a", error: "no room" });
    const up = await stack.up(() => {
      const a = new Thing("a");
      new Thing("b", { from: a.id });
    });
    expect(up.ok).toBe(false);
    expect(world.ids()).toEqual([]);
  });

  conformance("lets others go on when told to, and skips its dependents", async ({ stack, world, expect }) => {
    world.misbehave({ op: "create", name: "a", error: "no room" });
    const program = () => {
      const a = new Thing("a");
      const b = new Thing("b", { from: a.id });
      new Thing("c", {}, { dependsOn: [b] });
      new Thing("free", { delayMs: 20 });
    };
    const up = await stack.up(program, { continueOnError: true });
    expect(up.ok).toBe(false);
    expect(world.ids()).toEqual(["free-1"]);
    expect(await stack.names()).toEqual(["free"]);
    expect((await stack.up(program)).ok).toBe(true);
    expect(world.ids()).toEqual(["a-1", "b-1", "c-1", "free-1"]);
  });

  conformance("keeps the secrets of its inputs out of the output", async ({ stack, world, expect }) => {
    world.misbehave({ op: "create", name: "a", error: "no room" });
    const up = await stack.up(() => void new Thing("a", { password: pulumi.secret("hush-hush") }));
    expect(up.ok).toBe(false);
    expect(up.message).not.toContain("hush-hush");
    expect(JSON.stringify(up.events)).not.toContain("hush-hush");
  });
});

describe("a creation that did not become ready", () => {
  conformance("fails the update and keeps the resource with its reasons", async ({ stack, world, expect }) => {
    world.misbehave({ op: "create", name: "a", partial: ["no endpoint yet", "still starting"] });
    const up = await stack.up(() => void new Thing("a", { x: 1 }));
    expect(up.ok).toBe(false);
    expect(up.diagnostics.join("\n")).toContain("no endpoint yet");
    expect(await stack.resource("a")).toMatchObject({ id: "a-1", initErrors: ["no endpoint yet", "still starting"] });
  });

  conformance("is updated by the next one, even with the same inputs", async ({ stack, world, expect }) => {
    world.misbehave({ op: "create", name: "a", partial: ["not yet"] });
    const program = () => void new Thing("a", { x: 1 });
    await stack.up(program);
    const up = await stack.up(program);
    expect(up).toMatchObject({ ok: true, changes: { same: 1, update: 1 } });
    expect((await stack.resource("a"))?.initErrors ?? []).toEqual([]);
  });

  conformance("is replaced by replaceOnChanges of its init errors", async ({ stack, world, expect }) => {
    world.misbehave({ op: "create", name: "a", partial: ["not yet"] });
    const program = () => void new Thing("a", { x: 1 }, { replaceOnChanges: ["#initerror"] });
    await stack.up(program);
    expect((await stack.up(program)).changes).toEqual({ same: 1, replace: 1 });
  });
});

describe("an update that fails", () => {
  conformance("keeps the old state", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    world.misbehave({ op: "update", name: "a", error: "not now" });
    expect((await stack.up(() => void new Thing("a", { size: 2 }))).ok).toBe(false);
    expect(await stack.resource("a")).toMatchObject({ inputs: { size: 1 }, outputs: { size: 1, revision: 1 } });
    expect((await stack.up()).changes).toEqual({ same: 1, update: 1 });
  });

  conformance("halfway keeps old inputs, new outputs and the reasons", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    world.misbehave({ op: "update", name: "a", partial: ["one of two"] });
    expect((await stack.up(() => void new Thing("a", { size: 2 }))).ok).toBe(false);
    expect(await stack.resource("a")).toMatchObject({
      inputs: { size: 1 },
      outputs: { size: 2, revision: 2 },
      initErrors: ["one of two"],
    });
    expect((await stack.up()).ok).toBe(true);
  });
});

describe("a program that fails", () => {
  conformance("by throwing fails the update with its message", async ({ stack, expect }) => {
    const up = await stack.up(() => {
      throw new Error("boom at noon");
    });
    expect(up).toMatchObject({ ok: false, error: "CommandError" });
    expect(up.message).toContain("boom at noon");
  });

  conformance("keeps what it registered before", async ({ stack, world, expect }) => {
    const up = await stack.up(async () => {
      const a = new Thing("a");
      await new Promise((resolve) => a.id.apply(resolve));
      throw new Error("boom");
    });
    expect(up.ok).toBe(false);
    expect(await stack.names()).toEqual(["a"]);
    expect(world.ids()).toEqual(["a-1"]);
  });

  conformance("by logging an error fails the update", async ({ stack, expect }) => {
    const up = await stack.up(async () => {
      await pulumi.log.error("this is wrong");
    });
    expect(up.ok).toBe(false);
    expect(up.diagnostics.join("\n")).toContain("this is wrong");
  });

  conformance("by an input error names the resource", async ({ stack, expect }) => {
    const up = await stack.up(() => {
      throw new pulumi.RunError("not like this");
    });
    expect(up.message).toContain("not like this");
  });

  conformance("fails a preview too", async ({ stack, expect }) => {
    const preview = await stack.preview(() => {
      throw new Error("boom");
    });
    expect(preview.ok).toBe(false);
  });

  conformance(
    "with a name that looks like another error is not taken for it",
    async ({ stack, engine, expect }) => {
      const up = await stack.up(() => {
        throw new Error("no stack named 'other' found");
      });
      // The real CLI's error class is chosen by the whole text; ours only by what the engine itself said.
      expect(up.error).toBe(engine === "embedded" ? "CommandError" : "StackNotFoundError");
    },
    { recordsDiffer: "the embedded engine does not take a program's words for its own" },
  );
});

describe("messages of a program", () => {
  conformance("are diagnostics of their resource", async ({ stack, expect }) => {
    const up = await stack.up(async () => {
      const a = new Thing("a");
      await pulumi.log.warn("mind this", a);
      await pulumi.log.info("by the way");
    });
    expect(up.ok).toBe(true);
    expect(up.diagnostics).toEqual(expect.arrayContaining(["warning: mind this", "info: by the way"]));
    const warning = up.events.find((event) => event.diagnosticEvent?.severity === "warning");
    expect(warning?.diagnosticEvent?.urn).toMatch(/::a$/);
  });
});

describe("stack outputs", () => {
  conformance("of a failed update are the old ones with those that are new", async ({ stack, world, expect }) => {
    await stack.up(() => ({ one: 1, two: 2 }));
    world.misbehave({ op: "create", name: "a", error: "no room" });
    await stack.up(() => {
      // Whether a failure overtakes the outputs is a race otherwise.
      new Thing("a", { delayMs: 1000 });
      return { one: 10 };
    });
    expect((await stack.outputs())["two"]).toEqual({ value: 2, secret: false });
  });

  conformance("change with the program", async ({ stack, expect }) => {
    await stack.up(() => ({ one: 1, two: 2 }));
    expect((await stack.up(() => ({ one: "x" }))).message).toBe("");
    expect(await stack.outputs()).toEqual({ one: { value: "x", secret: false } });
  });
});

describe("expecting no changes", () => {
  conformance("passes when there are none", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a"));
    expect((await stack.up(undefined, { expectNoChanges: true })).ok).toBe(true);
    expect((await stack.preview(undefined, { expectNoChanges: true })).ok).toBe(true);
  });

  conformance("fails a preview that proposes some", async ({ stack, expect }) => {
    const preview = await stack.preview(() => void new Thing("a"), { expectNoChanges: true });
    expect(preview.ok).toBe(false);
    expect(preview).toMatchObject({ exitCode: 7, message: expect.stringContaining("no changes were expected for preview") });
  });

  conformance("fails an update that made some", async ({ stack, expect }) => {
    const up = await stack.up(() => void new Thing("a"), { expectNoChanges: true });
    expect(up.ok).toBe(false);
    expect(up).toMatchObject({ exitCode: 7, message: expect.stringContaining("no changes were expected for update") });
  });
});

describe("a provider", () => {
  conformance("that gives no ID for what it created fails the update", async ({ stack, world, expect }) => {
    world.misbehave({ op: "create", name: "a", emptyId: true });
    expect((await stack.up(() => void new Thing("a"))).ok).toBe(false);
    expect(await stack.names()).toEqual([]);
  });

  conformance("that can't preview leaves outputs open in a preview", async ({ stack, world, expect }) => {
    const program = () => {
      const a = new Plain("a", { size: 1 }, {});
      new Component("c", { size: a.revision });
    };
    const preview = await stack.preview(program);
    expect(preview.ok).toBe(true);
    expect(world.calls().filter((call) => call.op === "create" && !call.preview)).toEqual([]);
  });

  conformance("that does not take secrets gets them plain, and they stay secret in the state", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { password: pulumi.secret("s") }, {}, "plain:index:Thing"));
    expect(world.get("a-1")?.inputs).toEqual({ password: "s" });
    const a = await stack.resource("a");
    expect(JSON.stringify(a?.inputs?.["password"])).toContain("plaintext");
    expect(JSON.stringify(a?.outputs?.["password"])).toContain("plaintext");
    expect((await stack.up()).changes).toEqual({ same: 2 });
  });

  conformance(
    "of an unknown package fails the update and names it",
    async ({ stack, expect }) => {
      const up = await stack.up(() => void new Thing("a", {}, {}, "nowhere:index:Thing"));
      expect(up.ok).toBe(false);
      expect(up.message).toContain("nowhere");
    },
    { recordsDiffer: "each engine names the places it looked in" },
  );
});
