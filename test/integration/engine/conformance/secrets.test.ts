import * as pulumi from "@pulumi/pulumi";
import { describe } from "vitest";
import type { PropertyMap } from "../../../../adapters/engine/contract/values.ts";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Plain, Provider, Thing, Vague } from "../../../support/engine/test-resources.ts";
import type { MemoryWorld } from "../../../support/engine/test-world.ts";

const conformance = conformanceSuite();
const { secret } = pulumi;
const { AssetArchive, StringAsset } = pulumi.asset;

const SIG = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** A resource of the provider that takes no secrets. */
const open = (name: string, args: object, options: pulumi.CustomResourceOptions = {}) =>
  new Thing(name, args as Record<string, unknown>, options, "plain:index:Thing");
const sealed = (value: unknown) => ({ [SIG]: SECRET, plaintext: JSON.stringify(value) });

function change(world: MemoryWorld, id: string, inputs: PropertyMap): void {
  world.set(id, { type: world.get(id)?.type ?? "", inputs, outputs: { ...inputs, revision: 5, more: "x" } });
}

describe("a provider that takes no secrets", () => {
  conformance(
    "gets them plain, and what it answers is secret where they were, a list with one as a whole",
    async ({ stack, world, expect }) => {
      const program =
        (text: string, more = {}) =>
        () =>
          void open("a", {
            top: secret(text),
            map: { x: secret(text), y: 1, ...more },
            list: [secret(text), 2],
            all: secret({ deep: text }),
          });
      await stack.up(program("one"));
      expect(world.get("a-1")?.inputs).toEqual({ top: "one", map: { x: "one", y: 1 }, list: ["one", 2], all: { deep: "one" } });
      expect(await stack.resource("a")).toMatchObject({
        inputs: { top: sealed("one"), map: { x: sealed("one"), y: 1 }, list: sealed(["one", 2]), all: sealed({ deep: "one" }) },
        outputs: { top: sealed("one"), map: { x: sealed("one"), y: 1 }, list: sealed(["one", 2]), all: sealed({ deep: "one" }) },
      });
      expect((await stack.up(program("one"))).changes).toEqual({ same: 2 });
      await stack.up(program("two", { z: secret("new") }));
      expect((await stack.resource("a"))?.outputs).toMatchObject({ map: { z: sealed("new") } });
    },
  );

  conformance("that fails halfway leaves them secret, new ones too", async ({ stack, world, expect }) => {
    world.misbehave({ op: "create", name: "a", partial: ["not ready"] });
    await stack.up(() => void open("a", { top: secret("one"), map: { x: secret("one") } }));
    world.misbehave({ op: "update", name: "a", partial: ["not ready"] });
    await stack.up(() => void open("a", { top: secret("two"), map: { x: secret("two"), y: secret("new") }, n: secret("new") }));
    expect((await stack.resource("a"))?.outputs).toMatchObject({ n: sealed("new"), map: { y: sealed("new") } });
    world.misbehave({ op: "read", name: "a", partial: ["not ready"] });
    await stack.refresh();
    expect((await stack.resource("a"))?.outputs).toMatchObject({ n: sealed("new") });
    await stack.up();
  });

  conformance("that answers in another shape is secret as a whole there", async ({ stack, world, expect }) => {
    await stack.up(() => void open("a", { top: secret("one"), map: { x: secret("one") }, list: [secret("one")] }));
    change(world, "a-1", { top: "other", map: { x: "other", y: 1 }, list: ["more", "one"] });
    await stack.refresh();
    expect((await stack.resource("a"))?.inputs).toEqual({
      top: sealed("other"),
      map: { x: sealed("other"), y: 1 },
      list: sealed(["more", "one"]),
    });
    change(world, "a-1", { top: { a: 1 }, map: ["other"], list: "text" });
    await stack.refresh();
    expect((await stack.resource("a"))?.inputs).toEqual({ top: sealed({ a: 1 }), map: sealed(["other"]), list: sealed("text") });
    await stack.up();
  });

  conformance("is read with them, and gets secret assets and references plain", async ({ stack, world, expect }) => {
    world.set("theirs", { type: "plain:index:Thing", inputs: { x: 1 }, outputs: { x: 1, m: { y: 1 }, revision: 3 } });
    const program = (text: string) => () => {
      open("read", { x: secret(1), m: { y: secret(2) } }, { id: "theirs" });
      const a = new Thing("a");
      open("b", { text: secret(new StringAsset(text)), list: [secret(new StringAsset("x"))], reference: secret(a) });
    };
    await stack.up(program("one"));
    await stack.up(program("two"));
    expect(world.get("b-1")?.inputs).toMatchObject({ text: { text: "two" }, reference: { id: "a-1" } });
  });

  conformance("makes what a function answers secret when its arguments are", async ({ stack, expect }) => {
    await stack.up(() => ({ made: pulumi.runtime.invokeOutput("plain:index:echo", { x: secret("hush"), y: 1 }) }));
    expect((await stack.outputs())["made"]?.secret).toBe(true);
  });
});

describe("a value that stops being secret", () => {
  const program = (mark: (text: string) => unknown) => () => {
    new Thing("a", { top: mark("x"), map: { x: mark("y") } });
    new Plain("b", { top: mark("x") });
    new Vague("c", { top: mark("x"), map: { x: mark("y") } });
    open("d", { top: mark("x"), map: { x: mark("y") } });
    new Component("e", { top: mark("x") }, {}, { made: mark("x") });
    new Thing("f", { x: 1 }, { provider: new Provider("p", { region: mark("north"), deep: mark("z") }) });
    open("g", { x: 1 }, { provider: new Provider("q", { region: mark("north"), deep: { x: mark("z") } }, {}, "plain") });
    return { made: mark("x"), deep: [1, { x: mark("y") }] };
  };
  conformance("and becomes one again is stored as it is said to be", async ({ stack, expect }) => {
    const plain = (text: string) => text;
    await stack.up(program(secret));
    await stack.preview(program(plain));
    await stack.up(program(plain));
    expect((await stack.resource("a"))?.inputs).toEqual({ top: "x", map: { x: "y" } });
    expect((await stack.resource("p"))?.inputs).toEqual({ region: "north", deep: "z" });
    expect(await stack.outputs()).toMatchObject({ made: { secret: false }, deep: { secret: false } });
    await stack.up(program(secret));
    expect((await stack.resource("a"))?.inputs).toMatchObject({ top: sealed("x") });
  });
});

describe("additionalSecretOutputs", () => {
  const named = ["map.x", "list[0]", "missing", "id", "map", "constructor"];
  conformance("name whole outputs: what is missing or nested means nothing, and an ID can't be secret", async ({ stack, expect }) => {
    const program = (additionalSecretOutputs: string[]) => () =>
      void new Thing("a", { map: { x: 1 }, list: [1] }, { additionalSecretOutputs });
    const up = await stack.up(program(named));
    expect(up.diagnostics).toEqual([expect.stringContaining("The 'id' property cannot be made secret")]);
    expect((await stack.resource("a"))?.outputs).toEqual({ map: sealed({ x: 1 }), list: [1], revision: 1 });
    expect((await stack.up(program(named))).changes).toEqual({ same: 2 });
    await stack.up(program([]));
    await stack.up(program(["list"]));
    expect((await stack.resource("a"))?.outputs).toMatchObject({ list: sealed([1]) });
  });

  conformance("are kept of what was read and imported, and of providers", async ({ stack, world, expect }) => {
    for (const id of ["theirs", "ours"]) {
      world.set(id, { type: "testing:index:Thing", inputs: { x: 1, map: { y: 1 } }, outputs: { x: 1, map: { y: 1 }, revision: 3 } });
    }
    const additionalSecretOutputs = ["map", "revision", "missing", "id", "region"];
    const program = () => {
      const read = new Thing("read", { x: secret("hush") }, { id: "theirs", additionalSecretOutputs });
      new Thing("imported", { x: 1, map: { y: 1 } }, { import: "ours", additionalSecretOutputs });
      new Provider("p", { region: "north" }, { additionalSecretOutputs } as object);
      return { revision: read.revision };
    };
    await stack.up(program);
    await stack.up(program);
    await stack.refresh();
    expect((await stack.resource("read"))?.outputs).toMatchObject({ map: sealed({ y: 1 }), revision: sealed(3) });
    expect((await stack.outputs())["revision"]?.secret).toBe(true);
  });
});

describe("a secret", () => {
  conformance("asset, archive or reference is one in the state", async ({ stack, expect }) => {
    const program = (text: string) => () => {
      const a = new Thing("a");
      new Thing("b", { reference: secret(a), list: [secret(a.id), a.urn] });
      new Thing("c", {
        text: secret(new StringAsset("hush")),
        files: new AssetArchive({ x: new StringAsset(text) }),
        hidden: secret(new AssetArchive({ x: new StringAsset("hush") })),
      });
    };
    await stack.up(program("one"));
    expect((await stack.up(program("two"))).changes).toEqual({ same: 3, update: 1 });
    expect((await stack.resource("c"))?.inputs?.["hidden"]).toHaveProperty("plaintext");
  });

  conformance("that is nothing, empty or within another is kept", async ({ stack, expect }) => {
    const program = () => {
      const n = {
        nothing: secret(null),
        list: secret([]),
        inList: [secret(null)],
        empty: secret(""),
        deep: secret({ x: secret("a"), y: secret(secret("b")) }),
      };
      new Thing("a", n);
      return n;
    };
    await stack.up(program);
    expect((await stack.up(program)).changes).toEqual({ same: 2 });
    stack.record.push(await stack.outputs());
  });

  conformance(
    "trigger replaces when its value changes, wherever in it the secret is",
    async ({ stack, expect }) => {
      const program = (replacementTrigger: unknown) => () => void new Thing("a", {}, { replacementTrigger } as object);
      await stack.up(program(secret("one")));
      expect((await stack.up(program("one"))).changes).toEqual({ same: 2 });
      expect((await stack.up(program(secret("two")))).changes).toEqual({ same: 1, replace: 1 });
      expect((await stack.up(program({ x: secret(1), y: [1] }))).changes).toEqual({ same: 1, replace: 1 });
      expect((await stack.up(program({ x: 1, y: [1] }))).changes).toEqual({ same: 2 });
      expect((await stack.up(program({ x: secret(1), y: [2] }))).changes).toEqual({ same: 1, replace: 1 });
    },
    { embeddedOnly: "the CLI compares stored triggers before their secrets are opened, as if they were nothing" },
  );

  conformance("trigger that is not known yet replaces in a preview", async ({ stack, expect }) => {
    const program = (more: boolean) => () => {
      const c = more ? new Thing("c") : undefined;
      new Thing("a", {}, { replacementTrigger: c ? { x: [c.id] } : "none" } as object);
    };
    await stack.up(program(false));
    expect((await stack.preview(program(true))).changes).toEqual({ same: 1, create: 1, replace: 1 });
    expect((await stack.up(program(true))).changes).toEqual({ same: 1, create: 1, replace: 1 });
    expect((await stack.up(program(true))).changes).toEqual({ same: 3 });
  });
});

describe("a secret of the stack's config", () => {
  conformance("is shown nowhere in the events, though the program takes it for a text", async ({ stack, engine, expect }) => {
    await stack.api.setConfig("hidden", { value: "hush-hush", secret: true });
    const up = await stack.up(() => {
      const hidden = new pulumi.Config().get("hidden");
      new Thing("a", { hidden, text: `with ${hidden}`, map: { list: [hidden] } });
      return { hidden };
    });
    // The real CLI passes the SDK's debug messages on, and they hold secrets.
    if (engine === "embedded") {
      expect(JSON.stringify(up.events)).not.toContain("hush-hush");
    }
    expect(stack.world.get("a-1")?.inputs["text"]).toBe("with hush-hush");
  });
});

describe("what looks like Pulumi's own forms", () => {
  const text = JSON.stringify({ [SIG]: SECRET, ciphertext: "abc" });

  conformance("in a text is a text", async ({ stack, expect }) => {
    const program = () => {
      new Thing("a", { text, hidden: secret(text), shown: "[secret]", secure: { secure: "abc" } });
      return { text, hidden: secret(text), plaintext: { plaintext: "x" }, secure: { secure: "abc" } };
    };
    await stack.up(program);
    expect(await stack.outputs()).toEqual({
      text: { value: text, secret: false },
      hidden: { value: text, secret: true },
      plaintext: { value: { plaintext: "x" }, secret: false },
      secure: { value: { secure: "abc" }, secret: false },
    });
    expect((await stack.up(program)).changes).toEqual({ same: 2 });
  });

  conformance("and is one is taken as that", async ({ stack, expect }) => {
    const program = (value: string) => () => void new Thing("a", { x: { [SIG]: SECRET, value } });
    await stack.up(program("one"));
    expect(await stack.resource("a")).toMatchObject({ inputs: { x: sealed("one") } });
    expect((await stack.up(program("two"))).changes).toEqual({ same: 1, update: 1 });
  });

  const unlike: Readonly<Record<string, { value: object; says: string }>> = {
    "a secret's ciphertext": { value: { [SIG]: SECRET, ciphertext: "abc" }, says: 'malformed RPC secret: missing value for "x"' },
    "an unknown form": { value: { [SIG]: "other" }, says: `unrecognized signature 'other' in property map for "x"` },
    "a number for a form": { value: { [SIG]: 5 }, says: `unrecognized signature '5' in property map for "x"` },
    "an asset without its text": {
      value: { [SIG]: "c44067f5952c0a294b673a41bacd8c17", text: 5 },
      says: "unexpected asset text of type float64",
    },
    "a reference to nothing": {
      value: { [SIG]: "5cf8f73096256a8f31e491e813e4eb8e", id: "x" },
      says: 'malformed resource reference for "x": missing urn',
    },
  };
  for (const [what, { value, says }] of Object.entries(unlike)) {
    conformance(
      `but is ${what} is refused with the property's name`,
      async ({ stack, expect }) => {
        for (const x of [value, [value]]) {
          expect((await stack.up(() => void new Thing("a", { x }))).message).toContain(says);
        }
        const hidden = await stack.up(() => void new Thing("a", { x: secret(value) }));
        expect(hidden.message).toContain(says.replace('"x"', '"value"'));
        expect(await stack.names()).toEqual([]);
      },
      { embeddedOnly: "the CLI says so to the program, which then waits for ever" },
    );
  }

  const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
  conformance("of what is not known is left out of an update", async ({ stack, expect }) => {
    const program = () => {
      new Thing("a", { x: unknown, list: [unknown, 1], map: { x: unknown, y: 1 } });
      new Component("c", { x: unknown });
      return { x: unknown, y: 1 };
    };
    expect((await stack.up(program)).ok).toBe(true);
    expect(stack.world.get("a-1")?.inputs).toEqual({ list: [1], map: { y: 1 } });
    expect((await stack.up(program)).ok).toBe(true);
  });
});
