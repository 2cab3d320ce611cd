import { readFile, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it, onTestFinished } from "vitest";
import { VaultKeyProvider } from "../../../adapters/identity/vault-key-provider.ts";
import { readEnvironment } from "../../../service/config/environment.ts";
import { certificates } from "../../support/certificates.ts";
import { tempDir } from "../../support/cli.ts";
import { standIn, startTransit, type Transit } from "../../support/transit.ts";

const KEY = new Uint8Array(32).fill(7);

let transit: Transit;
beforeAll(async () => {
  transit = await startTransit();
});
afterAll(() => transit.stop());

function providerOf({ settings }: Pick<Transit, "settings">, over: Readonly<Record<string, string>> = {}): VaultKeyProvider {
  const { vault } = readEnvironment({ ...settings, ...over });
  if (!vault) {
    throw new Error("the settings name a Vault");
  }
  return new VaultKeyProvider(vault);
}

describe("a key in Vault", () => {
  it("wraps and opens, and what is kept names its version and holds nothing of the key", async ({ expect }) => {
    const provider = providerOf(transit);
    const wrapped = await provider.wrap(KEY);
    expect(wrapped.wrappedBy).toBe(await provider.current());
    expect(wrapped.wrappedBy).toMatch(/^vault:transit\/claw:v\d+$/);
    expect(wrapped.wrapped).not.toContain(Buffer.from(KEY).toString("base64"));
    expect(await provider.unwrap(wrapped)).toEqual(KEY);
  });

  it("opens with its former versions what they have wrapped, and wraps it anew by the new one", async ({ expect }) => {
    const provider = providerOf(transit);
    const before = await provider.wrap(KEY);
    await provider.rotate();
    expect(await provider.unwrap(before)).toEqual(KEY);
    const after = await provider.rewrap(before);
    expect([after.wrappedBy, after.wrappedBy === before.wrappedBy]).toEqual([await provider.current(), false]);
    expect(await provider.unwrap(after)).toEqual(KEY);
    // What Vault is told to open no more is said so.
    await transit.ask("POST", "transit/keys/claw/config", { min_decryption_version: Number(after.wrappedBy.split("v").at(-1)) });
    await expect(provider.unwrap(before)).rejects.toMatchObject({
      code: "service.unavailable",
      message: expect.stringContaining("too old"),
    });
    expect(await provider.unwrap(after)).toEqual(KEY);
  });

  it("takes a token that has been renewed in its file, and says what is wrong with one", async ({ expect }) => {
    const token = await readFile(transit.settings.CLAW_VAULT_TOKEN_FILE, "utf8");
    const file = join(await tempDir(), "token");
    const provider = providerOf(transit, { CLAW_VAULT_TOKEN_FILE: file });
    await expect(provider.current()).rejects.toThrow("CLAW_VAULT_TOKEN_FILE names a file that can't be used: ENOENT");
    for (const [text, says] of [
      ["", "holds no token"],
      ["two words", "holds no token"],
      ["wrong", "does not let the token of"],
    ] as const) {
      await writeFile(file, text);
      await expect(provider.current()).rejects.toThrow(says);
    }
    await writeFile(file, token);
    expect(await provider.current()).toMatch(/^vault:/);
  });

  it("says which key there is not, and which it does not open", async ({ expect }) => {
    const { wrapped } = await providerOf(transit).wrap(KEY);
    await expect(providerOf(transit, { CLAW_VAULT_KEY: "transit/none" }).current()).rejects.toThrow("'vault write -f transit/keys/none'");
    await expect(providerOf(transit, { CLAW_VAULT_KEY: "nowhere/claw" }).current()).rejects.toThrow(/CLAW_VAULT_KEY|does not let/);
    const other = { wrapped, wrappedBy: "vault:transit/other:v1" };
    await expect(providerOf(transit).unwrap(other)).rejects.toThrow("CLAW_VAULT_KEY is 'transit/claw'");
    const changed = { wrapped: `${wrapped.slice(0, -8)}AAAAAAA=`, wrappedBy: "vault:transit/claw:v1" };
    await expect(providerOf(transit).unwrap(changed)).rejects.toThrow("Vault refuses transit/decrypt/claw (400");
  });
});

describe("a Vault that is not as it should be", () => {
  const answering = async (instead: RequestListener) => {
    const odd = await standIn({ instead });
    onTestFinished(() => odd.stop());
    return providerOf(odd);
  };

  it("is sealed: it is said, asked no more for a while after three times, and told among what is away", async ({ expect }) => {
    const sealed = await standIn();
    onTestFinished(() => sealed.stop());
    const provider = providerOf(sealed);
    await sealed.ask("PUT", "sys/seal");
    for (const _of of Array(4)) {
      await expect(provider.current()).rejects.toMatchObject({
        code: "service.unavailable",
        message: expect.stringContaining("Vault is sealed"),
      });
    }
    expect(provider.circuit).toMatchObject({ state: "open", failures: 3, dependency: `Vault at ${sealed.settings.CLAW_VAULT_ADDR}` });
  });

  it.for<{ name: string; says: string; answer: RequestListener }>([
    { name: "no Vault at all", says: "is no transit engine", answer: (_, res) => res.end("<h1>Hello</h1>") },
    { name: "one that says too much", says: "more than it should", answer: (_, res) => res.end("x".repeat(600_000)) },
    { name: "one whose key is none", says: "is no transit engine", answer: (_, res) => res.end('{"data":{"latest_version":0}}') },
    {
      name: "one that sends elsewhere",
      says: "refuses",
      answer: (_, res) => void res.writeHead(307, { location: "http://127.0.0.1:1/" }).end(),
    },
    { name: "one that breaks off", says: "can't be reached", answer: (_, res) => res.destroy() },
  ])("is $name, and is said to be", async ({ says, answer }, { expect }) => {
    await expect((await answering(answer)).current()).rejects.toMatchObject({
      code: "service.unavailable",
      message: expect.stringContaining(says),
    });
  });

  it("is taken over TLS where its certificate is vouched for, and not otherwise", async ({ expect }) => {
    const secure = await standIn({ tls: true });
    onTestFinished(() => secure.stop());
    const caFile = join(await tempDir(), "ca.pem");
    await writeFile(caFile, certificates.loopback.cert);
    expect(await providerOf(secure, { CLAW_VAULT_CA_FILE: caFile }).current()).toMatch(/^vault:/);
    await writeFile(caFile, certificates.one.cert);
    await expect(providerOf(secure, { CLAW_VAULT_CA_FILE: caFile }).current()).rejects.toThrow(/certificate/);
    await expect(providerOf(secure).current()).rejects.toThrow(/certificate/);
    await rm(caFile);
    await expect(providerOf(secure, { CLAW_VAULT_CA_FILE: caFile }).current()).rejects.toThrow("CLAW_VAULT_CA_FILE");
  });

  it("is not asked in clear on another host, or with half of its settings", ({ expect }) => {
    const whole = { CLAW_VAULT_ADDR: "https://vault.example.com:8200", CLAW_VAULT_KEY: "a/b/claw", CLAW_VAULT_TOKEN_FILE: "/run/token" };
    expect(readEnvironment(whole).vault).toMatchObject({ mount: "a/b", key: "claw" });
    for (const wrong of [
      { CLAW_VAULT_ADDR: "http://vault.example.com:8200" },
      { CLAW_VAULT_ADDR: "https://vault.example.com/ui" },
      { CLAW_VAULT_ADDR: "" },
      { CLAW_VAULT_KEY: "claw" },
      { CLAW_VAULT_KEY: "../sys/raw" },
      { CLAW_VAULT_TOKEN_FILE: "" },
    ]) {
      expect(() => readEnvironment({ ...whole, ...wrong })).toThrow("CLAW_VAULT_");
    }
  });
});
