import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { digestToken } from "../../../adapters/identity/tokens.ts";
import { openDatabase } from "../../../adapters/postgres/open-database.ts";
import { API_VERSION, type TenantId } from "../../../sdk/contract/index.ts";
import { aTenant } from "../../support/builders/manifests.ts";
import { startTestService, type TestService } from "../../support/service.ts";

/** A tenant's token: all that an attacker has here. */
const TOKEN = "claw_attacker_token";
let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  const { metadata } = await service.claw().tenants.create(aTenant("mallory"));
  const { transactions, close } = await openDatabase({ url: service.databaseUrl });
  const tenantId = metadata.uid as TenantId;
  await transactions.platform((tx) => tx.tokens.insert({ digest: digestToken(TOKEN), subject: "mallory", tenantId, platform: false }));
  await close();
});
afterAll(() => service.stop());

/** As the tenant; what the client's own types would refuse goes out all the same. */
async function post(path: string, spec: object, kind = "ClawInstance", token = TOKEN): Promise<{ status: number; [key: string]: unknown }> {
  const response = await fetch(`${service.url}/api/v1${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "x-claw-tenant": "mallory" },
    body: JSON.stringify({ apiVersion: API_VERSION, kind, metadata: { name: `m${Math.random().toString(36).slice(2, 8)}` }, spec }),
  });
  return { ...((await response.json()) as object), status: response.status };
}

describe("a version that is a path", () => {
  it("is refused by name, and nothing that it leads to is run by a preview", async ({ expect }) => {
    const evil = mkdtempSync(join(tmpdir(), "claw-evil-"));
    const program = join(evil, "node_modules", "openclaw");
    mkdirSync(program, { recursive: true });
    writeFileSync(join(program, "openclaw.mjs"), `import { writeFileSync } from "node:fs"; writeFileSync("${evil}/ran", "");`);
    const version = relative(join(service.dataDir, "software", "openclaw"), evil);
    expect(version).toMatch(/^\.\.\//);
    for (const path of ["/instances?preview=true", "/instances"]) {
      const refusal = await post(path, { type: "OpenClaw", version });
      expect({ ran: existsSync(join(evil, "ran")), ...refusal }).toMatchObject({
        ran: false,
        status: 422,
        code: "request.invalid",
        errors: [{ path: "spec.version", message: expect.stringContaining("not a version") }],
      });
    }
    await rm(evil, { recursive: true });
    expect((await post("/instances?preview=true", { type: "OpenClaw", version: ".." })).status).toBe(422);
    expect((await post("/instances?preview=true", { type: "../OpenClaw" })).status).toBe(422);
  });
});

describe("a variable that names something of the host", () => {
  const overrides = (...given: object[]) => ({ type: "NanoClaw", config: { overrides: given } });

  it("is not a tenant's, at whatever depth it is set", async ({ expect }) => {
    for (const override of [
      { key: "software.dir", value: "/tmp/evil" },
      { key: "software", value: { dir: "/tmp/evil" } },
      { key: "docker.host", value: "unix:///run/other.sock" },
      { key: "software.dir.deeper", value: "/tmp/evil" },
    ]) {
      expect(await post("/instances?preview=true", overrides(override)), override.key).toMatchObject({
        status: 403,
        code: "auth.forbidden",
        detail: expect.stringMatching(/'(software\.dir|docker\.host)' names something of the host.*platform administrator/),
        errors: [{ path: "spec.config.overrides[0].key", fix: expect.stringContaining("platform administrator") }],
      });
    }
    const variables = [{ name: "software", type: "object", default: { dir: "/tmp/evil" } }];
    expect(await post("/configs", { adapter: "NanoClawAdapter", variables }, "ConfigTemplate")).toMatchObject({
      status: 403,
      errors: [{ path: "spec.variables[0].default" }],
    });
  });

  it("is a platform administrator's, and a tenant may keep what such a one has set", async ({ expect }) => {
    const set = overrides({ key: "software.dir", value: "/opt/nanoclaw" }, { key: "docker.image", value: "agent" });
    const made = await post("/instances", { ...set, running: false }, "ClawInstance", service.adminToken);
    expect(made).toMatchObject({ status: 202, kind: "ClawInstance" });
    const { name } = made["metadata"] as { name: string };
    const replace = (spec: object) =>
      fetch(`${service.url}/api/v1/instances/${name}?preview=true`, {
        method: "PUT",
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify({ apiVersion: API_VERSION, kind: "ClawInstance", metadata: { name }, spec }),
      }).then(({ status }) => status);
    expect(await replace({ ...set, running: false, deletionPolicy: "delete" })).toBe(200);
    expect(await replace(overrides({ key: "software.dir", value: "/tmp/evil" }))).toBe(403);
  });
});
