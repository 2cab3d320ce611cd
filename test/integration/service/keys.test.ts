import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, it } from "vitest";
import { runKeysStatus } from "../../../service/server/keys.ts";
import { resetToken } from "../../../service/server/reset-token.ts";
import { aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { tempDir } from "../../support/cli.ts";
import { createEmptyDatabase } from "../../support/postgres.ts";
import { startTestService, type TestService } from "../../support/service.ts";
import { startTransit, type Transit } from "../../support/transit.ts";

const root = join(import.meta.dirname, "../../..");
/** What the service starts with from its next start on. */
const settings: Record<string, string> = {};
let transit: Transit;
let service: TestService;
beforeAll(async () => {
  transit = await startTransit();
  service = await startTestService(settings);
});
afterAll(async () => {
  await service.stop();
  await transit.stop();
});

/** The `sh` blocks of the guide that are run, with the settings of a service. @returns what they print */
async function runGuide(settings: Readonly<Record<string, string>>): Promise<string> {
  const guide = await readFile(join(root, "docs/guides/keys.md"), "utf8");
  const blocks = [...guide.matchAll(/<!-- run by [^\n]*\n\n```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
  return server(blocks.join("\n"), settings);
}

async function server(script: string, settings: Readonly<Record<string, string>>): Promise<string> {
  const home = await tempDir();
  await writeFile(
    join(home, "claw-server"),
    `#!/bin/sh\nexec "${process.execPath}" --disable-warning=ExperimentalWarning "${join(root, "service/server/main.ts")}" "$@"\n`,
  );
  await chmod(join(home, "claw-server"), 0o755);
  const env = { HOME: home, PATH: `${home}:${process.env["PATH"]}`, ...settings };
  const { stdout, stderr } = await promisify(execFile)("bash", ["--norc", "-c", script], { env, cwd: home });
  return stdout + stderr;
}
const settingsOf = ({ dataDir, databaseUrl }: TestService) => ({ CLAW_DATA_DIR: dataDir, CLAW_DATABASE_URL: databaseUrl });

/** What `claw-server keys status` and `token reset` say, in this process. */
async function saidBy(variables: Readonly<Record<string, string>>, commands = [runKeysStatus, resetToken]): Promise<string[]> {
  const all = [];
  for (const command of commands) {
    let said = "";
    const sink = { write: (text: string) => (said += text) };
    await command(variables, { stdout: sink, stderr: sink });
    all.push(said);
  }
  return all;
}

describe("claw-server keys status, and token reset", () => {
  it("say which data folder a database wants, and make no key in a wrong one", async ({ expect }) => {
    const wrong = await tempDir();
    const where =
      /wrapped by 'local:\w+', which is not in \S+master\.key: set CLAW_DATA_DIR to the data folder that goes with this database/;
    const said = await saidBy({ ...settingsOf(service), CLAW_DATA_DIR: wrong });
    expect(said).toEqual([expect.stringMatching(where), expect.stringMatching(where)]);
    expect(await readdir(wrong)).toEqual([]);
  });

  it("say what to do with a database that no service has started on", async ({ expect }) => {
    const { url, drop } = await createEmptyDatabase();
    const said = await saidBy({ CLAW_DATA_DIR: await tempDir(), CLAW_DATABASE_URL: url }).finally(drop);
    const fix = "start claw-server once with these settings";
    expect(said).toEqual([expect.stringContaining(fix), expect.stringContaining(fix)]);
  });

  it("clear away what a rotation that was killed has left half-way, and nothing that another writes now", async ({ expect }) => {
    const [left, written] = [randomUUID(), randomUUID()].map((id) => `master.key.${id}`);
    for (const name of [left, written]) {
      await writeFile(join(service.dataDir, name ?? ""), "half a ", { mode: 0o600 });
    }
    const longAgo = new Date(Date.now() - 120_000);
    await utimes(join(service.dataDir, left ?? ""), longAgo, longAgo);
    const [said] = await saidBy(settingsOf(service), [runKeysStatus]);
    expect(said).toMatch(/^provider file\n/);
    expect((await readdir(service.dataDir)).filter((name) => name.startsWith("master.key."))).toEqual([written]);
  });
});

describe("the guide of keys", () => {
  it("runs beside a service, with a master key and then with Vault, and no secret is lost", { timeout: 120_000 }, async ({ expect }) => {
    const claw = service.claw("acme");
    await service.claw().tenants.create(aTenant("acme"));
    const secret = { name: "reply.prefix", type: "string" as const, secret: true, default: "planted-secret" };
    await claw.configs.create(aTemplate("keyed", { variables: [secret] }));
    const said = await runGuide(settingsOf(service));
    expect(said).toMatch(/provider file\nwraps by (local:\w+)\ndata key \w+ made \S+, wrapped by \1 /);
    expect(said).toMatch(/ok +keys +\S+master\.key, which its owner alone may read/);
    expect(said).toMatch(/1 data key is wrapped by local:\w+ now\n$/);

    Object.assign(settings, transit.settings);
    await service.restart();
    const inVault = await runGuide({ ...settingsOf(service), ...transit.settings });
    const [, before = "", after = ""] = /wrapped by vault:transit\/claw:v(\d+) [\s\S]*now\n/.exec(inVault)
      ? (/:v(\d+) [\s\S]*:v(\d+) now/.exec(inVault) ?? [])
      : [];
    expect([inVault, Number(after)]).toEqual([expect.stringContaining("provider vault\n"), Number(before) + 1]);
    expect(await claw.configs.validate("keyed", { values: {} })).toEqual({ valid: true, issues: [] });

    // The master key can go, then.
    await rm(join(service.dataDir, "master.key"));
    await service.restart();
    expect(await claw.configs.validate("keyed", { values: {} })).toEqual({ valid: true, issues: [] });
    const metrics = await fetch(`${service.url}/metrics`, { headers: { authorization: `Bearer ${service.adminToken}` } });
    const text = await metrics.text();
    expect(text).toMatch(/claw_key_operations_total\{operation="unwrap",result="ok"\} [1-9]/);
    expect(text).toContain(`claw_circuit_open{dependency="Vault at ${transit.settings.CLAW_VAULT_ADDR}"} 0`);
    expect(await readdir(service.dataDir)).not.toContain("master.key");
  });
});
