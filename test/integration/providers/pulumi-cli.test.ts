import { execFile, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, it } from "vitest";
import { callAgent } from "../../../adapters/providers/clusterclaw/agent-client.ts";
import { instanceUrns } from "../../../components/claw-instance/runtimes.ts";
import type { ResolvedInstance } from "../../../sdk/contract/index.ts";
import { aFixtureInstance } from "../../support/agent/fixture-instance.ts";
import { aHost, isRunning, processesIn, until } from "../../support/agent/harness.ts";
import { freePort } from "../../support/free-port.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const isOnPath = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
const missing = ["pulumi", "pulumi-language-nodejs"].filter((program) => !isOnPath(program));

/** The project as it is checked out, in a folder that the CLI may write its stack settings to. */
function aProject(hostDir: string) {
  const dir = join(hostDir, "project");
  mkdirSync(join(hostDir, "backend"));
  mkdirSync(dir);
  for (const name of ["adapters", "components", "node_modules", "package.json", "sdk", "service", "stacks", "tsconfig.json"]) {
    symlinkSync(join(root, name), join(dir, name));
  }
  copyFileSync(join(root, "Pulumi.yaml"), join(dir, "Pulumi.yaml"));
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: hostDir,
    PULUMI_HOME: join(hostDir, "pulumi"),
    PULUMI_BACKEND_URL: `file://${join(hostDir, "backend")}`,
    PULUMI_CONFIG_PASSPHRASE: "correct horse",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    CLAW_NODE: process.execPath,
  };
  return { dir, env };
}

function pulumiIn({ dir, env }: ReturnType<typeof aProject>) {
  return async (...args: string[]) =>
    (await promisify(execFile)("pulumi", [...args, "--non-interactive"], { cwd: dir, env, encoding: "utf8" })).stdout;
}

describe("stacks/tenant under the real Pulumi CLI", () => {
  it("previews, makes, finds drift in, repairs and destroys a claw", { timeout: 180_000 }, async ({ expect, skip }) => {
    skip(missing.length > 0, `not on PATH: ${missing.join(", ")}`);
    const host = aHost();
    const pulumi = pulumiIn(aProject(host));
    const spec = join(host, "spec.json");
    const target = { runtime: "process" as const, rootDir: host, agentUrl: "ws://127.0.0.1:9/agent/v1" };
    const declare = (...instances: ResolvedInstance[]) => writeFileSync(spec, JSON.stringify({ tenant: "acme", target, instances }));
    const runDir = join(host, "run", "ins_echo-1");
    const phase = async () => (await callAgent(runDir, { method: "status" })).phase;

    declare(aFixtureInstance(host, "echo-1", { deletionPolicy: "retain" }));
    await pulumi("stack", "init", "acme");
    await pulumi("config", "set", "spec", spec, "-s", "acme");
    expect(await pulumi("preview", "-s", "acme")).toMatch(/\+ 7 to create/);
    expect(existsSync(runDir)).toBe(false);

    await pulumi("up", "--yes", "--skip-preview", "-s", "acme");
    await until(async () => (await phase()) === "Ready", "the claw is ready");
    await pulumi("preview", "--expect-no-changes", "-s", "acme");
    await pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes", "-s", "acme");
    const state = await pulumi("stack", "export", "-s", "acme");
    expect(state).not.toMatch(/agent-s3cret|s3cret-token/);
    const urns = JSON.parse(state).deployment.resources.map(({ urn }: { urn: string }) => urn);
    expect(urns).toEqual(
      expect.arrayContaining([
        ...instanceUrns(
          { tenant: "acme", target, instances: [aFixtureInstance(host, "echo-1", { deletionPolicy: "retain" })] },
          { name: "echo-1" },
        ).declared,
      ]),
    );

    const file = join(host, "tenants", "acme", "ins_echo-1", "config", "claw.mjs");
    rmSync(file);
    expect(await pulumi("up", "--yes", "--skip-preview", "--refresh", "-s", "acme")).toMatch(/echo-1-files updat/);
    expect(existsSync(file)).toBe(true);

    const { pid } = await callAgent(runDir, { method: "status" });
    declare(aFixtureInstance(host, "echo-1", { deletionPolicy: "retain", running: false }));
    expect(await pulumi("up", "--yes", "--skip-preview", "-s", "acme")).toMatch(/echo-1-process updat/);
    await until(() => processesIn(host).length === 0, "neither agent nor claw is left");
    expect(isRunning(pid)).toBe(false);
    await pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes", "-s", "acme");

    await pulumi("destroy", "--yes", "--skip-preview", "-s", "acme");
    expect(existsSync(runDir)).toBe(false);
    expect(existsSync(join(host, "tenants", "acme", "ins_echo-1", "data"))).toBe(true);
  });

  it("runs the commands and the specification that docs/guides/stacks.md shows", { timeout: 120_000 }, async ({ expect, skip }) => {
    skip(missing.length > 0, `not on PATH: ${missing.join(", ")}`);
    const host = aHost();
    const { dir, env } = aProject(host);
    const port = await freePort();
    // The paths and the port of this machine are the test's own.
    const here = (text: string) => text.replaceAll("18080", String(port)).replaceAll("/tmp/claw-example", host);
    const example = "docs/examples/stack-spec.json";
    writeFileSync(join(dir, "spec.json"), here(readFileSync(join(root, example), "utf8")));
    const guide = readFileSync(join(root, "docs/guides/stacks.md"), "utf8");
    const [, block = ""] = /<!-- run by .*pulumi-cli.*-->\n\n```sh\n([\s\S]*?)```/.exec(guide) ?? [];
    const script = here(block).replace("file:///tmp", env.PULUMI_BACKEND_URL).replace(example, "spec.json");
    const options = { cwd: dir, env, encoding: "utf8" } as const;
    const { stdout } = await promisify(execFile)("bash", ["--norc", "-eu", "-o", "pipefail", "-c", script], options);
    expect(stdout).toMatch(/\+ 7 created[\s\S]*{"hello": true}[\s\S]*- 7 deleted/);
  });
});
