import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, it } from "vitest";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { runCli, tempDir } from "../../support/cli.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

const SECRET = "hunter2-is-not-a-good-key";
const logged: string[] = [];
let service: TestService;
let cwd: string;

beforeAll(async () => {
  service = await startTestService({}, pino({ level: "warn" }, { write: (line) => void logged.push(line) }));
  cwd = await tempDir();
  await service.claw().tenants.create(aTenant("acme"));
  await service.claw().tenants.create(aTenant("idle"));
  const config = { overrides: [{ key: "reply.prefix", value: SECRET }] };
  await service.claw("acme").instances.create(anEcho("web", { config }));
  await eventually(
    () => service.claw("acme").instances.get("web"),
    // Its claw may be ready before the operation that started it is over.
    ({ status, metadata }) => status.phase === "Running" && status.observedGeneration === metadata.generation,
    60_000,
  );
});
afterAll(() => service?.stop());

const claw = (...argv: readonly string[]) => runCli(argv, { url: service.url, cwd, env: { CLAW_TOKEN: service.adminToken } });

describe("claw stack", () => {
  it("exports to a file for its owner alone, and takes it back", async ({ expect }) => {
    const { code, stderr } = await claw("stack", "export", "acme", "--file", "acme.json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "stack/acme exported to acme.json: 8 resources\n" });
    expect((await stat(join(cwd, "acme.json"))).mode & 0o777).toBe(0o600);
    expect(await claw("stack", "import", "acme", "--file", "acme.json", "--yes")).toMatchObject({
      code: 0,
      stdout: "stack/acme imported: 8 resources\n",
    });
    expect((await service.claw("acme").instances.get("web")).status.phase).toBe("Running");
  });

  it("shows secrets on request only, and puts on record who asked, without them", async ({ expect }) => {
    const agentToken = /"agentToken":\s*\{[^}]*"plaintext"/;
    expect((await claw("stack", "export", "acme")).stdout).not.toMatch(agentToken);
    expect((await claw("stack", "export", "acme", "--show-secrets")).stdout).toMatch(agentToken);
    const { items } = await service.claw("acme").audit.list({ action: "stack.export", limit: 2 });
    const who = { actor: "admin", from: { requestId: expect.any(String) } };
    expect(items).toMatchObject([
      { ...who, details: { secrets: "in plaintext" } },
      { ...who, details: {} },
    ]);
    expect(JSON.stringify(items)).not.toContain(SECRET);
    expect(logged.join()).not.toContain(SECRET);
  });

  it("refuses a state that is not sound, line by line, and keeps what there is", async ({ expect }) => {
    const good = JSON.parse((await claw("stack", "export", "acme")).stdout);
    good.deployment.resources.reverse();
    await writeFile(join(cwd, "bad.json"), JSON.stringify(good));
    const refused = await claw("stack", "import", "acme", "--file", "bad.json", "--yes");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /can't be imported[\s\S]*deployment: state file contains errors: .*urn:pulumi:acme::[\s\S]*stack\.invalid/,
    );
    await writeFile(join(cwd, "bad.json"), '{"version":3}');
    expect((await claw("stack", "import", "acme", "--file", "bad.json", "--yes")).stderr).toMatch(/request\.invalid/);
    await writeFile(join(cwd, "bad.json"), "rubbish");
    expect(await claw("stack", "import", "acme", "--file", "bad.json", "--yes")).toMatchObject({ code: 2 });
    expect(JSON.parse((await claw("stack", "export", "acme")).stdout).deployment.resources).toHaveLength(8);
  });

  it("lists what was done, and says when there is nothing to cancel, to unlock or to move", async ({ expect }) => {
    expect((await claw("stack", "history", "acme")).stdout).toMatch(/VERSION +KIND +RESULT[\s\S]*1 +update +succeeded/);
    expect((await claw("stack", "cancel", "acme", "--yes")).stdout).toBe("stack/acme: nothing was running\n");
    expect((await claw("stack", "unlock", "acme", "--yes")).stdout).toBe("stack/acme: was not locked\n");
    expect((await claw("stack", "engine", "migrate", "acme", "--to", "embedded", "--yes")).stdout).toContain("'embedded' already");
    expect(await claw("stack", "history", "idle")).toMatchObject({ code: 3, stderr: expect.stringContaining("stack.not_found") });
    expect(await claw("stack", "history", "nobody")).toMatchObject({ code: 3, stderr: expect.stringContaining("tenant.not_found") });
  });
});
