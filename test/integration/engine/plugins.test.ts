import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "vitest";
import { ResourceInitError, type ResourceProvider } from "../../../adapters/engine/contract/provider.ts";
import { WarmProviderHost } from "../../../adapters/engine/plugins/provider-host.ts";
import { writePluginWrapper } from "../../support/engine/plugin-wrapper.ts";
import { TestProvider } from "../../support/engine/test-provider.ts";
import { DirectoryWorld, MemoryWorld } from "../../support/engine/test-world.ts";

let folder: string;
let world: DirectoryWorld;
let host: WarmProviderHost;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "claw-plugins-"));
  world = new DirectoryWorld(join(folder, "world"));
  writePluginWrapper(join(folder, "bin"), "testing");
  host = new WarmProviderHost({ env: environment() });
});
afterEach(async () => {
  await host.close();
  rmSync(folder, { recursive: true, force: true });
});

function environment(path = join(folder, "bin")) {
  return { PATH: `${path}:/usr/bin:/bin`, PULUMI_HOME: join(folder, "home"), TESTING_WORLD: join(folder, "world") };
}
async function loaded(config = {}): Promise<ResourceProvider> {
  const provider = await host.load("testing");
  await provider.configure(config);
  return provider;
}
const thing = { urn: "urn:pulumi:s::p::testing:index:Thing::a", type: "testing:index:Thing", name: "a" };
const SIG = "4dabf18193072939515e22adb298388d";

describe("a provider plugin", () => {
  it("answers every call as the provider it serves would in process", async ({ expect }) => {
    const plugin = await loaded({ region: "north" });
    const local = new TestProvider(new MemoryWorld());
    await local.configure({ region: "north" });
    const secret = { [SIG]: "1b47061264138c4ac30d75fd1eb44270", value: "s" };
    const inputs = { size: 1.5, secret, nested: { list: [null, true, "x"] }, replaceKey: "1" };
    for (const provider of [plugin, local]) {
      expect(await provider.check({ ...thing, olds: {}, news: inputs, randomSeed: new Uint8Array(32) })).toEqual({
        inputs,
        failures: [],
      });
      const created = await provider.create({ ...thing, inputs, preview: false, timeoutSeconds: 0 });
      expect(created).toEqual({ id: "a-1", outputs: { ...inputs, revision: 1 } });
      const base = { ...thing, id: created.id, oldInputs: inputs, oldOutputs: created.outputs, ignoreChanges: [] };
      expect(await provider.diff({ ...base, news: { ...inputs, size: 2, replaceKey: "2", more: true } })).toMatchObject({
        changes: "some",
        replaces: ["replaceKey"],
        deleteBeforeReplace: false,
        detailedDiff: {
          size: { kind: "update", inputDiff: true },
          replaceKey: { kind: "update-replace", inputDiff: true },
          more: { kind: "add", inputDiff: true },
        },
      });
      expect(await provider.diff({ ...base, news: inputs })).toMatchObject({ changes: "none" });
      const updated = await provider.update({ ...base, news: { size: 2 }, preview: false, timeoutSeconds: 0 });
      expect(updated).toEqual({ outputs: { size: 2, revision: 2 } });
      const read = { ...thing, id: created.id, inputs: {}, outputs: {} };
      expect(await provider.read(read)).toEqual({ id: "a-1", inputs: { size: 2 }, outputs: { size: 2, revision: 2 } });
      expect(await provider.invoke?.("testing:index:echo", { x: 1 })).toEqual({
        outputs: { x: 1, config: { region: "north" } },
        failures: [],
      });
      await provider.delete({ ...read, timeoutSeconds: 0 });
      expect((await provider.read(read)).id).toBe("");
    }
    expect(plugin).toMatchObject({ version: "1.0.0", acceptsSecrets: true, supportsPreview: true });
  });

  it("passes on failures of checks, errors, and resources that did not become ready", async ({ expect }) => {
    const plugin = await loaded();
    const checked = await plugin.check({ ...thing, olds: {}, news: { invalid: "no" }, randomSeed: new Uint8Array(32) });
    expect(checked.failures).toEqual([{ property: "invalid", reason: "no" }]);
    const create = () => plugin.create({ ...thing, inputs: { x: 1 }, preview: false, timeoutSeconds: 0 });
    world.misbehave({ op: "create", name: "a", error: "quota exceeded" });
    await expect(create()).rejects.toThrow("quota exceeded");
    world.misbehave({ op: "create", name: "a", partial: ["not ready", "still not"] });
    const failure = await create().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ResourceInitError);
    expect(failure).toMatchObject({ id: "a-1", reasons: ["not ready", "still not"], outputs: { x: 1, revision: 1 } });
  });

  it("is started once for all who use the same configuration, and once more for another", async ({ expect }) => {
    await Promise.all([loaded({ region: "a" }), loaded({ region: "a" }), loaded({ region: "b" })]);
    await loaded({ region: "a" });
    expect(world.calls().filter((call) => call.op === "configure")).toHaveLength(2);
  });

  it("is started again after its process died", async ({ expect }) => {
    const plugin = await loaded();
    world.misbehave({ op: "create", name: "a", exit: true });
    const create = () => plugin.create({ ...thing, inputs: {}, preview: false, timeoutSeconds: 0 });
    await expect(create()).rejects.toThrow("the provider's process ended");
    expect((await create()).id).toBe("a-1");
  });

  it("that hangs is ended after a cancel, and the next call gets a new one", async ({ expect }) => {
    const impatient = new WarmProviderHost({ env: environment(), cancelGraceMs: 200 });
    const plugin = await impatient.load("testing");
    await plugin.configure({});
    const hanging = plugin.create({ ...thing, inputs: { delayMs: 600_000 }, preview: false, timeoutSeconds: 0 });
    const outcome = expect(hanging).rejects.toThrow();
    await plugin.cancel?.();
    await outcome;
    expect((await plugin.create({ ...thing, inputs: {}, preview: false, timeoutSeconds: 0 })).id).toBe("a-1");
    await impatient.close();
  });

  it("that hangs while it is configured, and answers no cancel, is ended all the same", async ({ expect }) => {
    const impatient = new WarmProviderHost({ env: environment(), cancelGraceMs: 300 });
    const plugin = await impatient.load("testing");
    await plugin.configure({ region: "north" });
    const [first = ""] = pluginProcesses();
    const other = await impatient.load("testing");
    const [second = ""] = pluginProcesses().filter((pid) => pid !== first);
    process.kill(Number(second), "SIGSTOP");
    const configuring = other.configure({ region: "south" });
    const outcome = expect(configuring).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await other.cancel?.();
    await outcome;
    await other.configure({ region: "south" });
    expect((await other.create({ ...thing, inputs: {}, preview: false, timeoutSeconds: 0 })).id).toBe("a-1");
    // Whoever uses another configuration noticed nothing.
    expect(pluginProcesses()).toContain(first);
    expect((await plugin.create({ ...thing, inputs: {}, preview: false, timeoutSeconds: 0 })).id).toBe("a-2");
    await impatient.close();
  });

  it("that does not answer in time is ended without being asked to, and the next call gets a new one", async ({ expect }) => {
    const impatient = new WarmProviderHost({ env: environment(), answerWithinMs: 5_000 });
    const plugin = await impatient.load("testing");
    await plugin.configure({});
    process.kill(Number(pluginProcesses()[0]), "SIGSTOP");
    const check = () => plugin.check({ ...thing, olds: {}, news: {}, randomSeed: new Uint8Array(32) });
    await expect(check()).rejects.toThrow("the provider 'testing' did not answer within 5 seconds; its process was ended");
    expect(await check()).toEqual({ inputs: {}, failures: [] });
    // A resource that takes longer than the time that it was given, by far.
    const create = (timeoutSeconds: number) => plugin.create({ ...thing, inputs: { delayMs: 600_000 }, preview: false, timeoutSeconds });
    await expect(create(0.1)).rejects.toThrow("did not answer within 5.1 seconds");
    expect(await check()).toEqual({ inputs: {}, failures: [] });
    await impatient.close();
  });

  it("that does not start is reported with what it printed", async ({ expect }) => {
    const broken = join(folder, "broken");
    writePluginWrapper(broken, "testing");
    writeFileSync(join(broken, "pulumi-resource-testing"), "#!/bin/sh\necho cannot find my library >&2\nexit 3\n");
    const brokenHost = new WarmProviderHost({ env: environment(broken) });
    await expect(brokenHost.load("testing")).rejects.toThrow(/exit code 3; it printed:\ncannot find my library/);
  });
});

/** In the order of their starts. */
function pluginProcesses(): string[] {
  const { stdout } = spawnSync("pgrep", ["-P", String(process.pid), "-f", "testing-plugin"], { encoding: "utf8" });
  return stdout.split("\n").filter(Boolean);
}

describe("WarmProviderHost", () => {
  it("prefers a provider that runs in process", async ({ expect }) => {
    const own = new WarmProviderHost({
      env: environment(),
      inProcess: { testing: () => new TestProvider(new MemoryWorld(), { supportsPreview: false }) },
    });
    expect(await own.load("testing")).toMatchObject({ supportsPreview: false });
  });

  it("prefers a project's plugin to PATH, and PATH to the plugin folder", async ({ expect }) => {
    const installed = join(folder, "home", "plugins", "resource-other-v2.1.0");
    writePluginWrapper(installed, "other");
    expect(await host.load("other", { version: "2.0.0" })).toMatchObject({ packageName: "other" });
    await expect(host.load("other", { version: "3.0.0" })).rejects.toThrow("pulumi-resource-other of version 3.0.0 or newer");
    writePluginWrapper(join(folder, "project", "plugin"), "third");
    const project = { root: join(folder, "project"), providerPaths: [{ name: "third", path: "./plugin" }] };
    expect(await host.forProject(project).load("third")).toMatchObject({ packageName: "third" });
  });

  it("names the places it looked in when a provider is nowhere", async ({ expect }) => {
    await expect(host.load("nowhere")).rejects.toThrow(
      `no provider for package 'nowhere': pulumi-resource-nowhere was looked for in PATH, ${join(folder, "home", "plugins")}; put it on PATH, or run: pulumi plugin install resource nowhere`,
    );
  });
});
