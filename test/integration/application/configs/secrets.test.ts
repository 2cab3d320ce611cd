import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { describe, it } from "vitest";
import { type SecretInput, stackNameOf } from "../../../../sdk/contract/index.ts";
import { type ReadSecretDependencies, readSecret } from "../../../../service/application/configs/read-secret.ts";
import { startSecretReader } from "../../../../service/workers/secret-reader.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, aTemplate, aTenant } from "../../../support/builders/manifests.ts";
import { uniqueName } from "../../../support/builders/tenancy.ts";
import { tempDir } from "../../../support/cli.ts";
import { aSecret, aSetOfValues } from "../../../support/sample-requests.ts";

const app = await anApplication();
const admin = app.admin();
const platform = app.admin("default");

const named = (secretRef: string) => [{ key: "environment.API_KEY", value: { secretRef } }];
const using = (name: string, secret: string) => anEcho(name, { config: { overrides: named(secret) } });

async function aPlace() {
  const tenant = uniqueName("tenant");
  await admin.tenants.create(aTenant(tenant));
  const made = () => JSON.stringify(app.stacks.made(stackNameOf(tenant, "local"), "web"));
  return { tenant, acme: app.admin(tenant), team: app.as({ tenant }), made };
}

/** What reads sources when they are due, of this tenant. */
async function readDue(tenant: string) {
  const { transactions } = app.dependencies;
  const claimed = await transactions.platform((tx) => tx.work.claimSecrets(100, 60));
  for (const { tenant: home, id } of claimed.filter((each) => each.tenant.name === tenant)) {
    await readSecret(home, id, { ...app.dependencies, sources: app.dependencies.secretSources });
  }
  return claimed.filter((each) => each.tenant.name === tenant).length;
}

/** What the worker stands on, which dies before or behind one of its steps: each transaction is one, and so is reading a source. */
function killedAt(cut: number) {
  let left = cut;
  let isDead = false;
  const die = () => {
    isDead ||= left-- === 0;
    if (isDead) {
      throw new Error("killed");
    }
  };
  const step = async <T>(run: () => Promise<T>): Promise<T> => {
    die();
    const result = await run();
    die();
    return result;
  };
  const { transactions, secretSources } = app.dependencies;
  const deps: ReadSecretDependencies = {
    ...app.dependencies,
    transactions: {
      ...transactions,
      platform: (work) => step(() => transactions.platform(work)),
      tenant: (id, work) => step(() => transactions.tenant(id, work)),
    },
    sources: { ...secretSources, read: (source, tenant) => step(() => secretSources.read(source, tenant)) },
  };
  return { deps, isDead: () => isDead };
}

const makeDue = (name: string) =>
  app.database.pool.query(`update secrets set due_at = now() - interval '1 second' where name = $1`, [name]);

describe("a secret that configurations name", () => {
  it("reaches the claws, is shown nowhere, and reaches them again when it is another", async ({ expect }) => {
    const { acme, made } = await aPlace();
    await acme.secrets.create(aSecret("openai", { value: "k-first-3141" }));
    await acme.instances.create(using("web", "openai"));
    await acme.instances.create(anEcho("plain"));
    await app.settle();
    expect(made()).toContain("k-first-3141");
    const shown = [
      await acme.secrets.get("openai"),
      await acme.instances.get("web"),
      await acme.instances.config("web", { explain: true, files: true }),
      await acme.audit.list(),
      await acme.instances.events("web"),
    ];
    expect(JSON.stringify(shown)).not.toContain("k-first-3141");
    // What its claw reads is shown, without it.
    expect((await acme.instances.config("web", { files: true })).files?.[0]?.content).toContain('"reply"');
    expect((await acme.secrets.get("openai")).spec.value).toBe("[secret]");
    expect((await acme.secrets.users("openai")).items).toMatchObject([{ instance: "web" }]);

    const next = aSecret("openai", { value: "k-second-2718" });
    const preview = await acme.secrets.replace("openai", next, { preview: true });
    expect(preview.items.map(({ kind, name, op }) => [kind, name, op])).toEqual([
      ["Secret", "openai", "update"],
      ["ClawInstance", "web", "update"],
    ]);
    expect(JSON.stringify(preview)).not.toMatch(/k-first|k-second/);
    const { generation } = (await acme.instances.get("plain")).metadata;
    await acme.secrets.replace("openai", next);
    await app.settle();
    expect(made()).toContain("k-second-2718");
    expect((await acme.instances.get("plain")).metadata.generation).toBe(generation);
    for (const text of ["k-first-3141", "k-second-2718"]) {
      expect(await app.tablesWith(text)).toEqual([]);
    }
    // As it was shown, nothing of it is new.
    const again = await acme.previews.create({ manifests: [(await acme.secrets.get("openai")) as SecretInput] });
    expect(again.items.map(({ name, op }) => [name, op])).toEqual([
      ["openai", "same"],
      ["web", "same"],
    ]);
  });

  it("is waited for, and can't go while it is named", async ({ expect }) => {
    const { acme } = await aPlace();
    await acme.instances.create(using("web", "openai"));
    await app.settle();
    const { status } = await acme.instances.get("web");
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: "Provisioned", status: "False", message: expect.stringContaining("waits for the secret 'openai'") }),
    );
    await acme.secrets.create(aSecret("openai", { value: "k-9" }));
    await app.settle();
    expect((await acme.instances.get("web")).status.phase).toBe("Running");
    await expect(acme.secrets.delete("openai")).rejects.toMatchObject({ code: "secret.in_use" });
    await acme.instances.replace("web", anEcho("web"));
    await acme.secrets.delete("openai");
  });

  it("is what a variable of the type secretRef names, and nothing else can stand there", async ({ expect }) => {
    const { acme } = await aPlace();
    const variables = [{ name: "environment.API_KEY", type: "secretRef", required: true, description: "The model's key" }];
    await acme.configs.create(aTemplate("keyed", { variables }));
    await acme.configs.publish("keyed");
    expect((await acme.configs.schema("keyed"))["properties"]).toMatchObject({
      "environment.API_KEY": { type: "object", required: ["secretRef"], "x-type": "secretRef", description: "The model's key" },
    });
    const named = { "environment.API_KEY": { secretRef: "openai" } };
    expect(await acme.configs.validate("keyed", { values: named })).toMatchObject({
      issues: [{ path: "environment.API_KEY", message: "there is no secret 'openai'", fix: "claw secrets set openai" }],
    });
    const clear = "k-in-clear-1414";
    const refusal = { code: "config.invalid", issues: [{ message: expect.stringContaining("the template wants the name of a secret") }] };
    const by = (value: unknown) => anEcho("keyed", { config: { template: "keyed", overrides: [{ key: "environment.API_KEY", value }] } });
    await expect(acme.instances.create(by(clear))).rejects.toMatchObject(refusal);
    expect(JSON.stringify(await acme.configs.validate("keyed", { values: { "environment.API_KEY": clear } }))).not.toContain(clear);
    // One that is missing is waited for, as anywhere; what is named for all of a level is a reference there, too.
    await acme.instances.create(by({ secretRef: "openai" }));
    await app.settle();
    expect((await acme.instances.get("keyed")).status.phase).not.toBe("Running");
    await acme.secrets.create(aSecret("openai", { value: "k-there-1732" }));
    await app.settle();
    expect((await acme.instances.get("keyed")).status.phase).toBe("Running");
    expect(await acme.configs.validate("keyed", { values: named })).toEqual({ valid: true, issues: [] });
    await acme.instances.create(anEcho("by-level", { config: { template: "keyed" } }));
    await acme.values.create(aSetOfValues("keys", [{ key: "environment.API_KEY", value: { secretRef: "openai" } }]));
    await app.settle();
    expect((await acme.instances.get("by-level")).status.phase).toBe("Running");
    await expect(acme.values.replace("keys", aSetOfValues("keys", [{ key: "environment.API_KEY", value: clear }]))).rejects.toMatchObject({
      code: "config.invalid",
      issues: [refusal.issues[0], refusal.issues[0]],
    });
    const chosen = { ...variables[0], enum: [{ secretRef: "openai" }] };
    expect(() => aTemplate("chosen", { variables: [chosen] })).toThrow("is of variables that have a value themselves");
  });

  it("is found wherever it is named: overrides, values of each level, the version of the template in use", async ({ expect }) => {
    const { acme } = await aPlace();
    await acme.secrets.create(aSecret("key"));
    const variables = [{ name: "environment.API_KEY", type: "string", secret: true, default: { secretRef: "key" } }];
    await acme.configs.create(aTemplate("base", { variables }));
    await acme.configs.publish("base");
    await acme.instances.create(using("by-override", "key"));
    await acme.instances.create(anEcho("by-template", { config: { template: "base" } }));
    await acme.instances.create(anEcho("by-values"));
    await acme.instances.create(anEcho("not"));
    await acme.values.create(aSetOfValues("own", named("key"), { instance: "by-values" }));
    const users = async () => (await acme.secrets.users("key")).items.map(({ instance }) => instance);
    expect(await users()).toEqual(["by-override", "by-template", "by-values"]);
    const [first] = (await acme.secrets.users("key", { limit: 1 })).items;
    expect(first?.instance).toBe("by-override");
    await acme.configs.replace("base", aTemplate("base"));
    await acme.configs.publish("base");
    expect(await users()).toEqual(["by-override", "by-values"]);
  });

  it("of the platform is named by what is the platform's alone", async ({ expect }) => {
    const { acme, team, tenant, made } = await aPlace();
    const [secret, values] = [uniqueName("shared"), uniqueName("global")];
    await platform.secrets.create(aSecret(secret, { value: "k-platform-42" }));
    await acme.instances.create(using("web", secret));
    await app.settle();
    // A tenant that knows its name gets nothing of it.
    expect((await acme.instances.get("web")).status.phase).not.toBe("Running");
    await expect(team.secrets.get(secret)).rejects.toMatchObject({ code: "secret.not_found" });
    await acme.instances.replace("web", anEcho("web"));
    await platform.values.create(aSetOfValues(values, named(secret), "global"));
    await app.settle();
    expect(made()).toContain("k-platform-42");
    expect((await platform.secrets.users(secret)).items).toContainEqual({ tenant, instance: "web", project: "default" });
    await expect(platform.secrets.delete(secret)).rejects.toMatchObject({
      code: "secret.in_use",
      message: expect.not.stringContaining("web"),
    });
    await platform.values.delete(values);
    await platform.secrets.delete(secret);
  });
});

describe("a secret that is kept elsewhere", () => {
  it("is read, read again, and goes on as it was while it can't be", async ({ expect }) => {
    const { acme, tenant, made } = await aPlace();
    const file = join(await tempDir(), "key");
    await acme.secrets.create(aSecret("openai", { source: { file }, refreshSeconds: 30 }));
    await acme.instances.create(using("web", "openai"));
    await app.settle();
    const available = async () => (await acme.secrets.get("openai")).status.conditions[0];
    expect(await available()).toMatchObject({ status: "Unknown", reason: "NotReadYet" });
    expect(await readDue(tenant)).toBe(1);
    expect(await available()).toMatchObject({ status: "False", reason: "SourceMissing", message: expect.stringContaining(file) });

    await writeFile(file, "k-kept-1");
    expect(await acme.secrets.refresh("openai")).toMatchObject({ status: { conditions: [{ status: "True", reason: "Read" }] } });
    await app.settle();
    expect(made()).toContain("k-kept-1");
    expect(await app.published("secret.changed")).toContainEqual(
      expect.objectContaining({ data: expect.objectContaining({ name: "openai", tenant }) }),
    );
    // Nothing is due before its time, and the same value is nothing new.
    expect(await readDue(tenant)).toBe(0);
    const { generation } = (await acme.instances.get("web")).metadata;
    await makeDue("openai");
    await readDue(tenant);
    expect((await acme.instances.get("web")).metadata.generation).toBe(generation);

    await rm(file);
    await makeDue("openai");
    await readDue(tenant);
    expect(await available()).toMatchObject({ status: "False", reason: "SourceMissing" });
    await acme.instances.restart("web");
    await app.settle();
    expect(made()).toContain("k-kept-1");
    await writeFile(file, "k-kept-2");
    await acme.secrets.refresh("openai");
    await app.settle();
    expect(made()).toContain("k-kept-2");
    expect(await app.tablesWith("k-kept-")).toEqual([]);
  });

  it("reaches all who use it, once, wherever the worker that reads it is killed", async ({ expect }) => {
    const { acme, made } = await aPlace();
    const file = join(await tempDir(), "key");
    const name = uniqueName("killed");
    await writeFile(file, "k-0-of-many");
    await acme.secrets.create(aSecret(name, { source: { file } }));
    await acme.instances.create(using("web", name));
    await acme.instances.create(using("other", name));
    await acme.secrets.refresh(name);
    await app.database.pool.query(`update secrets set due_at = now() + interval '1 hour' where name <> $1`, [name]);
    const generations = async () => (await acme.instances.list()).items.map(({ metadata }) => metadata.generation);
    const told = async () => (await app.published("secret.changed")).filter(({ data }) => data["name"] === name).length;
    let isDead = true;
    for (let cut = 0; isDead; cut++) {
      await app.settle();
      const [before, toldBefore] = [await generations(), await told()];
      await writeFile(file, `k-${cut + 1}-of-many`);
      await makeDue(name);
      const mortal = killedAt(cut);
      await startSecretReader({ ...mortal.deps, log: pino({ level: "silent" }) }).stop();
      isDead = mortal.isDead();
      // All of them or none: what it had done by then it had done whole.
      const after = await generations();
      expect(new Set(after.map((generation, index) => generation - (before[index] ?? 0))).size).toBe(1);
      await makeDue(name);
      await startSecretReader({ ...killedAt(Number.POSITIVE_INFINITY).deps, log: pino({ level: "silent" }) }).stop();
      expect([cut, await generations(), await told()]).toEqual([cut, before.map((generation) => generation + 1), toldBefore + 1]);
      await app.settle();
      expect(made()).toContain(`k-${cut + 1}-of-many`);
      expect(cut).toBeLessThan(20);
      if (!isDead) {
        // Claiming, looking, reading and writing, before and behind each.
        expect(cut).toBe(8);
      }
    }
  });

  it("is written as it was read by whoever read what is wanted now, and by nobody else", async ({ expect }) => {
    const { acme, tenant } = await aPlace();
    const file = join(await tempDir(), "key");
    await writeFile(file, "k-slow");
    const { metadata } = await acme.secrets.create(aSecret("openai", { source: { file } }));
    const home = await app.dependencies.transactions.platform((tx) => tx.tenants.get(tenant));
    const sources = {
      whyNot: () => undefined,
      read: async () => {
        await acme.secrets.replace("openai", aSecret("openai", { value: "k-given" }));
        return { value: "k-slow" };
      },
    };
    await readSecret(home, metadata.uid as `sec_${string}`, { ...app.dependencies, sources });
    expect((await acme.secrets.get("openai")).status).toMatchObject({ conditions: [{ reason: "Given" }] });
  });

  it("is not the host's for whoever may not use that, and not in what is not set up", async ({ expect }) => {
    const { team } = await aPlace();
    for (const source of [{ env: "PATH" }, { file: "/etc/passwd" }]) {
      await expect(team.secrets.create(aSecret("host", { source }))).rejects.toMatchObject({ code: "auth.forbidden" });
    }
    await expect(team.secrets.create(aSecret("host", { source: { vault: { path: "a/b" } } }))).rejects.toMatchObject({
      issues: [{ path: "spec.source", message: expect.stringContaining("CLAW_VAULT_SECRETS") }],
    });
    const kubernetes = { cluster: "nowhere", name: "a", key: "b" };
    await expect(team.secrets.create(aSecret("host", { source: { kubernetes } }))).rejects.toMatchObject({ code: "cluster.not_found" });
    await expect(team.secrets.create(aSecret("host", {}))).rejects.toMatchObject({ issues: [{ path: "spec" }] });
    const both = { value: "a", source: { vault: { path: "a" } } };
    await expect(team.secrets.create(aSecret("host", both))).rejects.toMatchObject({ issues: [{ path: "spec" }] });
    await expect(team.secrets.create(aSecret("host", { value: "[secret]" }))).rejects.toMatchObject({ issues: [{ path: "spec.value" }] });
  });
});
