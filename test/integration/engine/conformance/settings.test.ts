import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { LocalWorkspace } from "@pulumi/pulumi/automation/index.js";
import { describe, onTestFinished, vi } from "vitest";
import { parse, stringify } from "yaml";
import { type ConformanceStack, conformanceSuite } from "../../../support/engine/conformance.ts";
import { writePluginWrapper } from "../../../support/engine/plugin-wrapper.ts";
import { Named, Provider, Thing } from "../../../support/engine/test-resources.ts";
import { DirectoryWorld } from "../../../support/engine/test-world.ts";

const conformance = conformanceSuite();
const nothing = () => undefined;

/** Changes the stack's `Pulumi.yaml`. */
function setProject({ api }: ConformanceStack, changes: object): void {
  const file = join(api.workspace.workDir, "Pulumi.yaml");
  writeFileSync(file, stringify({ ...parse(readFileSync(file, "utf8")), ...changes }));
}
function setEnvironment({ api }: ConformanceStack, variables: Record<string, string>): void {
  const workspace = api.workspace as LocalWorkspace;
  workspace.envVars = { ...workspace.envVars, ...variables };
}
function drift({ world }: ConformanceStack, id: string): void {
  const found = world.get(id);
  if (found) {
    world.set(id, { ...found, inputs: { size: 9 }, outputs: { size: 9, revision: 1 } });
  }
}

describe("config that a project declares", () => {
  conformance("is required without a default, and says which of it is missing", async ({ stack, expect }) => {
    setProject(stack, { config: { second: { type: "string" }, first: { type: "integer" }, third: { default: 1 } } });
    const message = `Stack '${stack.name}' is missing configuration values 'first' and 'second'`;
    expect((await stack.up(nothing)).message).toContain(message);
    expect((await stack.preview(nothing)).message).toContain(message);
    await stack.api.setConfig("first", { value: "1" });
    expect((await stack.up(nothing)).message).toContain(`Stack '${stack.name}' is missing configuration value 'second'`);
    expect((await stack.refresh()).ok).toBe(true);
    await stack.api.setConfig("second", { value: "x" });
    expect((await stack.up(nothing)).ok).toBe(true);
  });

  conformance("reaches the program where the stack has none of its own", async ({ stack, expect }) => {
    setProject(stack, {
      config: {
        text: { type: "string", default: "fallback" },
        number: { type: "integer", default: 5 },
        list: { type: "array", items: { type: "string" }, default: ["a", "b"] },
        map: { type: "object", default: { deep: [1] } },
        short: "shorthand",
        set: { type: "string", default: "fallback" },
        "other:key": "value",
      },
    });
    await stack.api.setConfig("set", { value: "own" });
    await stack.up(() => {
      const config = new pulumi.Config();
      return {
        text: config.require("text"),
        number: config.requireNumber("number"),
        list: config.requireObject("list"),
        map: config.requireObject("map"),
        short: config.require("short"),
        set: config.require("set"),
        other: new pulumi.Config("other").require("key"),
      };
    });
    stack.record.push(await stack.outputs());
    expect((await stack.outputs())["list"]?.value).toEqual(["a", "b"]);
    expect((await stack.outputs())["set"]?.value).toBe("own");
  });

  conformance("has to be of its type, and secret where it is said to be", async ({ stack, expect }) => {
    setProject(stack, {
      config: {
        count: { type: "integer", default: 1 },
        flag: { type: "boolean", default: true },
        token: { type: "string", secret: true },
        lists: { type: "array", items: { type: "array", items: { type: "integer" } }, default: [[1]] },
      },
    });
    const upWith = async (key: string, value: string, secret = false) => {
      await stack.api.setConfig(key, { value, secret });
      return (await stack.up(nothing)).message;
    };
    const says = (key: string, what: string) => `Stack '${stack.name}' with configuration key '${key}' must be ${what}`;
    expect(await upWith("token", "hush")).toContain(says("token", "encrypted as it's secret"));
    expect(await upWith("token", "hush", true)).toBe("");
    expect(await upWith("count", "1.5")).toContain(says("count", "of type 'integer'"));
    expect(await upWith("count", "-15")).toBe("");
    expect(await upWith("flag", "yes")).toContain(says("flag", "of type 'boolean'"));
    expect(await upWith("flag", "false")).toBe("");
    expect(await upWith("lists", "1")).toContain(says("lists", "of type 'array<array<integer>>'"));
  });

  const wrong: readonly [config: object, says: string][] = [
    [{ a: { default: 1, value: 2 } }, "cannot have both a 'default' and 'value' attribute"],
    [{ a: { type: "array" } }, "declares an array but does not specify the underlying type via the 'items' attribute"],
    [{ a: { type: "integer", default: "x" } }, "is not of the expected type 'integer'"],
    [{ "other:a": { type: "string", value: "x" } }, "is not namespaced by the project and should not define a type"],
    [{ "other:a": { default: "x" } }, "Did you mean to use the 'value' attribute instead of 'default'?"],
    [{ "other:a": { description: "x" } }, "is namespaced and must provide an attribute 'value'"],
  ];
  conformance("and is wrong itself says what is", async ({ stack, expect }) => {
    for (const [config, says] of wrong) {
      setProject(stack, { config });
      await expect(stack.api.workspace.listStacks()).rejects.toThrow(says);
    }
  });
});

describe("a project", () => {
  conformance("says where its stacks' files are", async ({ stack, expect }) => {
    const { workDir } = stack.api.workspace;
    const name = `Pulumi.${stack.name}.yaml`;
    mkdirSync(join(workDir, "stacks"));
    if (existsSync(join(workDir, name))) {
      renameSync(join(workDir, name), join(workDir, "stacks", name));
    }
    const file = join(workDir, "stacks", name);
    const settings = existsSync(file) ? parse(readFileSync(file, "utf8")) : {};
    writeFileSync(file, stringify({ ...settings, config: { "conf:fromFile": "yes" } }));
    setProject(stack, { stackConfigDir: "stacks" });
    await stack.up(() => ({ fromFile: new pulumi.Config().get("fromFile") }));
    expect(await stack.outputs()).toEqual({ fromFile: { value: "yes", secret: false } });
  });

  conformance("may have every operation refresh first, but for those that say otherwise", async ({ stack, expect }) => {
    const program = () => void new Thing("a", { size: 1 });
    await stack.up(program);
    drift(stack, "a-1");
    setProject(stack, { options: { refresh: "always" } });
    expect((await stack.preview(program)).changes).toEqual({ same: 1, update: 1 });
    expect((await stack.up(program)).changes).toEqual({ same: 1, update: 1 });
    stack.world.delete("a-1");
    expect((await stack.up(program)).changes).toEqual({ same: 1, create: 1 });
    stack.world.delete("a-2");
    expect((await stack.destroy()).ok).toBe(true);
  });

  conformance("says which versions of the engine it takes", async ({ stack, expect }) => {
    for (const requiredPulumiVersion of [">=3.0.0 !3.1.2", "<3.0.0 || >=3.260.0"]) {
      setProject(stack, { requiredPulumiVersion });
      expect((await stack.up(nothing)).ok).toBe(true);
    }
    setProject(stack, { requiredPulumiVersion: ">=4.0.0" });
    const says = 'Pulumi CLI version 3.260.0 does not satisfy the version range ">=4.0.0"';
    expect((await stack.up(nothing)).message).toContain(says);
    expect((await stack.destroy()).message).toContain(says);
    setProject(stack, { requiredPulumiVersion: "nonsense" });
    expect((await stack.preview(nothing)).message).toContain('parsing CLI version range "nonsense"');
  });

  conformance("may have its program say which", async ({ stack, expect }) => {
    expect((await stack.up(() => pulumi.requirePulumiVersion(">=3.0.0"))).ok).toBe(true);
    const up = await stack.up(() => pulumi.requirePulumiVersion(">=4.0.0"));
    expect(up.message).toContain('Pulumi CLI version 3.260.0 does not satisfy the version range ">=4.0.0"');
  });
});

describe("the environment", () => {
  conformance("has options of commands", async ({ stack, expect }) => {
    const program = () => void new Thing("a", { size: 1 });
    await stack.up(program);
    drift(stack, "a-1");
    setEnvironment(stack, { PULUMI_OPTION_REFRESH: "true" });
    expect((await stack.up(program)).changes).toEqual({ same: 1, update: 1 });
    setEnvironment(stack, { PULUMI_OPTION_REFRESH: "false", PULUMI_OPTION_EXPECT_NO_CHANGES: "1" });
    expect((await stack.up(() => void new Thing("a", { size: 2 }))).ok).toBe(false);
    const [urn] = (await stack.resources()).map((state) => state.urn).filter((each) => each.endsWith("::a"));
    setEnvironment(stack, { PULUMI_OPTION_EXPECT_NO_CHANGES: "false", PULUMI_OPTION_REPLACE: urn ?? "" });
    expect((await stack.up(program)).changes).toEqual({ same: 1, replace: 1 });
  });
});

describe("a stack's name", () => {
  conformance("may have the organization and the project before it", async ({ stack, expect }) => {
    const { workspace } = stack.api;
    for (const name of [`organization/${stack.name}`, `organization/conf/${stack.name}`]) {
      await expect(workspace.selectStack(name)).resolves.toBeUndefined();
    }
    await expect(workspace.selectStack("organization/conf/nowhere")).rejects.toMatchObject({ name: "StackNotFoundError" });
    await expect(workspace.selectStack(`someone/${stack.name}`)).rejects.toThrow();
  });
});

describe("names by config (pulumi:autonaming)", () => {
  const rule = (stack: ConformanceStack, path: string, value: string) => stack.api.setConfig(`pulumi:autonaming.${path}`, { value }, true);
  const nameOf = async (stack: ConformanceStack, resource: string) => (await stack.resource(resource))?.outputs?.["name"];

  conformance("are the program's own, and a replacement deletes the old one first", async ({ stack, expect }) => {
    await rule(stack, "mode", "verbatim");
    const program = (replaceKey: number) => () => void new Named("Web", { replaceKey });
    await stack.up(program(1));
    expect(await nameOf(stack, "Web")).toBe("Web");
    expect((await stack.up(program(2))).steps).toEqual(["delete-replaced Web", "replace Web", "create-replacement Web"]);
    expect(await nameOf(stack, "Web")).toBe("Web");
    // Whatever the program says of it: two of one name can't be.
    const other = () => void new Named("Web", { replaceKey: 3 }, { deleteBeforeReplace: false });
    expect((await stack.up(other)).steps[0]).toBe("delete-replaced Web");
  });

  conformance(
    "follow a pattern, which is proposed or enforced, of stack, config and chance",
    async ({ stack, expect }) => {
      await stack.api.setConfig("team", { value: "Blue" });
      await stack.api.setConfig("deep.inner[0]", { value: "x" }, true);
      await rule(stack, "pattern", "${project}-${config.team}-${config.deep.inner[0]}-${name}-${hex(5)}-${num(3)}");
      const program =
        (names: string[], args = {}) =>
        () => {
          for (const name of names) {
            new Named(name, args);
          }
        };
      await stack.up(program(["A"]));
      const first = await nameOf(stack, "A");
      // Proposed: this provider writes small letters.
      expect(first).toMatch(/^conf-blue-x-a-[0-9a-f]{5}-[0-9]{3}$/);
      await rule(stack, "enforce", "true");
      await rule(stack, "pattern", "${organization}.${stack}.${name}.${alphanum(4)}${string(2)}.${uuid}");
      await stack.up(program(["A", "B"], { size: 2 }));
      expect(await nameOf(stack, "A")).toBe(first);
      const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
      expect(await nameOf(stack, "B")).toMatch(new RegExp(`^organization\\.${stack.name}\\.B\\.[a-z0-9]{4}[a-z]{2}\\.${uuid}$`));
      expect((await stack.up(program(["A", "B"], { replaceKey: 1 }))).steps).toContain("create-replacement B");
      expect(await nameOf(stack, "A")).toMatch(/^organization\..*\.A\./);
    },
    { recordsDiffer: "names have a part by chance" },
  );

  conformance("are of providers and types, and can be wanted of the program", async ({ stack, expect }) => {
    await rule(stack, "mode", "disabled");
    const program =
      (args = {}) =>
      () =>
        void new Named("a", args);
    const refused = await stack.up(program());
    expect(refused.message).toContain("is required: naming is disabled");
    expect((await stack.up(program({ name: "own" }))).ok).toBe(true);
    await rule(stack, 'providers.testing.resources["testing:index:Named"].pattern', "typed-${name}");
    await rule(stack, "providers.testing.mode", "default");
    await stack.up(() => {
      new Named("a", { name: "own" });
      new Named("b");
    });
    expect(await nameOf(stack, "b")).toBe("typed-b");
    // Of a provider that does not know of it: a warning where its rules are named.
    const plain = () => void new Thing("p", {}, {}, "plain:index:Named");
    expect((await stack.preview(plain)).diagnostics).toEqual([]);
    await rule(stack, "providers.plain.mode", "verbatim");
    const warned = await stack.preview(plain);
    expect(warned.diagnostics.join()).toMatch(
      /warning: urn:.*::p resource has a custom autonaming setting but the provider does not support/,
    );
  });

  const nonsense: readonly [path: string, value: string, says: string | RegExp][] = [
    ["mode", "sideways", "failed to resolve root naming config: invalid naming mode: sideways"],
    ["enforce", "true", "failed to resolve root naming config: pattern must be specified when enforce is true"],
    ["pattern", "${config.absent}", 'failed to resolve root naming config: no value found for key "absent"'],
    ["patern", "x", 'failed to parse autonaming config: invalid autonaming config structure: json: unknown field "patern"'],
    ["pattern", "5", /failed to parse autonaming config: invalid autonaming config structure: .*pattern/],
    ["providers", "all", /failed to parse autonaming config: invalid autonaming config structure: .*providers/],
    ["providers.testing.mode", "x", 'failed to resolve naming config for provider "testing": invalid naming mode: x'],
    ['providers.testing.resources["a:b:C"].enforce', "true", 'failed to resolve naming config for resource "a:b:C": pattern must be'],
  ];
  conformance("are refused with the reason when they are nonsense", async ({ stack, expect }) => {
    for (const [path, value, says] of nonsense) {
      await rule(stack, path, value);
      for (const outcome of [await stack.preview(nothing), await stack.up(nothing)]) {
        expect(outcome.message).toContain("getting autonaming config: ");
        expect(outcome.message).toMatch(says);
      }
      expect((await stack.refresh()).ok).toBe(true);
      await stack.api.removeConfig("pulumi:autonaming");
    }
    await rule(stack, "mode", "verbatim");
    await rule(stack, "pattern", "x");
    expect((await stack.up(nothing)).message).toContain("cannot specify both mode and pattern/enforce");
    await stack.api.removeConfig("pulumi:autonaming");
    await stack.api.setConfig("pulumi:autonaming", { value: "verbatim" });
    expect((await stack.up(nothing)).message).toContain("failed to parse autonaming config: invalid autonaming config structure");
  });
});

describe("envVarMappings", () => {
  conformance("give a provider's process one variable's value as another", async ({ stack, expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "claw-mapped-"));
    onTestFinished(() => {
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true, force: true });
    });
    writePluginWrapper(join(folder, "plugin"), "mapped");
    setProject(stack, { plugins: { providers: [{ name: "mapped", path: join(folder, "plugin") }] } });
    for (const world of ["one", "two"]) {
      vi.stubEnv(`WORLD_${world}`, join(folder, world));
    }
    // The provider keeps what it makes in the folder that TESTING_WORLD names.
    const program = (world: string) => () => {
      const provider = new Provider(
        "mapped",
        {},
        { envVarMappings: { [`WORLD_${world}`]: "TESTING_WORLD", WORLD_absent: "HOME" } },
        "mapped",
      );
      new Thing("a", { world }, { provider }, "mapped:index:Thing");
    };
    const made = await stack.up(program("one"));
    expect(made.ok, made.message).toBe(true);
    expect(new DirectoryWorld(join(folder, "one")).ids()).toEqual(["a-1"]);
    expect(await stack.resource("mapped")).toMatchObject({
      inputs: { __internal: { envVarMappings: { WORLD_one: "TESTING_WORLD", WORLD_absent: "HOME" } } },
    });
    const moved = await stack.up(program("two"));
    expect(moved.ok, moved.message).toBe(true);
    expect(new DirectoryWorld(join(folder, "two")).ids()).toEqual(["a-1"]);
    expect((await stack.destroy()).ok).toBe(true);
    expect(new DirectoryWorld(join(folder, "two")).ids()).toEqual([]);
  });

  conformance("are of providers only", async ({ stack, expect }) => {
    const refused = await stack.up(() => void new Thing("a", {}, { envVarMappings: { ONE: "TWO" } } as pulumi.CustomResourceOptions));
    expect(refused.ok).toBe(false);
    expect(refused.message).toContain("envVarMappings can only be used with provider resources");
  });
});
