import * as pulumi from "@pulumi/pulumi";
import { describe, it } from "vitest";
import { diagnosticsOf, Group, stepsOf, Testing, Thing } from "../../../support/engine/inline-stack.ts";
import { useStacks } from "../../../support/engine/stacks.ts";

const { aStack, store } = useStacks();
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "[secret]" };

describe("preview", () => {
  it("writes nothing and makes nothing", async ({ expect }) => {
    const stack = await aStack();
    const preview = await stack.preview(async () => void new Thing("thing"));
    expect(preview.changes).toEqual({ create: 2 });
    expect(stack.world.ids()).toEqual([]);
    expect(await stack.resources()).toEqual([]);
    expect((await store().loadResources({ project: "proj", stack: stack.name })).serial).toBe(0);
  });

  it("shows as unknown what depends on a resource that is yet to be made", async ({ expect }) => {
    const stack = await aStack();
    const preview = await stack.preview(async () => {
      const first = new Thing("first", { value: "v" });
      new Thing("second", { above: first.id, known: first.value });
    });
    const second = preview.events.find((event) => event.resourcePreEvent?.metadata.urn.endsWith("::second"));
    expect(second?.resourcePreEvent?.metadata.new?.inputs).toEqual({ above: UNKNOWN, known: "v" });
  });

  it("takes the inputs for the outputs of a provider that can't preview", async ({ expect }) => {
    const stack = await aStack({ supportsPreview: false });
    const preview = await stack.preview(async () => {
      const thing = new Thing("thing", { value: "v" });
      return { value: thing.value };
    });
    expect(preview.changes).toEqual({ create: 2 });
    expect(stack.world.calls().some((call) => call.op === "create")).toBe(false);
  });

  it("assumes an update, and warns, where the provider's configuration is not known yet", async ({ expect }) => {
    const stack = await aStack();
    const program = (key: string) => async () => {
      const source = new Thing("source", { replaceKey: key });
      const provider = new Testing("explicit", { region: source.id });
      new Thing("thing", { value: "v" }, { provider });
    };
    await stack.up(program("1"));
    const preview = await stack.preview(program("2"));
    expect(preview.error).toBeUndefined();
    expect(stepsOf(preview)).toContain("update thing");
    expect(diagnosticsOf(preview, "warning")[0]).toMatch(/inputs that are not known during preview/);
  });

  it("shows replacements and their order without doing them", async ({ expect }) => {
    const stack = await aStack();
    const program = (key: string) => async () => {
      const root = new Thing("root", { dbrKey: key });
      new Thing("leaf", { replaceRoot: root.id });
    };
    await stack.up(program("1"));
    const preview = await stack.preview(program("2"));
    expect(preview.changes).toEqual({ same: 1, replace: 2 });
    expect(stepsOf(preview)).toEqual([
      "delete-replaced leaf",
      "delete-replaced root",
      "replace root",
      "create-replacement root",
      "replace leaf",
      "create-replacement leaf",
    ]);
    expect(stack.world.ids()).toEqual(["leaf-1", "root-1"]);
  });
});

describe("events", () => {
  it("begin with the prelude and end with summary and cancel, numbered without gaps", async ({ expect }) => {
    const stack = await aStack();
    await stack.stack.setConfig("proj:open", { value: "seen" });
    await stack.stack.setConfig("proj:hidden", { value: "hush", secret: true });
    const up = await stack.up(async () => void new Thing("thing"));
    expect(up.events[0]?.preludeEvent?.config).toEqual({ "proj:open": "seen", "proj:hidden": "[secret]" });
    expect(up.events.at(-2)?.summaryEvent).toMatchObject({
      maybeCorrupt: false,
      resourceChanges: { create: 2 },
      PolicyPacks: {},
      isPreview: false,
      result: "succeeded",
    });
    expect(up.events.at(-1)?.cancelEvent).toEqual({});
    expect(up.events.map((event) => event.sequence)).toEqual(up.events.map((_, index) => index));
  });

  it("tell a step's start before its end, a component's end at its outputs and the stack's at the end", async ({ expect }) => {
    const stack = await aStack();
    const up = await stack.up(async () => {
      const group = new Group("group");
      const thing = new Thing("thing", {}, { parent: group });
      group.finish({ id: thing.id });
      return { done: true };
    });
    const story = up.events.flatMap((event) => {
      const started = event.resourcePreEvent?.metadata;
      const ended = event.resOutputsEvent?.metadata;
      return started ? [`+${started.urn.split("::").at(-1)}`] : ended ? [`-${ended.urn.split("::").at(-1)}`] : [];
    });
    const root = `proj-${stack.name}`;
    expect(story).toEqual([`+${root}`, "+group", "+default", "-default", "+thing", "-thing", "-group", `-${root}`]);
  });

  it("carry a step's metadata as Pulumi does, secrets masked", async ({ expect }) => {
    const stack = await aStack();
    const program = (value: string) => async () =>
      void new Thing("thing", { value, token: pulumi.secret("hush"), file: new pulumi.asset.StringAsset("private") });
    await stack.up(program("1"));
    const up = await stack.up(program("2"));
    const pre = up.events.find((event) => event.resourcePreEvent?.metadata.op === "update")?.resourcePreEvent;
    const thing = await stack.resource("thing");
    expect(pre).toEqual({
      metadata: {
        op: "update",
        urn: thing.urn,
        type: "testing:index:Thing",
        old: {
          type: "testing:index:Thing",
          urn: thing.urn,
          custom: true,
          id: "thing-1",
          parent: thing.parent,
          inputs: { value: "1", token: secret, file: expect.objectContaining({ text: "<contents elided>" }) },
          outputs: expect.objectContaining({ value: "1", token: secret, revision: 1 }),
          provider: thing.provider,
        },
        new: expect.objectContaining({ id: "", inputs: expect.objectContaining({ value: "2", token: secret }), outputs: {} }),
        diffs: ["value"],
        detailedDiff: { value: { diffKind: "update", inputDiff: true } },
        logical: true,
        provider: thing.provider,
      },
    });
    expect(JSON.stringify(up.events)).not.toContain("hush");
    expect(JSON.stringify(up.events)).not.toContain("private");
  });

  it("pass on what the program logs", async ({ expect }) => {
    const stack = await aStack();
    const up = await stack.up(async () => {
      const thing = new Thing("thing");
      await pulumi.log.warn("careful", thing);
      await pulumi.log.info("for your information");
    });
    expect(diagnosticsOf(up, "warning")).toEqual(["careful"]);
    expect(diagnosticsOf(up, "info")).toContain("for your information");
    expect(diagnosticsOf(up, "debug").some((message) => message.startsWith("Registering resource: t="))).toBe(true);
  });

  it("leave out what their consumer does not want, and say everything else of the operation", async ({ expect }) => {
    const stack = await aStack({ shown: (event) => ("resOutputsEvent" in event ? undefined : event) });
    const up = await stack.up(async () => {
      const thing = new Thing("thing");
      await pulumi.log.warn("careful", thing);
    });
    expect(up.events.filter((event) => event.resOutputsEvent)).toEqual([]);
    expect(up.events.filter((event) => event.resourcePreEvent).length).toBeGreaterThan(0);
    expect(diagnosticsOf(up, "warning")).toEqual(["careful"]);
    expect(up.changes).toMatchObject({ create: 2 });
  });

  it("tell a vague provider's difference by the engine's own comparison", async ({ expect }) => {
    const stack = await aStack();
    const program = (list: string[], extra: object) => async () =>
      void new Thing("thing", { list, nested: { same: 1, ...extra } }, {}, "testing:index:Vague");
    await stack.up(program(["a", "b"], { gone: 1 }));
    const up = await stack.up(program(["a", "c", "d"], { "new-key": 1 }));
    const pre = up.events.find((event) => event.resourcePreEvent?.metadata.op === "update")?.resourcePreEvent;
    expect(pre?.metadata.diffs).toEqual(["list", "nested"]);
    expect(pre?.metadata.detailedDiff).toEqual({
      "list[1]": { diffKind: "update", inputDiff: true },
      "list[2]": { diffKind: "add", inputDiff: true },
      "nested.gone": { diffKind: "delete", inputDiff: true },
      'nested["new-key"]': { diffKind: "add", inputDiff: true },
    });
  });
});

describe("secrets", () => {
  it("are ciphertext in the store, and unchanged ones stay as they were written", async ({ expect }) => {
    const stack = await aStack();
    const program = (value: string) => async () => {
      new Thing("thing", { value, token: pulumi.secret("hush"), nested: [{ deep: pulumi.secret({ a: [1] }) }] });
      return { token: pulumi.secret("hush") };
    };
    await stack.up(program("1"));
    const load = async () =>
      (await store().loadResources({ project: "proj", stack: stack.name })).resources.find(({ state }) => state.urn.endsWith("::thing"))
        ?.state;
    const before = await load();
    expect(JSON.stringify(before)).not.toContain("hush");
    expect((await stack.up(program("1"))).changes).toEqual({ same: 2 });
    expect(await load()).toEqual(before);
    await stack.up(program("2"));
    const after = await load();
    expect(after?.inputs?.["value"]).toBe("2");
    expect(JSON.stringify(after)).not.toContain("hush");
    expect((await stack.resource("thing")).inputs?.["nested"]).toMatchObject([{ deep: { plaintext: '{"a":[1]}' } }]);
    expect((await stack.stack.outputs())["token"]).toEqual({ value: "hush", secret: true });
  });

  it("of the configuration reach the program as secrets", async ({ expect }) => {
    const stack = await aStack();
    await stack.stack.setConfig("hidden", { value: "hush", secret: true });
    const up = await stack.up(async () => {
      const config = new pulumi.Config();
      new Thing("thing", { token: config.requireSecret("hidden") });
      return { token: config.requireSecret("hidden") };
    });
    expect(up.error).toBeUndefined();
    expect((await stack.stack.outputs())["token"]).toEqual({ value: "hush", secret: true });
    expect(JSON.stringify(up.events)).not.toContain("hush");
  });

  it("survive unusual values", async ({ expect }) => {
    const stack = await aStack();
    const value = { "": "empty", nothing: null, zero: 0, text: "ümläut \u0000 \ud83d\ude00", list: [[], {}, [null]], big: 2 ** 53 };
    const program = async () => {
      new Thing(
        "thing",
        { value, hidden: pulumi.secret(value), not: Number.NaN, far: Number.POSITIVE_INFINITY },
        {},
        "testing:index:Vague",
      );
    };
    expect((await stack.up(program)).error).toBeUndefined();
    expect((await stack.up(program)).changes).toEqual({ same: 2 });
    expect((await stack.resource("thing")).inputs?.["value"]).toEqual(value);
  });
});
