import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { hostSecrets } from "../../../adapters/identity/host-secrets.ts";
import { VaultKv } from "../../../adapters/identity/vault-secrets.ts";
import { readEnvironment } from "../../../service/config/environment.ts";
import { tempDir } from "../../support/cli.ts";
import { startTransit, type Transit } from "../../support/transit.ts";

describe("a secret of the host", () => {
  it("is what a file holds, without the end of its line", async ({ expect }) => {
    const dir = await tempDir();
    const path = join(dir, "key");
    await writeFile(path, "k-1\n");
    expect(await hostSecrets.file(path)).toEqual({ value: "k-1" });
    await writeFile(path, "");
    expect(await hostSecrets.file(path)).toMatchObject({ reason: "SourceMissing", message: expect.stringContaining("is empty") });
    await writeFile(path, "x".repeat(100_000));
    expect(await hostSecrets.file(path)).toMatchObject({ reason: "SourceMissing", message: expect.stringContaining("longer than") });
    await rm(path);
    expect(await hostSecrets.file(path)).toMatchObject({ reason: "SourceMissing", message: expect.stringContaining("ENOENT") });
    await mkdir(path);
    expect(await hostSecrets.file(path)).toMatchObject({ reason: "SourceMissing" });
    expect(await hostSecrets.file("/dev/zero")).toMatchObject({ reason: "SourceMissing", message: expect.stringContaining("no file") });
  });

  it("is what a variable of the environment holds", ({ expect }) => {
    process.env["CLAW_TEST_OF_SECRETS"] = "k-2";
    expect(hostSecrets.env("CLAW_TEST_OF_SECRETS")).toEqual({ value: "k-2" });
    delete process.env["CLAW_TEST_OF_SECRETS"];
    expect(hostSecrets.env("CLAW_TEST_OF_SECRETS")).toMatchObject({ reason: "SourceMissing" });
  });
});

describe("a secret in Vault", () => {
  let transit: Transit;
  beforeAll(async () => {
    transit = await startTransit();
  });
  afterAll(() => transit.stop());

  const kvOf = (over: Readonly<Record<string, string>> = {}) => {
    const { CLAW_VAULT_KEY: _, ...settings } = transit.settings;
    const { vaultSecrets, vault } = readEnvironment({ ...settings, CLAW_VAULT_SECRETS: "secret/data/claw", ...over });
    if (!vaultSecrets || vault) {
      throw new Error("the settings name Vault's secrets and no key");
    }
    return new VaultKv(vaultSecrets, vaultSecrets.folder);
  };

  it("is a field of what is at its path, in the tenant's own folder", async ({ expect }) => {
    await transit.ask("POST", "secret/data/claw/acme/team/openai", { data: { apiKey: "k-3", count: 3 } });
    expect(await kvOf().read("acme", "team/openai", "apiKey")).toEqual({ value: "k-3" });
    expect(await kvOf().read("globex", "team/openai", "apiKey")).toMatchObject({ reason: "SourceMissing" });
    expect(await kvOf().read("acme", "team/openai", "other")).toMatchObject({ reason: "SourceMissing" });
    expect(await kvOf().read("acme", "team/openai", "count")).toMatchObject({ reason: "SourceMissing" });
    expect(await kvOf().read("acme", "team/none", "apiKey")).toMatchObject({ reason: "SourceMissing" });
  });

  it("says why it can't be had, and holds nothing of a token", async ({ expect }) => {
    const file = join(await tempDir(), "token");
    await writeFile(file, "not-a-token");
    const refused = await kvOf({ CLAW_VAULT_TOKEN_FILE: file }).read("acme", "team/openai", "apiKey");
    expect(refused).toMatchObject({ reason: "SourceForbidden", message: expect.stringContaining("403") });
    expect(JSON.stringify(refused)).not.toContain("not-a-token");
    const away = await kvOf({ CLAW_VAULT_ADDR: "http://127.0.0.1:9" }).read("acme", "team/openai", "apiKey");
    expect(away).toMatchObject({ reason: "SourceUnreachable" });
    await rm(file);
    expect(await kvOf({ CLAW_VAULT_TOKEN_FILE: file }).read("acme", "team/openai", "apiKey")).toMatchObject({
      reason: "SourceUnreachable",
    });
  });
});
