import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Claw } from "../../../sdk/client/index.ts";
import { resetToken } from "../../../service/server/reset-token.ts";
import { startTestService, type TestService } from "../../support/service.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

describe("claw-server token reset", () => {
  const reset = async (more: Readonly<Record<string, string>> = {}) => {
    const said = { stdout: "", stderr: "" };
    const sink = (name: keyof typeof said) => ({ write: (text: string) => (said[name] += text) });
    const done = await resetToken(
      { CLAW_DATA_DIR: service.dataDir, CLAW_DATABASE_URL: service.databaseUrl, ...more },
      { stdout: sink("stdout"), stderr: sink("stderr") },
    );
    return { done, ...said };
  };
  const statusOf = async (token: string) =>
    (await fetch(`${service.url}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } })).status;

  it("replaces the token beside a service that runs, and it holds after a restart", async ({ expect }) => {
    const { done, stdout } = await reset();
    const token = stdout.trim();
    expect([done, await statusOf(service.adminToken), await statusOf(token)]).toEqual([true, 401, 200]);
    expect(JSON.parse(await readFile(join(service.dataDir, "access.json"), "utf8")).token).toBe(token);
    const { items } = await new Claw({ url: service.url, token }).audit.platform({ action: "administrator.reset" });
    expect(items).toMatchObject([{ actor: "control-plane", details: { by: "claw-server token reset" } }]);
    expect(await new Claw({ url: service.url, token }).audit.verifyPlatform({})).toMatchObject({ valid: true });
    await service.restart();
    expect([await statusOf(service.adminToken), await statusOf(token)]).toEqual([401, 200]);
  });

  it("says what to do where the settings name the token, or another key is used", async ({ expect }) => {
    expect(await reset({ CLAW_ADMIN_TOKEN: "x".repeat(20) })).toMatchObject({
      done: false,
      stdout: "",
      stderr: expect.stringMatching(/set another there/),
    });
    const key = Buffer.alloc(32, 1).toString("base64");
    expect(await reset({ CLAW_MASTER_KEY: key })).toMatchObject({ done: false, stdout: "", stderr: expect.stringMatching(/master key/) });
  });
});
