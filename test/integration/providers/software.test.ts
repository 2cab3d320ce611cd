import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, onTestFinished } from "vitest";
import { isPublished } from "../../../adapters/providers/clusterclaw/npm-install.ts";
import { registryBreaker, registryCircuits } from "../../../adapters/providers/clusterclaw/registry-circuit.ts";
import { until } from "../../support/agent/harness.ts";
import { aTempDir, TestResource } from "../../support/claw-provider.ts";
import { aRegistry, useRegistry } from "../../support/npm-registry.ts";

const program = { bin: { tinyclaw: "cli.mjs" }, files: { "cli.mjs": "#!/usr/bin/env node\nconsole.log('tiny')\n" } };
const software = (cacheDir: string, changes = {}) => ({ source: "npm", cacheDir, package: "tinyclaw", version: "1.0.0", ...changes });

describe("clusterclaw:process:Software", () => {
  it("installs a version once, verifies it, and answers its programs", async ({ expect }) => {
    const { downloads } = await aRegistry(
      { name: "tinyclaw", version: "1.0.0", ...program },
      { name: "tinyclaw", version: "2.0.0", ...program },
    );
    const cacheDir = aTempDir();
    const first = await new TestResource("Software").create(software(cacheDir));
    const dir = join(cacheDir, "tinyclaw", "1.0.0");
    const bin = { tinyclaw: join(dir, "node_modules/tinyclaw/cli.mjs") };
    expect(first).toMatchObject({ id: "tinyclaw@1.0.0", outputs: { dir, bin } });
    expect(spawnSync(process.execPath, [bin.tinyclaw], { encoding: "utf8" }).stdout).toBe("tiny\n");
    await new TestResource("Software").create(software(cacheDir));
    expect(downloads).toEqual(["/tinyclaw/-/tinyclaw-1.0.0.tgz"]);
    expect(readdirSync(join(cacheDir, "tinyclaw"))).toEqual(["1.0.0"]);
  });

  it("installs once when several ask at the same time", async ({ expect }) => {
    const { downloads } = await aRegistry({ name: "tinyclaw", version: "1.0.0", ...program });
    const cacheDir = aTempDir();
    const all = await Promise.all([1, 2, 3].map(() => new TestResource("Software").create(software(cacheDir))));
    expect(new Set(all.map((resource) => JSON.stringify(resource.outputs))).size).toBe(1);
    expect(downloads).toHaveLength(1);
  });

  it("takes over from an installer that died", async ({ expect }) => {
    await aRegistry({ name: "tinyclaw", version: "1.0.0", ...program });
    const cacheDir = aTempDir();
    mkdirSync(join(cacheDir, "tinyclaw"));
    const lock = join(cacheDir, "tinyclaw", "1.0.0.lock");
    writeFileSync(lock, "");
    utimesSync(lock, new Date(0), new Date(0));
    mkdirSync(join(cacheDir, "tinyclaw", ".1.0.0-abcdef", "node_modules"), { recursive: true });
    await new TestResource("Software").create(software(cacheDir));
    expect(readdirSync(join(cacheDir, "tinyclaw"))).toEqual(["1.0.0"]);
  });

  it("leaves the installation to others when it is deleted, and reinstalls one that is gone", async ({ expect }) => {
    await aRegistry({ name: "tinyclaw", version: "1.0.0", ...program });
    const cacheDir = aTempDir();
    const resource = await new TestResource("Software").create(software(cacheDir));
    await resource.delete();
    expect(await resource.refresh()).toBe(true);
    rmSync(join(cacheDir, "tinyclaw"), { recursive: true });
    expect(await resource.refresh()).toBe(false);
    await resource.create(software(cacheDir));
    expect(await resource.refresh()).toBe(true);
  });

  it("refuses a placeholder package without programs, and leaves nothing behind", async ({ expect }) => {
    await aRegistry({ name: "tinyclaw", version: "1.0.0" });
    const cacheDir = aTempDir();
    await expect(new TestResource("Software").create(software(cacheDir))).rejects.toThrow(
      "PlaceholderPackage: tinyclaw@1.0.0 has no program to run",
    );
    expect(readdirSync(join(cacheDir, "tinyclaw"))).toEqual([]);
  });

  it("says that a version, or a package, does not exist", async ({ expect }) => {
    await aRegistry({ name: "tinyclaw", version: "1.0.0", ...program });
    const cacheDir = aTempDir();
    for (const changes of [{ version: "9.9.9" }, { package: "no-such-claw" }]) {
      await expect(new TestResource("Software").create(software(cacheDir, changes))).rejects.toThrow(
        /^VersionNotFound: .* is not in the npm registry: choose a version that exists$/,
      );
    }
  });

  it("says that a version needs another Node.js", async ({ expect }) => {
    await aRegistry({ name: "tinyclaw", version: "1.0.0", ...program, engines: { node: ">=99" } });
    await expect(new TestResource("Software").create(software(aTempDir()))).rejects.toThrow(
      `NodeUnsupported: tinyclaw@1.0.0 does not run on Node.js ${process.version}`,
    );
  });

  it("says that the registry can't be reached", async ({ expect }) => {
    const cacheDir = aTempDir();
    useRegistry("http://127.0.0.1:9", join(cacheDir, "cache"));
    await expect(new TestResource("Software").create(software(cacheDir))).rejects.toThrow(
      "RegistryUnreachable: tinyclaw@1.0.0 can't be installed: the npm registry can't be reached (ECONNREFUSED)",
    );
  });

  it("asks a registry that does not answer now and then only, and for nothing that is there", async ({ expect }) => {
    const registry = await aRegistry(...["1.0.0", "2.0.0", "3.0.0"].map((version) => ({ name: "tinyclaw", version, ...program })));
    process.env["npm_config_fetch_retries"] = "0";
    onTestFinished(() => void delete process.env["npm_config_fetch_retries"]);
    const cacheDir = aTempDir();
    const create = (version: string) => new TestResource("Software").create(software(cacheDir, { version }));
    expect(registryCircuits(cacheDir)).toEqual([]);
    await create("1.0.0");
    registry.mode = "refuse";
    for (const _ of [1, 2, 3]) {
      await expect(create("2.0.0")).rejects.toThrow(/^RegistryUnreachable: tinyclaw@2/);
    }
    const asked = registry.requests;
    await expect(create("3.0.0")).rejects.toThrow(/^RegistryUnreachable: tinyclaw@2/);
    expect(await isPublished(cacheDir, "tinyclaw", "3.0.0")).toBeUndefined();
    expect(registry.requests).toBe(asked);
    expect(registryCircuits(cacheDir)).toMatchObject([{ dependency: "npm registry", state: "open", failures: 3 }]);
    await create("1.0.0");
    registry.mode = "serve";
    // Another process finds out whether it is back.
    expect(await registryBreaker(cacheDir).probe(async () => "there")).toBe("there");
    await create("3.0.0");
    expect(await isPublished(cacheDir, "tinyclaw", "9.0.0")).toBe(false);
    expect(registryCircuits(cacheDir)).toMatchObject([{ state: "closed", failures: 0 }]);
  });

  it("follows no address that a package names for what it depends on", async ({ expect }) => {
    const neighbour = await aRegistry({ name: "secrets", version: "1.0.0" });
    const elsewhere = `${neighbour.url}/secrets/-/secrets-1.0.0.tgz`;
    await aRegistry({ name: "tinyclaw", version: "1.0.0", ...program, dependencies: { secrets: elsewhere } });
    await expect(new TestResource("Software").create(software(aTempDir()))).rejects.toThrow(/^InstallFailed: .*remote/is);
    expect(neighbour.requests).toBe(0);
  });

  it("ends an installation that is cancelled", async ({ expect }) => {
    const registry = await aRegistry({ name: "tinyclaw", version: "1.0.0", ...program });
    registry.mode = "hang";
    const cacheDir = aTempDir();
    const abort = new AbortController();
    const pending = new TestResource("Software").create(software(cacheDir), abort.signal);
    await Promise.all([
      until(() => registry.requests > 0, "npm asks the registry").then(() => abort.abort()),
      expect(pending).rejects.toThrow(/abort/i),
    ]);
    expect(readdirSync(join(cacheDir, "tinyclaw"))).toEqual([]);
  });

  it("refuses tags, ranges and names that are not package names", async ({ expect }) => {
    const resource = new TestResource("Software");
    expect(await resource.check(software("/a/b", { version: "latest" }))).toEqual([
      { property: "version", reason: "must be an exact version such as '2026.9.6', not a tag or a range" },
    ]);
    expect((await resource.check(software("/a/b", { version: "^1.0.0" }))).length).toBe(1);
    expect((await resource.check(software("/a/b", { package: "--registry=evil" }))).length).toBe(1);
    expect((await resource.check(software("/a/b", { package: "git+ssh://x" }))).length).toBe(1);
  });

  it("has nothing to install for inline software", async ({ expect }) => {
    const resource = await new TestResource("Software").create({ source: "inline", version: "1.0.0" });
    expect(resource).toMatchObject({ id: "inline@1.0.0", outputs: { source: "inline", version: "1.0.0" } });
    expect(await resource.refresh()).toBe(true);
  });
});
