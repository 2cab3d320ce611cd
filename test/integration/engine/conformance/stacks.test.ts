// One file, though a long one: what a stack is beside its resources, told in one suite that runs on both engines.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { LocalWorkspace } from "@pulumi/pulumi/automation/index.js";
import { describe } from "vitest";
import { type ConformanceStack, conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();

describe("a stack", () => {
  conformance("that exists can't be created again", async ({ stack, expect }) => {
    await expect(stack.api.workspace.createStack(stack.name)).rejects.toMatchObject({ name: "StackAlreadyExistsError" });
  });

  conformance("that does not exist can't be selected", async ({ stack, expect }) => {
    await expect(stack.api.workspace.selectStack("nowhere")).rejects.toMatchObject({ name: "StackNotFoundError" });
    await expect(stack.api.workspace.selectStack(stack.name)).resolves.toBeUndefined();
  });

  conformance("is listed with its resources", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a"));
    const listed = await stack.api.workspace.listStacks();
    expect(listed.find((each) => each.name === stack.name)).toMatchObject({ resourceCount: 3, lastUpdate: expect.any(String) });
  });

  conformance("with resources is not removed, unless by force", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a"));
    await expect(stack.api.workspace.removeStack(stack.name)).rejects.toThrow("still has resources; removal rejected");
    await stack.api.workspace.removeStack(stack.name, { force: true });
    await expect(stack.api.workspace.selectStack(stack.name)).rejects.toMatchObject({ name: "StackNotFoundError" });
  });

  conformance("that was emptied is removed", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a"));
    await stack.destroy();
    await stack.api.workspace.removeStack(stack.name);
    const listed = await stack.api.workspace.listStacks();
    expect(listed.some((each) => each.name === stack.name)).toBe(false);
  });

  conformance(
    "keeps its resources under a new name",
    async ({ stack, expect }) => {
      await stack.up(() => {
        const component = new Component("c");
        const a = new Thing("a", {}, { parent: component });
        new Thing("b", { from: a.id, self: a }, { deletedWith: a });
      });
      const to = `${stack.name}-renamed`;
      await stack.asking(() => stack.api.rename({ stackName: to }));
      const exported = await stack.api.exportStack();
      const text = JSON.stringify(exported.deployment.resources);
      expect(text).toContain(`urn:pulumi:${to}::`);
      expect(text).not.toContain(`urn:pulumi:${stack.name}::`);
    },
    { recordsDiffer: "nothing is deployed under the new name" },
  );

  conformance("has tags", async ({ stack, expect }) => {
    await stack.api.setTag("owner", "team a");
    expect(await stack.api.getTag("owner")).toBe("team a");
    expect(await stack.api.listTags()).toMatchObject({ owner: "team a" });
    await stack.api.removeTag("owner");
    await expect(stack.api.getTag("owner")).rejects.toThrow("stack tag 'owner' not found");
  });

  conformance("that is busy refuses a second operation", async ({ stack, expect }) => {
    const letGo = stack.world.hold("a");
    const slow = stack.up(() => void new Thing("a"));
    await waitUntil(() => isCalled(stack, "create"));
    const refusal = await stack.api.destroy().catch((error: unknown) => error);
    letGo();
    expect(refusal).toMatchObject({ name: "ConcurrentUpdateError" });
    expect((await slow).ok).toBe(true);
  });

  conformance("that is busy can be previewed and exported beside", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("z"));
    const letGo = stack.world.hold("a");
    const slow = stack.up(() => {
      new Thing("z");
      new Thing("a");
    });
    await waitUntil(() => isCalled(stack, "create", "a"));
    expect((await stack.previewDestroy()).changes).toEqual({ delete: 2 });
    expect(JSON.stringify(await stack.api.exportStack())).toContain("::z");
    letGo();
    expect((await slow).ok).toBe(true);
    expect((await stack.names()).sort()).toEqual(["a", "z"]);
  });

  conformance(
    "that is busy can be cancelled",
    async ({ stack, expect }) => {
      const letGo = stack.world.hold("a");
      const slow = stack.up(() => {
        const a = new Thing("a");
        new Thing("b", { from: a.id });
      });
      await waitUntil(() => isCalled(stack, "create"));
      const cancelled = stack.api.cancel();
      await waitUntil(() => isCalled(stack, "cancel"));
      letGo();
      await cancelled;
      const up = await slow;
      expect(up).toMatchObject({ ok: false, exitCode: 8 });
      expect(await stack.names()).toEqual(["a"]);
      expect((await stack.up()).ok).toBe(true);
    },
    { embeddedOnly: "the CLI's cancel removes the lock and stops nothing" },
  );

  conformance("that is not busy can be cancelled too", async ({ stack, expect }) => {
    await expect(stack.api.cancel()).resolves.toBeUndefined();
  });

  conformance(
    "stops when its caller aborts, and finishes what it had begun",
    async ({ stack, expect }) => {
      const controller = new AbortController();
      const letGo = stack.world.hold("a");
      const slow = stack.up(
        () => {
          const a = new Thing("a");
          new Thing("b", { from: a.id });
        },
        { signal: controller.signal },
      );
      await waitUntil(() => isCalled(stack, "create"));
      controller.abort();
      await waitUntil(() => isCalled(stack, "cancel"));
      letGo();
      expect((await slow).ok).toBe(false);
      expect(stack.world.ids()).toEqual(["a-1"]);
      expect((await stack.up()).ok).toBe(true);
      expect(stack.world.ids()).toEqual(["a-1", "b-1"]);
    },
    { recordsDiffer: "how far the program gets is a matter of time" },
  );
});

describe("config", () => {
  conformance("comes back as it was set", async ({ stack, expect }) => {
    const { api } = stack;
    await api.setConfig("plain", { value: "-x y z" });
    await api.setConfig("hidden", { value: "hush", secret: true });
    await api.setConfig("other:key", { value: "8080" });
    expect(await api.getConfig("plain")).toEqual({ value: "-x y z", secret: false });
    expect(await api.getConfig("hidden")).toEqual({ value: "hush", secret: true });
    expect(await api.getAllConfig()).toEqual({
      "conf:plain": { value: "-x y z", secret: false },
      "conf:hidden": { value: "hush", secret: true },
      "other:key": { value: "8080", secret: false },
    });
    await expect(api.getConfig("missing")).rejects.toThrow("configuration key 'missing' not found");
    await api.removeConfig("plain");
    await api.removeAllConfig(["hidden", "other:key"]);
    expect(await api.getAllConfig()).toEqual({});
  });

  conformance("reaches into maps and lists", async ({ stack, expect }) => {
    const { api } = stack;
    await api.setAllConfig(
      {
        "outer.inner": { value: "text" },
        "outer.list[0]": { value: "5" },
        "outer.list[1]": { value: "true" },
        'outer["odd.key"]': { value: "007" },
        "outer.hidden": { value: "hush", secret: true },
      },
      true,
    );
    expect(JSON.parse((await api.getConfig("outer")).value)).toEqual({
      inner: "text",
      list: [5, true],
      "odd.key": "007",
      hidden: "hush",
    });
    expect(await api.getConfig("outer.list[0]", true)).toMatchObject({ value: "5" });
    expect((await api.getConfig("outer")).secret).toBe(true);
    await api.removeConfig("outer.hidden", true);
    expect((await api.getConfig("outer")).secret).toBe(false);
    await stack.up(() => ({ list: new pulumi.Config().requireObject<{ list: unknown }>("outer").list }));
    expect(await stack.outputs()).toEqual({ list: { value: [5, true], secret: false } });
  });

  conformance("takes a path into a list that is not there yet, and refuses one before or beyond it", async ({ stack, expect }) => {
    const { api } = stack;
    await expect(api.setConfig("list[-1]", { value: "1" }, true)).rejects.toThrow("array index out of range");
    await api.setConfig("list[2]", { value: "1" }, true);
    expect(JSON.parse((await api.getConfig("list")).value)).toEqual([null, null, 1]);
    await expect(api.setConfig("list[4]", { value: "1" }, true)).rejects.toThrow("array index out of range");
    await expect(api.setConfig("map.secure", { value: "x" }, true)).rejects.toThrow('maps with the single key "secure" are reserved');
    await api.setConfig("map.constructor", { value: "1" }, true);
    expect(JSON.parse((await api.getConfig("map")).value)).toEqual({ constructor: 1 });
  });

  conformance("is set from JSON", async ({ stack, expect }) => {
    await stack.api.setAllConfigJson(
      JSON.stringify({
        "conf:plain": { value: "1", secret: false },
        "conf:hidden": { value: "hush", secret: true },
        "conf:object": { value: '{"a":1}', objectValue: { a: 1 }, secret: false },
      }),
    );
    const config = await stack.api.getAllConfig();
    expect(config["conf:hidden"]).toEqual({ value: "hush", secret: true });
    expect(config["conf:object"]).toMatchObject({ value: '{"a":1}' });
  });

  conformance("of the last update can be set again", async ({ stack, expect }) => {
    await expect(stack.api.refreshConfig()).rejects.toThrow("no previous deployment");
    await stack.api.setAllConfig({ kept: { value: "1" }, hidden: { value: "hush", secret: true } });
    await stack.up(() => undefined);
    await stack.api.setAllConfig({ kept: { value: "2" }, more: { value: "3" } });
    expect(await stack.api.refreshConfig()).toEqual({
      "conf:kept": { value: "1", secret: false },
      "conf:hidden": { value: "hush", secret: true },
    });
  });

  conformance("in a stack's settings file reaches the program", async ({ stack, expect }) => {
    const file = join(stack.api.workspace.workDir, `Pulumi.${stack.name}.yaml`);
    const settings = await stack.api.workspace.stackSettings(stack.name).catch(() => ({}));
    writeFileSync(file, JSON.stringify({ ...renamed(settings), config: { "conf:fromFile": "yes" } }));
    await stack.up(() => ({ fromFile: new pulumi.Config().get("fromFile") }));
    expect(await stack.outputs()).toEqual({ fromFile: { value: "yes", secret: false } });
  });
});

describe("history", () => {
  conformance("tells what was done, newest first", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a"), { message: "first" });
    stack.world.misbehave({ op: "create", name: "b", error: "no room" });
    await stack.up(() => {
      new Thing("b", {}, { dependsOn: [new Thing("a")] });
    });
    await stack.destroy();
    const entries = await stack.asking(() => stack.api.history());
    expect(entries.map(({ kind, result }) => `${kind} ${result}`)).toEqual(["destroy succeeded", "update failed", "update succeeded"]);
    expect(entries[2]).toMatchObject({ message: "first", resourceChanges: { create: 2 } });
    const [latest] = await stack.asking(() => stack.api.history(1, 1));
    expect(latest?.kind).toBe("destroy");
    expect(latest?.startTime).toBeInstanceOf(Date);
  });

  conformance("keeps secret config secret", async ({ stack, expect }) => {
    await stack.api.setConfig("hidden", { value: "hush", secret: true });
    await stack.up(() => undefined);
    const [entry] = await stack.asking(() => stack.api.history(1, 1, false));
    expect(JSON.stringify(entry)).not.toContain("hush");
    const [shown] = await stack.asking(() => stack.api.history(1, 1));
    expect(shown?.config["conf:hidden"]).toMatchObject({ value: "hush", secret: true });
  });
});

describe("an exported stack", () => {
  conformance(
    "can be imported again and is the same",
    async ({ stack, expect }) => {
      const program = () => {
        const component = new Component("c", { hidden: pulumi.secret("hush") });
        const a = new Thing("a", { size: 1, hidden: pulumi.secret({ k: ["hush"] }) }, { parent: component, protect: true });
        new Thing("b", { from: a.id });
        return { hidden: pulumi.secret("hush") };
      };
      await stack.up(program);
      const exported = await stack.api.exportStack();
      expect(JSON.stringify(exported)).toContain("plaintext");
      await stack.up(() => void new Thing("more"));
      await stack.api.importStack(exported);
      expect((await stack.preview(program)).changes).toEqual({ same: 4 });
      expect((await stack.outputs())["hidden"]).toEqual({ value: "hush", secret: true });
    },
    { recordsDiffer: "the step between is only there to change something" },
  );

  conformance("of another name is refused", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a"));
    const exported = await stack.api.exportStack();
    const other = await stack.another("other");
    await expect(other.api.importStack(exported)).rejects.toThrow(`is from a different stack (${stack.name} != ${other.name})`);
  });

  conformance("that was tampered with is refused", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a"));
    const exported = await stack.api.exportStack();
    const { manifest, resources } = exported.deployment;
    const wrongMagic = { ...exported, deployment: { ...exported.deployment, manifest: { ...manifest, magic: "0" } } };
    await expect(stack.api.importStack(wrongMagic)).rejects.toThrow("magic cookie mismatch");
    const wrongOrder = { ...exported, deployment: { ...exported.deployment, resources: resources.toReversed() } };
    await expect(stack.api.importStack(wrongOrder)).rejects.toThrow();
    expect((await stack.preview()).changes).toEqual({ same: 2 });
  });

  conformance("of an empty stack can be imported", async ({ stack, expect }) => {
    await stack.api.importStack(await stack.api.exportStack());
    expect((await stack.up(() => undefined)).ok).toBe(true);
  });
});

describe("a bulk import", () => {
  conformance(
    "takes over resources without a program",
    async ({ stack, world, expect }) => {
      for (const id of ["one", "two"]) {
        world.set(id, { type: "testing:index:Thing", inputs: { size: 1 }, outputs: { size: 1 } });
      }
      await stack.asking(() =>
        stack.api.import({
          generateCode: false,
          protect: false,
          resources: [
            { type: "testing:index:Thing", name: "a", id: "one" },
            { type: "testing:index:Thing", name: "b", id: "two" },
          ],
        }),
      );
      expect((await stack.names()).sort()).toEqual(["a", "b"]);
      const up = await stack.up(() => {
        new Thing("a", { size: 1 });
        new Thing("b", { size: 1 });
      });
      expect(up).toMatchObject({ ok: true, changes: { same: 3 } });
      expect(world.ids()).toEqual(["one", "two"]);
    },
    { cliNeeds: "pulumi-language-nodejs" },
  );

  const there = ({ world }: ConformanceStack, ...ids: string[]) => {
    for (const id of ids) {
      world.set(id, { type: "testing:index:Thing", inputs: { size: 1 }, outputs: { size: 1 } });
    }
  };
  type Resources = Parameters<ConformanceStack["api"]["import"]>[0]["resources"];
  const importing = (stack: ConformanceStack, resources: NonNullable<Resources>, nameTable: Record<string, string> = {}) =>
    stack.asking(() => stack.api.import({ generateCode: false, protect: false, resources, nameTable }));
  const thing = "testing:index:Thing";

  conformance(
    "makes components and takes over what is in them, in whatever order they are named",
    async ({ stack, expect }) => {
      there(stack, "one", "two", "three");
      await importing(stack, [
        { type: thing, name: "inner", id: "one", parent: "other", logicalName: "a" },
        { type: thing, name: "b", id: "two", parent: "inner", properties: ["size"] },
        { type: "test:index:Component", name: "other", component: true, logicalName: "c" },
        { type: thing, logicalName: "d", id: "three" } as never,
      ]);
      expect((await stack.names()).sort()).toEqual(["a", "b", "c", "d"]);
      stack.record.push((await stack.resources()).map(({ urn, custom, type }) => [urn, custom, type]).sort());
      const up = await stack.up(() => {
        const a = new Thing("a", { size: 1 }, { parent: new Component("c") });
        new Thing("b", { size: 1 }, { parent: a });
        new Thing("d", { size: 1 });
      });
      expect(up).toMatchObject({ ok: true, changes: { same: 5 } });
    },
    { cliNeeds: "pulumi-language-nodejs" },
  );

  conformance(
    "reads with the version of the provider that is asked for",
    async ({ stack, expect }) => {
      there(stack, "one");
      await importing(stack, [{ type: thing, name: "a", id: "one", version: "1.0.0" }]);
      expect((await stack.resource("a"))?.provider).toContain("default_1_0_0");
    },
    { cliNeeds: "pulumi-language-nodejs" },
  );

  conformance(
    "names the resource of its file with which something is wrong",
    async ({ stack, expect }) => {
      there(stack, "one");
      const wrong: readonly [resource: object, says: string][] = [
        [{ type: thing, name: "a" }, `resource 'a' of type '${thing}' has no ID`],
        [{ name: "a", id: "one" }, "resource 'a' has no type"],
        [{ type: thing, id: "one" }, `resource 'one' of type '${thing}' has no name`],
        [{ type: "c", name: "a", id: "one", component: true }, "resource 'a' of type 'c' has an ID, but is marked as a component"],
        [
          { type: thing, name: "a", id: "one", parent: "no" },
          `the parent 'no' for resource 'a' of type '${thing}' has no entry in 'nameTable'`,
        ],
      ];
      for (const [resource, says] of wrong) {
        await expect(importing(stack, [resource as never])).rejects.toThrow(says);
      }
      await expect(importing(stack, [{ type: thing, name: "a", id: "nowhere" }])).rejects.toThrow("resource 'nowhere' does not exist");
    },
    { cliNeeds: "pulumi-language-nodejs" },
  );

  conformance(
    "of what is in the stack already leaves it, and counts it as the same",
    async ({ stack, expect }) => {
      there(stack, "one", "two");
      await importing(stack, [{ type: thing, name: "a", id: "one" }]);
      await importing(stack, [
        { type: thing, name: "a", id: "one" },
        { type: thing, name: "b", id: "two" },
      ]);
      const [latest] = await stack.asking(() => stack.api.history(1, 1));
      expect(latest?.resourceChanges).toMatchObject({ import: 1 });
      stack.record.push(latest?.resourceChanges);
    },
    { cliNeeds: "pulumi-language-nodejs" },
  );
});

describe("a workspace", () => {
  conformance("says who the user is and has no organizations or environments", async ({ stack, expect }) => {
    expect((await stack.api.workspace.whoAmI()).user).not.toBe("");
    await expect(stack.api.orgGetDefault()).rejects.toThrow("do not support organizations");
    await expect(stack.api.addEnvironments("e")).rejects.toThrow("does not support environments");
    expect(await stack.api.workspace.listPlugins()).toEqual([]);
  });

  conformance("without a project file says so", async ({ stack, expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "claw-empty-"));
    const { pulumiCommand, envVars } = stack.api.workspace as LocalWorkspace;
    const workspace = await LocalWorkspace.create({ workDir: folder, pulumiCommand, envVars });
    await expect(workspace.selectStack("s1")).rejects.toThrow("Pulumi.yaml");
    rmSync(folder, { recursive: true });
  });
});

function isCalled({ world }: ConformanceStack, op: string, name?: string): boolean {
  return world.calls().some((call) => call.op === op && !call.preview && (name === undefined || call.name === name));
}

async function waitUntil(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The settings file's own keys: the SDK reads them under other names. */
function renamed(settings: object): object {
  const names: Record<string, string> = { encryptionSalt: "encryptionsalt", secretsProvider: "secretsprovider" };
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [names[key] ?? key, value]));
}
