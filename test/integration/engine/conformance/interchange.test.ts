import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type Backend, ConformanceStack, openBackend } from "../../../support/engine/conformance.ts";
import { hasCli, needsCli } from "../../../support/engine/pulumi-cli.ts";
import { Component, Provider, Thing } from "../../../support/engine/test-resources.ts";
import { MemoryWorld } from "../../../support/engine/test-world.ts";

describe("a stack that moves between the engines", () => {
  needsCli();
  let embedded: Backend;
  let cli: Backend;
  beforeAll(async () => {
    if (hasCli) {
      [embedded, cli] = await Promise.all([openBackend("embedded"), openBackend("cli")]);
    }
  });
  afterAll(async () => {
    await Promise.all([embedded?.close(), cli?.close()]);
  });

  const program = (size: number) => () => {
    const provider = new Provider("p", { region: "north", token: pulumi.secret("hush") });
    const component = new Component("c", { x: [1, { y: pulumi.secret("hush") }] }, {}, { made: 1 });
    const a = new Thing("a", { size, hidden: pulumi.secret({ k: "hush" }) }, { parent: component, provider });
    const b = new Thing("b", { from: a.id, reference: a, owner: component }, { dependsOn: [a], deletedWith: a });
    new Thing("c", {
      file: new pulumi.asset.StringAsset("text"),
      files: new pulumi.asset.AssetArchive({ "x.txt": new pulumi.asset.StringAsset("x"), "y/z.txt": new pulumi.asset.StringAsset("z") }),
      folder: new pulumi.asset.FileArchive(import.meta.dirname),
      long: new pulumi.asset.AssetArchive({
        [`${"d".repeat(90)}/${"f".repeat(90)}`]: new pulumi.asset.StringAsset("x"),
        ä: new pulumi.asset.StringAsset("y"),
      }),
    });
    new Thing(
      "options",
      { x: 1 },
      {
        protect: true,
        retainOnDelete: true,
        ignoreChanges: ["y"],
        replaceOnChanges: ["z"],
        additionalSecretOutputs: ["revision"],
        customTimeouts: { create: "5m" },
        dependsOn: [b],
      },
    );
    return { id: a.id, hidden: pulumi.secret("hush"), size };
  };

  it("previews empty at each end: embedded, CLI, embedded", { timeout: 300_000 }, async ({ expect }) => {
    const world = new MemoryWorld();
    const here = await ConformanceStack.open(embedded, "moving", world);
    const there = await ConformanceStack.open(cli, "moving", world);
    try {
      expect((await here.up(program(1))).ok).toBe(true);
      await there.api.importStack(await here.api.exportStack());
      const arrived = await there.preview(program(1), { refresh: true });
      expect(arrived).toMatchObject({ ok: true, changes: { same: 7 } });
      expect(await there.outputs()).toEqual(await here.outputs());

      expect(await there.up(program(2))).toMatchObject({ ok: true, changes: { same: 6, update: 1 } });
      await here.api.importStack(await there.api.exportStack());
      const returned = await here.preview(program(2), { refresh: true });
      expect(returned).toMatchObject({ ok: true, changes: { same: 7 } });
      expect(await here.outputs()).toEqual(await there.outputs());
      expect(JSON.stringify(await here.api.getAllConfig())).toBe("{}");
    } finally {
      await here.close();
      await there.close();
    }
  });

  it("goes on at the other end with what waits for its deletion and what waits for its creation", { timeout: 300_000 }, async ({
    expect,
  }) => {
    const waiting = (replaceKey: number, dbrKey: number) => () => {
      const hook = new pulumi.ResourceHook("hook", async () => {});
      const going = new Thing("going", { replaceKey }, { hooks: { afterCreate: [hook] } });
      new Thing("coming", { dbrKey }, { dependsOn: [going] });
    };
    for (const [from, to, name] of [
      [embedded, cli, "there"],
      [cli, embedded, "back"],
    ] as const) {
      const world = new MemoryWorld();
      const start = await ConformanceStack.open(from, name, world);
      const end = await ConformanceStack.open(to, name, world);
      try {
        expect((await start.up(waiting(1, 1))).ok).toBe(true);
        world.misbehave({ op: "delete", name: "going", error: "in use" });
        expect((await start.up(waiting(2, 1))).ok).toBe(false);
        world.misbehave({ op: "create", name: "coming", error: "no room" });
        expect((await start.up(waiting(2, 2))).ok).toBe(false);
        await end.api.importStack(await start.api.exportStack());
        expect((await end.names()).sort()).toEqual(["coming", "going", "going (delete)"]);
        expect(await end.resource("coming")).toMatchObject({ pendingReplacement: true });
        expect((await end.up(waiting(2, 2))).ok).toBe(true);
        expect(world.ids()).toEqual(["coming-2", "going-2"]);
        expect((await end.up(waiting(2, 2))).changes).toEqual({ same: 3 });
      } finally {
        await start.close();
        await end.close();
      }
    }
  });

  it("keeps its sealed secrets when the passphrase is the same", { timeout: 300_000 }, async ({ expect }) => {
    const world = new MemoryWorld();
    const there = await ConformanceStack.open(cli, "sealed", world);
    const here = await ConformanceStack.open(embedded, "sealed", world);
    try {
      await there.up(() => ({ hidden: pulumi.secret("hush") }));
      const { pulumiCommand, workDir, envVars } = there.api.workspace as unknown as RunnableWorkspace;
      const { stdout } = await pulumiCommand.run(["stack", "export", "--stack", "sealed"], workDir, envVars);
      expect(stdout).not.toContain("hush");
      await here.api.importStack(JSON.parse(stdout));
      expect(await here.outputs()).toEqual({ hidden: { value: "hush", secret: true } });
    } finally {
      await here.close();
      await there.close();
    }
  });
});

interface RunnableWorkspace {
  readonly workDir: string;
  readonly envVars: Record<string, string>;
  readonly pulumiCommand: { run(args: string[], cwd: string, env: Record<string, string>): Promise<{ stdout: string }> };
}
