import { execFile } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { it } from "vitest";
import { aTenant } from "../../support/builders/manifests.ts";
import { tempDir } from "../../support/cli.ts";
import { startTestService, type TestService } from "../../support/service.ts";

const root = join(import.meta.dirname, "../../..");

interface Shell {
  readonly cwd: string;
  readonly path?: string;
  readonly env: Readonly<Record<string, string>>;
}

async function shBlocks(document: string): Promise<string[]> {
  const text = await readFile(join(root, document), "utf8");
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
}

async function runInShell(script: string, { cwd, path = "", env }: Shell): Promise<string> {
  const { stdout } = await promisify(execFile)("bash", ["--norc", "-eu", "-o", "pipefail", "-c", script], {
    cwd,
    env: { HOME: cwd, PATH: `${path}:${process.env["PATH"]}`, NO_COLOR: "1", ...env },
  }).catch((error: { stdout?: string; stderr?: string; message: string }) => {
    throw new Error(`the guide failed:\n${error.stdout}\n${error.stderr}`, { cause: error });
  });
  return stdout;
}

// The guides' commands are what people paste: they run here as they stand, in a shell, in their order.
it("runs every command of the guides", { timeout: 300_000 }, async ({ expect, onTestFinished }) => {
  const service = await startTestService();
  onTestFinished(() => service.stop());
  const commandLine = await runGuide("docs/guides/cli.md", service);
  expect(commandLine).toContain("tenant/guide created");
  expect(commandLine).toContain("instance/hello created");
  expect(commandLine).toContain("instance/hello destroyed");
  const access = await runGuide("docs/guides/access.md", service);
  expect(access).toContain("yes: 'serviceaccount:access-guide/deployer' may create, change and destroy instances in this project");
  expect(access).toContain("no: 'serviceaccount:access-guide/deployer' may not see clusters");
  expect(access).toMatch(/token\/tok_\w+ revoked/);
  expect(access).toMatch(/ses_\w+ +tokens +token[\s\S]*session\/ses_\w+ ended/);
  const audit = await runGuide("docs/guides/audit.md", service);
  expect(audit).toMatch(/instance\.stop +ClawInstance\/hello +success +127\.0\.0\.1/);
  expect(audit).toContain('"path":"spec.running"');
  expect(audit).toMatch(/platform: valid: \d+ records/);
  expect(audit).toContain("tenant/audit-guide updated");
  expect(audit).toMatch(/"title":"hello, opened by admin"[^\n]*\n\[[\d.]+,"o","This terminal is recorded/);
  const streams = await runGuide("docs/guides/streams.md", service);
  expect(streams).toMatch(/"type":"metrics","phase":"Running"/);
  expect(streams).toMatch(/id: \w{12}\.\d+\ndata: \{"type":"lines"/);
  expect(streams.match(/"text":"word","seq":3/g)).toHaveLength(2);
  expect(streams).toMatch(/let in with 303\n\{[^\n]*\}\n+the link again: 404\nwithout what came of it: 404\n/);
});

it("runs the guide of policies", { timeout: 120_000 }, async ({ expect, onTestFinished }) => {
  const service = await startTestService();
  onTestFinished(() => service.stop());
  const said = await runGuide("docs/guides/policies.md", service);
  expect(said).toContain("✖ policy small: instance 'big': spec.resources.cpu is 4, at most 2 are allowed");
  expect(said).toMatch(/policy-guide +fit +owned +warn +instance 'fit': it has no label 'team'/);
});

it("runs the guide of configuration", { timeout: 240_000 }, async ({ expect, onTestFinished }) => {
  const service = await startTestService();
  onTestFinished(() => service.stop());
  const said = await runGuide("docs/guides/configuration.md", service);
  expect(said).toMatch(/reply\.prefix +"hey " +instance +values\/mine +admin[^\n]*\n +hides reply\.prefix +"hi " +tenant +values\/tone/);
  expect(said).toMatch(/reply\.prefix +"hi " +tenant, locked/);
  expect(said).toContain("one word in small letters");
  expect(said).toContain("config/base says in version 3 what it said in version 1");
  expect(said).toContain("instances with ring=canary are held to version 2 of config/base");
  expect(said).toMatch(/web +differs +1 +0[\s\S]*reply\.prefix: "hey " → "hullo " \[tenant\]\nexit code 6/);
  expect(said).toMatch(/\+ *"prefix": "hullo "/);
  expect(said).toMatch(/web +consistent +0 +1[\s\S]*web +consistent +0 +0/);
  expect(said).not.toContain("k-12345678");
});

it("runs the guide of rollouts", { timeout: 240_000 }, async ({ expect, onTestFinished }) => {
  const service = await startTestService();
  onTestFinished(() => service.stop());
  const said = await runGuide("docs/guides/rollouts.md", service);
  expect(said).toContain("config/base has version 2, which is held");
  expect(said).toContain("rollout/friendlier has begun: 2 instances in 2 waves");
  expect(said).toContain("Completed 2/2: 2 instances have it, and version 2 is what everybody has who uses 'base'");
  expect(said).toMatch(/canary +probe +passed +1 of 1 answered so +an answer with 'there' within 60 s/);
  expect(said).toContain("AwaitingApproval 1/2: wave 'everybody' begins when somebody approves of it");
  expect(said).toContain("Completed 2/2: 2 instances have it, and version 3 is what everybody has who uses 'base'");
});

it("runs the guide of claw types", { timeout: 120_000 }, async ({ expect, onTestFinished }) => {
  const service = await startTestService();
  onTestFinished(() => service.stop());
  const said = await runGuide("docs/guides/types.md", service);
  expect(said).toContain("type/greeter created");
  expect(said).toMatch(/chat +no +not that it can be talked to/);
  expect(said).toContain("type/greeter deleted");
});

it("runs what needs no OpenClaw of the guide of adoptions", { timeout: 60_000 }, async ({ expect }) => {
  const said = await runGuide("docs/guides/adopt.md", { url: "http://127.0.0.1:9", adminToken: "none", dataDir: "none" });
  expect(said).toContain("secretRef: assistant-models-providers-own-api-key");
  expect(said).toMatch(/key: environment\.TELEGRAM_BOT_TOKEN\n +value:\n +secretRef: assistant-telegram-bot-token/);
  expect(said).not.toContain("k-of-my-own-server");
});

it("runs the guide of secrets", { timeout: 120_000 }, async ({ expect, onTestFinished }) => {
  const service = await startTestService();
  onTestFinished(() => service.stop());
  const said = await runGuide("docs/guides/secrets.md", service);
  expect(said).toContain("secret/openai created");
  expect(said).toMatch(/openai +given +#1 +yes/);
  expect(said).toMatch(/secrets-guide +asker +default/);
  expect(said).toMatch(/~ instance\/asker/);
  expect(said).toContain("secret/openai changed");
  expect(said).toMatch(/openai +given +#2, #3 to come +yes/);
  expect(said).toContain("value 3 is what everybody has who uses 'openai'");
  expect(said).not.toMatch(/sk-0123456789|sk-9876543210|sk-1111111111/);
});

/** In a folder of its own, with the files that the guide shows. */
async function runGuide(document: string, service: Pick<TestService, "url" | "adminToken" | "dataDir">): Promise<string> {
  const guide = await readFile(join(root, document), "utf8");
  const home = await tempDir();
  for (const [, yaml = "", name = ""] of guide.matchAll(/```(?:yaml|json5)\n((?:#|\/\/) (\S+)\n[\s\S]*?)```/g)) {
    await writeFile(join(home, name), yaml);
  }
  await writeFile(join(home, "claw"), `#!/bin/sh\nexec "${process.execPath}" "${join(root, "sdk/cli/main.ts")}" "$@"\n`);
  await chmod(join(home, "claw"), 0o755);
  const script = (await shBlocks(document)).join("\n").replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, service.url);
  return runInShell(script, {
    cwd: home,
    path: home,
    env: { CLAW_URL: service.url, CLAW_TOKEN: service.adminToken, CLAW_DATA_DIR: service.dataDir },
  });
}

it("runs the request of the API's guide", async ({ expect, onTestFinished }) => {
  const service = await startTestService();
  onTestFinished(() => service.stop());
  await service.claw().tenants.create(aTenant("acme"));
  const [request = ""] = await shBlocks("docs/guides/api.md");
  const env = { CLAW_URL: service.url, CLAW_TOKEN: service.adminToken };
  expect(JSON.parse(await runInShell(request, { cwd: await tempDir(), env }))).toEqual({ items: [] });
});
