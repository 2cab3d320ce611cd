import { describe, it } from "vitest";
import type { PropertyValue } from "../../../../adapters/engine/contract/values.ts";
import { LocalKeyWrapper } from "../../../../adapters/engine/secrets/envelope.ts";
import { openPassphrase } from "../../../../adapters/engine/secrets/passphrase.ts";
import { maskSecrets, resealSecrets, revealSecrets, unwrapSecrets } from "../../../../adapters/engine/secrets/secret-values.ts";
import { SecretsOpener } from "../../../../adapters/engine/secrets/stack-secrets.ts";

const env = { PULUMI_CONFIG_PASSPHRASE: "correct horse" };
const key = (fill: number) => new Uint8Array(32).fill(fill);
const sealed = (ciphertext: string): PropertyValue => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext,
});

describe("passphrase secrets", () => {
  it("open what Pulumi's own CLI sealed", async ({ expect }) => {
    const secrets = await openPassphrase("pw", "v1:Oz/UK2d51mo=:v1:rmQMq19L0zaCiVtP:1kRQ+m5QPhNbHhEONHCuW6hpte+X5Q==");
    expect(secrets.decrypt("v1:rmGGEbUbtPCue+L8:3M8VOwTNCqm3D+ekj2MVXrmHtg==")).toBe('"x"');
    expect(secrets.decrypt("v1:Sf1VUr/Ai4ojDgC8:/tsZSf/g5sNK2YN+PYnG87gm6eX/MpM=")).toBe('{"k":1}');
  });

  it("refuse a wrong passphrase", async ({ expect }) => {
    const { provider } = await new SecretsOpener().create("passphrase", env);
    const opened = new SecretsOpener().open(provider, { PULUMI_CONFIG_PASSPHRASE: "other" });
    await expect(opened).rejects.toThrow("incorrect passphrase");
  });

  it("say where the passphrase is expected when there is none", async ({ expect }) => {
    await expect(new SecretsOpener().create("passphrase", {})).rejects.toThrow("PULUMI_CONFIG_PASSPHRASE_FILE");
  });

  it("never seal the same text to the same ciphertext", async ({ expect }) => {
    const secrets = await new SecretsOpener().create("passphrase", env);
    expect(secrets.encrypt("a")).not.toBe(secrets.encrypt("a"));
    expect(secrets.decrypt(secrets.encrypt("ä\u0000 😀"))).toBe("ä\u0000 😀");
  });
});

describe("envelope secrets", () => {
  it("are the default when the service has a wrapping key", async ({ expect }) => {
    const opener = new SecretsOpener(new LocalKeyWrapper(key(1)));
    const secrets = await opener.create(undefined, {});
    expect(secrets.provider.type).toBe("envelope");
    const opened = await new SecretsOpener(new LocalKeyWrapper(key(1))).open(secrets.provider, {});
    expect(opened.decrypt(secrets.encrypt("hush"))).toBe("hush");
  });

  it("stay readable after the wrapping key was rotated, while the earlier key is known", async ({ expect }) => {
    const secrets = await new SecretsOpener(new LocalKeyWrapper(key(2))).create("envelope", {});
    const rotated = new SecretsOpener(new LocalKeyWrapper(key(3), [key(2)]));
    expect((await rotated.open(secrets.provider, {})).decrypt(secrets.encrypt("hush"))).toBe("hush");
  });

  it("can't be opened with another service's key", async ({ expect }) => {
    const secrets = await new SecretsOpener(new LocalKeyWrapper(key(4))).create("envelope", {});
    const other = new SecretsOpener(new LocalKeyWrapper(key(5)));
    await expect(other.open(secrets.provider, {})).rejects.toThrow("which this service does not have");
    await expect(new SecretsOpener().open(secrets.provider, env)).rejects.toThrow("no known secrets provider");
  });

  it("name the forms there are when another is asked for", async ({ expect }) => {
    const created = new SecretsOpener(new LocalKeyWrapper(key(1))).create("awskms://alias/x", {});
    await expect(created).rejects.toThrow("this engine has 'passphrase' and 'envelope'");
  });
});

describe("secret values", () => {
  it("keep what they hold from passphrase to envelope, also nested", async ({ expect }) => {
    const from = await new SecretsOpener().create("passphrase", env);
    const to = await new SecretsOpener(new LocalKeyWrapper(key(6))).create("envelope", {});
    const value = { plain: 1, list: [sealed(from.encrypt(JSON.stringify({ inner: sealed(from.encrypt('"deep"')) })))] };
    const moved = resealSecrets(value, from, to);
    expect(unwrapSecrets(moved, to)).toEqual({ plain: 1, list: [{ inner: "deep" }] });
    expect(maskSecrets(moved)).toEqual({ plain: 1, list: ["[secret]"] });
    expect(resealSecrets(revealSecrets(value, from), to, to)).not.toEqual(revealSecrets(value, from));
    expect(unwrapSecrets(revealSecrets(value, from), to)).toEqual({ plain: 1, list: [{ inner: "deep" }] });
  });
});
