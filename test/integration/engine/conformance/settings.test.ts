import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { LocalWorkspace } from "@pulumi/pulumi/automation/index.js";
import { describe } from "vitest";
import { parse, stringify } from "yaml";
import { type ConformanceStack, conformanceSuite } from "../../../support/engine/conformance.ts";
import { Thing } from "../../../support/engine/test-resources.ts";

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
