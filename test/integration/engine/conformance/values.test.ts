import * as pulumi from "@pulumi/pulumi";
import { describe } from "vitest";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Provider, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();
const SIG = "4dabf18193072939515e22adb298388d";
const SECRET_SIG = "1b47061264138c4ac30d75fd1eb44270";

describe("a secret", () => {
  conformance("anywhere in the inputs stays secret in state and events", async ({ stack, world, engine, expect }) => {
    const up = await stack.up(
      () =>
        void new Thing("a", {
          top: pulumi.secret("hush-1"),
          map: { deep: pulumi.secret("hush-2") },
          list: [1, pulumi.secret({ x: "hush-3" })],
        }),
    );
    // The real CLI passes the SDK's debug messages on, and they hold secrets.
    if (engine === "embedded") {
      expect(JSON.stringify(up.events)).not.toContain("hush");
    }
    expect(await stack.resource("a")).toMatchObject({
      inputs: { top: { [SIG]: SECRET_SIG, plaintext: '"hush-1"' }, list: [1, { plaintext: '{"x":"hush-3"}' }] },
    });
    expect(world.get("a-1")?.inputs["map"]).toEqual({ deep: { [SIG]: SECRET_SIG, value: "hush-2" } });
    expect((await stack.up()).changes).toEqual({ same: 2 });
  });

  conformance("that changes updates without showing either value", async ({ stack, engine, expect }) => {
    const program = (value: string) => () => void new Thing("a", { password: pulumi.secret(value) });
    await stack.up(program("hush-old"));
    const up = await stack.up(program("hush-new"));
    expect(up.changes).toEqual({ same: 1, update: 1 });
    if (engine === "embedded") {
      expect(JSON.stringify(up.events)).not.toMatch(/hush-(old|new)/);
    }
  });

  conformance("spreads to what is made of it", async ({ stack, expect }) => {
    await stack.up(() => {
      const a = new Thing("a", { password: pulumi.secret("x") });
      return { made: pulumi.interpolate`v ${(a as unknown as { password: pulumi.Output<string> }).password ?? pulumi.secret("y")}` };
    });
    expect((await stack.outputs())["made"]?.secret).toBe(true);
  });

  conformance("is made of an output that the program names", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", { x: 1 }, { additionalSecretOutputs: ["revision"] }));
    expect((await stack.resource("a"))?.outputs?.["revision"]).toEqual({ [SIG]: SECRET_SIG, plaintext: "1" });
    expect((await stack.up()).changes).toEqual({ same: 2 });
  });

  conformance("in config reaches the program as a secret", async ({ stack, expect }) => {
    await stack.api.setAllConfig({ open: { value: "1" }, hidden: { value: "hush", secret: true } });
    const up = await stack.up(() => {
      const config = new pulumi.Config();
      return { open: config.requireNumber("open"), hidden: config.requireSecret("hidden") };
    });
    expect(JSON.stringify(up.events)).not.toContain("hush");
    expect(await stack.outputs()).toEqual({ open: { value: 1, secret: false }, hidden: { value: "hush", secret: true } });
  });
});

describe("a value that is not known yet", () => {
  conformance("is open in the preview of what uses it", async ({ stack, expect }) => {
    const preview = await stack.preview(() => {
      const a = new Thing("a");
      new Thing("b", { top: a.id, map: { deep: a.id }, list: [a.id, 1], text: pulumi.interpolate`x-${a.id}` });
      return { id: a.id };
    });
    expect(preview).toMatchObject({ ok: true, changes: { create: 3 } });
  });

  conformance("is open in a component, an output and a secret", async ({ stack, expect }) => {
    const preview = await stack.preview(() => {
      const a = new Thing("a");
      new Component("c", { id: a.id, hidden: pulumi.secret(a.id) });
      return { id: a.id, hidden: pulumi.secret(a.id) };
    });
    expect(preview.ok).toBe(true);
  });

  conformance("in a provider's configuration leaves its resources open", async ({ stack, world, expect }) => {
    const program = () => {
      const a = new Thing("a");
      new Thing("b", { x: 1 }, { provider: new Provider("p", { region: a.id }) });
    };
    expect((await stack.preview(program)).ok).toBe(true);
    expect((await stack.up(program)).ok).toBe(true);
    expect(world.ids()).toEqual(["a-1", "b-1"]);
    expect((await stack.up()).changes).toEqual({ same: 4 });
  });

  conformance("becomes an update in the preview of a change", async ({ stack, expect }) => {
    const program = (replaceKey: number) => () => {
      const a = new Thing("a", { replaceKey });
      new Thing("b", { from: a.id });
    };
    await stack.up(program(1));
    const preview = await stack.preview(program(2));
    expect(preview.changes).toEqual({ same: 1, replace: 1, update: 1 });
  });
});

describe("values", () => {
  conformance("of every kind come back as they were", async ({ stack, world, expect }) => {
    const inputs = {
      text: 'ä € 😀 \n\t"quoted"',
      empty: "",
      zero: 0,
      negative: -1.5,
      large: 2 ** 53,
      yes: true,
      no: false,
      nothing: null,
      list: [[], {}, [null]],
      map: { "a.b": 1, "c[0]": 2, 'd"e': 3 },
    };
    await stack.up(() => void new Thing("a", inputs));
    expect(world.get("a-1")?.inputs).toEqual(inputs);
    expect((await stack.resource("a"))?.inputs).toEqual(inputs);
    expect((await stack.up()).changes).toEqual({ same: 2 });
  });

  conformance(
    "at the edges of numbers are stored, and are no change afterwards",
    async ({ stack, expect }) => {
      const inputs = { zero: -0, list: [-0], tiny: 5e-324, huge: Number.MAX_VALUE };
      await stack.up(() => void new Thing("a", inputs));
      const stored = JSON.stringify((await stack.resource("a"))?.inputs);
      expect(stored).toBe('{"huge":1.7976931348623157e+308,"list":[0],"tiny":5e-324,"zero":0}');
      expect((await stack.up()).changes).toEqual({ same: 2 });
    },
    { recordsDiffer: "the CLI's events say -0, which JSON.stringify can't" },
  );

  conformance(
    "with half a character are stored, and are no change afterwards",
    async ({ stack, engine, expect }) => {
      await stack.up(() => void new Thing("a", { text: "a\ud800b" }));
      expect((await stack.resource("a"))?.inputs).toEqual({ text: engine === "embedded" ? "a\ud800b" : "ab" });
      expect((await stack.up()).changes).toEqual({ same: 2 });
      expect((await stack.up(() => void new Thing("a", { ["k\ud800"]: 1 }))).ok).toBe(engine === "embedded");
    },
    { recordsDiffer: "the CLI drops the half from what it stores, and fails where it is in a key: Go has no such text" },
  );

  conformance("that are undefined are left out of maps and null in lists", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { gone: undefined, list: [1, undefined], map: { x: undefined } }));
    expect(world.get("a-1")?.inputs).toEqual({ list: [1, null], map: {} });
  });

  conformance("that are promises and nested outputs are awaited", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { p: Promise.resolve(1), o: pulumi.output([pulumi.output(2), Promise.resolve(3)]) }));
    expect(world.get("a-1")?.inputs).toEqual({ p: 1, o: [2, 3] });
  });
});

describe("an asset", () => {
  conformance("is stored with its hash and is the same again", async ({ stack, expect }) => {
    const program = (text: string) => () => void new Thing("a", { file: new pulumi.asset.StringAsset(text) });
    await stack.up(program("hello"));
    const file = (await stack.resource("a"))?.inputs?.["file"] as Record<string, unknown>;
    expect(file["hash"]).toBe("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    expect((await stack.up()).changes).toEqual({ same: 2 });
    expect((await stack.up(program("other"))).changes).toEqual({ same: 1, update: 1 });
  });

  conformance("archive of assets is stored with its hash", async ({ stack, expect }) => {
    const program = (text: string) => () =>
      void new Thing("a", { files: new pulumi.asset.AssetArchive({ "x/y.txt": new pulumi.asset.StringAsset(text) }) });
    await stack.up(program("one"));
    expect((await stack.up()).changes).toEqual({ same: 2 });
    expect((await stack.up(program("two"))).changes).toEqual({ same: 1, update: 1 });
  });
});

describe("a resource as a value", () => {
  conformance("is stored as a reference", async ({ stack, expect }) => {
    await stack.up(() => {
      const a = new Thing("a");
      const component = new Component("c");
      new Thing("b", { custom: a, component });
    });
    expect((await stack.resource("b"))?.inputs).toMatchObject({
      custom: { urn: expect.stringMatching(/::a$/), id: "a-1" },
      component: { urn: expect.stringMatching(/::c$/) },
    });
    expect((await stack.up()).changes).toEqual({ same: 4 });
  });
});

describe("an invoke", () => {
  conformance("returns what the provider answers", async ({ stack, expect }) => {
    await stack.up(async () => {
      const answer = await pulumi.runtime.invoke("testing:index:echo", { x: [1, { y: "z" }] });
      return { x: answer.x };
    });
    expect(await stack.outputs()).toEqual({ x: { value: [1, { y: "z" }], secret: false } });
  });

  conformance("that the provider refuses fails the program", async ({ stack, expect }) => {
    const up = await stack.up(async () => {
      await pulumi.runtime.invoke("testing:index:echo", { invalid: "not so" });
    });
    expect(up.ok).toBe(false);
    expect(up.message).toContain("not so");
  });

  conformance("that fails fails the program", async ({ stack, world, expect }) => {
    world.misbehave({ op: "invoke", name: "echo", error: "unreachable" });
    const up = await stack.up(async () => {
      await pulumi.runtime.invoke("testing:index:echo", {});
    });
    expect(up.ok).toBe(false);
    expect(up.message).toContain("unreachable");
  });

  conformance("that depends on a resource waits for it", async ({ stack, expect }) => {
    const program = () => {
      const a = new Thing("a");
      const answer = pulumi.runtime.invokeOutput<{ x: number }>("testing:index:echo", { x: 1 }, { dependsOn: [a] });
      return { x: answer.apply((value) => value.x) };
    };
    expect((await stack.preview(program)).ok).toBe(true);
    await stack.up(program);
    expect(await stack.outputs()).toEqual({ x: { value: 1, secret: false } });
  });

  conformance("with a secret argument gives a secret result", async ({ stack, expect }) => {
    await stack.up(() => {
      const answer = pulumi.runtime.invokeOutput<{ x: string }>("testing:index:echo", { x: pulumi.secret("hush") });
      return { x: answer.apply((value) => value.x) };
    });
    expect(await stack.outputs()).toEqual({ x: { value: "hush", secret: true } });
  });
});

describe("custom timeouts", () => {
  conformance("are stored in seconds", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", {}, { customTimeouts: { create: "90s", update: "2m", delete: "1h" } }));
    expect(await stack.resource("a")).toMatchObject({ customTimeouts: { create: 90, update: 120, delete: 3600 } });
  });
});
