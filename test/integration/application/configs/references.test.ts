import { rootCertificates } from "node:tls";
import { describe, it } from "vitest";
import type { ApiError } from "../../../../sdk/client/index.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, anInstance, aTemplate, aTenant } from "../../../support/builders/manifests.ts";

const SECRET = "hunter2-is-not-a-good-key";
const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

type Overrides = readonly { key: string; value: unknown }[];
const MODEL = { key: "model.name", value: "anthropic/claude-sonnet-5" };
const anOpenClaw = (name: string, overrides: Overrides, template?: string) =>
  anInstance(name, { type: "OpenClaw", config: { overrides, ...(template !== undefined && { template }) } });

const made = async (name: string) => {
  await app.settle();
  const runtime = app.stacks.made("acme", name)?.runtime;
  return {
    runtime,
    native: JSON.parse(runtime?.files.find(({ path }) => path.endsWith(".json"))?.content ?? "{}"),
    env: { ...runtime?.env },
    secretEnv: { ...runtime?.secretEnv },
  };
};

const refusal = (name: string, overrides: Overrides): Promise<ApiError> =>
  claw.instances.create(anOpenClaw(name, overrides)).then(
    () => Promise.reject(new Error("it was accepted")),
    (error: unknown) => error as ApiError,
  );

describe("a reference", () => {
  it("stands for the variable of the environment, and is not taken for the key itself", async ({ expect }) => {
    const overrides = [
      MODEL,
      { key: "model.apiKey", value: "${ANTHROPIC_API_KEY}" },
      { key: "environment.ANTHROPIC_API_KEY", value: SECRET },
    ];
    const created = await claw.instances.create(anOpenClaw("referring", overrides));
    expect(created.spec.config.overrides[1]?.value).toBe("${ANTHROPIC_API_KEY}");
    expect(created.spec.config.overrides[2]?.value).toBe("[secret]");
    const { native, secretEnv, env } = await made("referring");
    expect(native.models.providers.anthropic.apiKey).toBe("${ANTHROPIC_API_KEY}");
    expect(secretEnv["ANTHROPIC_API_KEY"]).toBe(SECRET);
    expect(Object.values(secretEnv)).not.toContain("${ANTHROPIC_API_KEY}");
    expect(JSON.stringify([native, env])).not.toContain(SECRET);
    expect(await app.tablesWith(SECRET)).toEqual([]);
  });

  it("puts a secret inside a longer text", async ({ expect }) => {
    const headers = { Authorization: "Bearer ${MODEL_TOKEN}", "X-Team": "red" };
    const provider = { baseUrl: "http://own.example/v1", headers, models: [{ id: "m", name: "m" }] };
    const overrides = [
      { key: "models.providers.own", value: provider },
      { key: "environment.MODEL_TOKEN", value: SECRET },
      { key: "environment.HTTPS_PROXY", value: "http://user:${PROXY_PASSWORD}@proxy.example:3128" },
      { key: "environment.PROXY_PASSWORD", value: "p4ssw0rd" },
    ];
    await claw.instances.create(anOpenClaw("within", overrides));
    const { native, secretEnv, env } = await made("within");
    expect(native.models.providers.own.headers.Authorization).toBe("Bearer ${MODEL_TOKEN}");
    expect(secretEnv).toMatchObject({ MODEL_TOKEN: SECRET, HTTPS_PROXY: "http://user:p4ssw0rd@proxy.example:3128" });
    expect(env).not.toHaveProperty("HTTPS_PROXY");
  });

  it("may be to a source of OpenClaw's own, which stays as it is", async ({ expect }) => {
    const apiKey = { source: "env", provider: "default", id: "ANTHROPIC_API_KEY" };
    const overrides = [MODEL, { key: "model.apiKey", value: apiKey }, { key: "environment.ANTHROPIC_API_KEY", value: SECRET }];
    await claw.instances.create(anOpenClaw("sourced", overrides));
    expect((await made("sourced")).native.models.providers.anthropic.apiKey).toEqual(apiKey);
  });

  it("to nothing is refused, with where to set it", async ({ expect }) => {
    const error = await refusal("x", [MODEL, { key: "model.apiKey", value: "${ANTHROPIC_API_KEY}" }]);
    expect(error.issues).toEqual([
      {
        path: "model.apiKey",
        message: expect.stringContaining("the environment variable ANTHROPIC_API_KEY, which the instance does not have"),
        fix: expect.stringContaining("'environment.ANTHROPIC_API_KEY'"),
      },
    ]);
  });

  it.for([
    "$ANTHROPIC_API_KEY",
    "${anthropic_api_key}",
    "${ANTHROPIC_API_KEY:-none}",
    "{{ ANTHROPIC_API_KEY }}",
    "%ANTHROPIC_API_KEY%",
    "<your-api-key>",
    "env:ANTHROPIC_API_KEY",
    "Bearer $ANTHROPIC_API_KEY",
    "$(cat /run/secrets/key)",
    "op://vault/anthropic/key",
    "prefix-0815-${ANTHROPIC_API_KEY}",
  ])("that is none is refused where a secret is, and never repeated: %s", async (value, { expect }) => {
    const known = { key: "environment.ANTHROPIC_API_KEY", value: SECRET };
    const error = await refusal("x", [MODEL, known, { key: "model.apiKey", value }]);
    expect(error).toMatchObject({ code: "config.invalid" });
    expect(error.issues).toEqual([
      { path: "model.apiKey", message: expect.stringMatching(/reference/), fix: expect.stringContaining("environment.NAME") },
    ]);
    expect(JSON.stringify([error.message, error.issues])).not.toContain(value);
  });

  it("is the text itself when it is escaped", async ({ expect }) => {
    await claw.instances.create(anOpenClaw("escaped", [MODEL, { key: "model.apiKey", value: "$${KEY}" }]));
    expect((await made("escaped")).secretEnv["CLAW_SECRET_MODEL_API_KEY"]).toBe("${KEY}");
  });

  it("is replaced in what a claw type hands over by its environment", async ({ expect }) => {
    const overrides = [
      { key: "onecli.apiKey", value: "${ONECLI}" },
      { key: "environment.ONECLI", value: SECRET },
    ];
    await claw.instances.create(anInstance("nano", { type: "NanoClaw", config: { overrides } }));
    expect((await made("nano")).secretEnv).toMatchObject({ ONECLI_API_KEY: SECRET });
    const missing = claw.instances.create(anInstance("x", { type: "NanoClaw", config: { overrides: overrides.slice(0, 1) } }));
    await expect(missing).rejects.toMatchObject({ issues: [{ path: "onecli.apiKey", message: expect.stringContaining("ONECLI") }] });
  });
});

const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBaTCCAQ+gAwIBAgIUNone
-----END CERTIFICATE-----
`;

describe("the environment of a claw's process", () => {
  it("is declared beneath 'environment', of every claw type, and restarts the claw when it changes", async ({ expect }) => {
    const environment = (zone: string) => ({
      config: { overrides: [{ key: "environment", value: { TZ: zone, NO_PROXY: "localhost", LOG_COLUMNS: 80, DEMO_TOKEN: SECRET } }] },
    });
    await claw.instances.create(anEcho("clock", environment("Europe/Berlin")));
    const { env, secretEnv, native } = await made("clock");
    expect(env).toMatchObject({ TZ: "Europe/Berlin", NO_PROXY: "localhost", LOG_COLUMNS: "80" });
    expect(secretEnv["DEMO_TOKEN"]).toBe(SECRET);
    expect(JSON.stringify(native)).not.toMatch(/Berlin|DEMO_TOKEN/);
    const { items } = await claw.previews.create({ manifests: [anEcho("clock", environment("Europe/Paris"))] });
    expect(items[0]).toMatchObject({ op: "update", effect: "restart" });
  });

  it("may come of a template, secrets among it", async ({ expect }) => {
    const variables = [
      { name: "environment.NPM_CONFIG_REGISTRY", type: "string", default: "https://npm.example/" },
      { name: "environment.SEED", type: "string", secret: true, required: true },
    ];
    await claw.configs.create(aTemplate("company", { variables }));
    await claw.configs.publish("company");
    const overrides = [{ key: "environment.SEED", value: "innocent" }];
    const created = await claw.instances.create(anEcho("of-company", { config: { template: "company", overrides } }));
    expect(created.spec.config.overrides).toEqual([{ key: "environment.SEED", value: "[secret]" }]);
    const { env, secretEnv } = await made("of-company");
    expect(env["NPM_CONFIG_REGISTRY"]).toBe("https://npm.example/");
    expect(secretEnv["SEED"]).toBe("innocent");
  });

  it("has certificates as a file of their own, beside the configuration", async ({ expect }) => {
    const [root = "", other = ""] = rootCertificates;
    const withRoot = (pem: string) =>
      anEcho("trusting", { config: { overrides: [{ key: "environment.NODE_EXTRA_CA_CERTS", value: pem }] } });
    await claw.instances.create(withRoot(root));
    const { env, runtime } = await made("trusting");
    const file = runtime?.files.find(({ path }) => path.endsWith(".pem"));
    expect(file?.content).toBe(root);
    expect(env["NODE_EXTRA_CA_CERTS"]).toBe(`\${configDir}/${file?.path}`);
    const { items } = await claw.previews.create({ manifests: [withRoot(`${root}\n${other}`)] });
    expect(items[0]).toMatchObject({ op: "update", effect: "restart" });
  });

  it("has npm's settings as a file of their own, which refers to the registry's token and does not have it", async ({ expect }) => {
    const npmrc = "registry=https://npm.example/\n//npm.example/:_authToken=${NPM_TOKEN}";
    const overrides = [
      { key: "environment.NPM_CONFIG_USERCONFIG", value: npmrc },
      { key: "environment.NPM_TOKEN", value: SECRET },
    ];
    const created = await claw.instances.create(anEcho("installing", { config: { overrides } }));
    expect(JSON.stringify(created)).not.toContain(SECRET);
    const { env, secretEnv, runtime } = await made("installing");
    const file = runtime?.files.find(({ path }) => path.startsWith("npmrc-"));
    expect(file?.content).toBe(`${npmrc}\n`);
    expect(env["NPM_CONFIG_USERCONFIG"]).toBe(`\${configDir}/${file?.path}`);
    expect(secretEnv["NPM_TOKEN"]).toBe(SECRET);
  });

  it.for([
    { key: "environment.NPM_CONFIG_USERCONFIG", value: `//npm.example/:_authToken=${SECRET}`, says: /has a secret in it/ },
    { key: "environment.npm_config_userconfig", value: "//npm.example/:_password = c2VjcmV0", says: /has a secret in it/ },
    { key: "environment.NPM_CONFIG_USERCONFIG", value: "//npm.example/:_authToken=${NPM_TOKEN}", says: /NPM_TOKEN, which the instance/ },
    { key: "environment.LD_PRELOAD", value: "/x.so", says: /platform sets it/ },
    { key: "environment.NODE_OPTIONS", value: "--require=/x.cjs", says: /platform sets it/ },
    { key: "environment.PATH", value: "/x", says: /platform sets it/ },
    { key: "environment.OPENCLAW_STATE_DIR", value: "/x", says: /platform sets it/ },
    { key: `environment["A B"]`, value: "x", says: /can't be set/ },
    { key: "environment.A", value: { b: 1 }, says: /must be a text/ },
    { key: "environment", value: "A=1", says: /must be an object/ },
    { key: "environment.A", value: "${B}", says: /variable B, which the instance does not have/ },
    { key: "environment", value: { A: "${B}", B: "${A}" }, says: /refers to others itself/ },
    { key: "environment", value: { A: "${B}".repeat(50), B: "x".repeat(10_000) }, says: /longer than/ },
    { key: "environment.HTTPS_PROXY", value: "proxy:3128", says: /URL of a proxy/ },
    { key: "environment.NPM_CONFIG_REGISTRY", value: "npm.example", says: /http\(s\) URL/ },
    { key: "environment.TZ", value: "Berlin", says: /time zone/ },
    { key: "environment.NODE_EXTRA_CA_CERTS", value: "/etc/ssl/ca.pem", says: /not certificates/ },
    { key: "environment.NODE_EXTRA_CA_CERTS", value: CERTIFICATE, says: /not certificates/ },
  ])("is refused where it can't be, with the key: $key $value", async ({ key, value, says }, { expect }) => {
    const error = await refusal("x", [MODEL, { key, value }]);
    expect(error).toMatchObject({ code: "config.invalid" });
    expect(error.issues.map(({ message }) => message).join("\n")).toMatch(says);
    expect(error.issues.every(({ path, fix }) => path.startsWith("environment") && fix !== undefined)).toBe(true);
  });

  it("can't be a way around what only administrators set", async ({ expect }) => {
    const overrides = [{ key: "environment.DOCKER_HOST", value: "unix:///var/run/docker.sock" }];
    await expect(claw.instances.create(anInstance("x", { type: "NanoClaw", config: { overrides } }))).rejects.toMatchObject({
      issues: [{ path: "environment.DOCKER_HOST" }],
    });
  });

  it("of OpenClaw's terminal has the port of its own gateway", async ({ expect }) => {
    await claw.instances.create(anOpenClaw("console", [MODEL]));
    expect((await made("console")).env["OPENCLAW_GATEWAY_PORT"]).toBe("${port}");
  });
});

describe("a variable of OpenClaw's 'env.vars'", () => {
  it("is in the environment from the start where it is secret or referred to", async ({ expect }) => {
    const vars = { MY_TOKEN: SECRET, GREETING: "hello", IDLE: "idle" };
    const overrides = [MODEL, { key: "env.vars", value: vars }, { key: "messages.responsePrefix", value: "${GREETING}" }];
    await claw.instances.create(anOpenClaw("variables", overrides));
    const { native, env, secretEnv } = await made("variables");
    expect(native.env).toEqual({ vars: { IDLE: "idle" } });
    expect(env["GREETING"]).toBe("hello");
    expect(secretEnv["MY_TOKEN"]).toBe(SECRET);
  });

  it("is refused where it can't be", async ({ expect }) => {
    const error = await refusal("x", [MODEL, { key: "env.vars.NODE_AUTH_TOKEN", value: SECRET }]);
    expect(error.issues).toMatchObject([{ path: "env.vars.NODE_AUTH_TOKEN", fix: "use another name" }]);
  });
});
