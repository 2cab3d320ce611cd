import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "vitest";
import { runCli, tempDir } from "../../support/cli.ts";
import { answer, refuse, startServer } from "../../support/http-server.ts";

describe("claw login", () => {
  const serve = (...providers: object[]) =>
    startServer(({ path }, res) => answer(res, 200, path.endsWith("/sign-in") ? { providers } : { subject: "admin", platform: true }));

  it("keeps the token in a file that only its owner can read, and later commands use it", async ({ expect }) => {
    await using server = await serve();
    const homeDir = await tempDir();
    const login = await runCli(["login", server.url, "--token", "-", "--tenant", "acme"], { homeDir, stdin: "secret\n" });
    expect(login.code).toBe(0);
    expect(login.stderr).not.toContain("secret");
    const path = join(homeDir, ".config/claw/config.json");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual({
      current: "default",
      profiles: { default: { url: server.url, token: "secret", tenant: "acme" } },
    });
    await runCli(["types"], { homeDir });
    expect(server.requests.at(-1)?.headers).toMatchObject({ authorization: "Bearer secret", "x-claw-tenant": "acme" });
  });

  it("stores nothing for a token that the service refuses, and exits with 4", async ({ expect }) => {
    await using server = await startServer((_, res) => refuse(res, "auth.unauthenticated"));
    const homeDir = await tempDir();
    const { code } = await runCli(["login", server.url, "--token", "wrong"], { homeDir });
    expect(code).toBe(4);
    await expect(stat(join(homeDir, ".config"))).rejects.toThrow();
  });

  it("asks for the token on a terminal without showing it", async ({ expect }) => {
    await using server = await serve();
    const { code, stderr } = await runCli(["login", server.url], { tty: true, stdin: "hidden\n" });
    expect(code).toBe(0);
    expect(stderr).toContain(`Token for ${server.url}: `);
    expect(stderr).not.toContain("hidden");
  });

  it("asks which identity provider where there are several, and takes none that is not there", async ({ expect }) => {
    const ways = ["corp", "partners"].map((name) => ({ name, label: `The ${name}`, browser: true }));
    const cli = (name: string) => ({ issuer: `http://${name}.example.com`, clientId: "claw", scopes: ["openid"] });
    await using server = await serve(...ways.map((way) => ({ ...way, cli: cli(way.name) })), {
      name: "pages-only",
      label: "",
      browser: true,
    });
    const without = await runCli(["login", server.url]);
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining("several identity providers: corp, partners\n")]);
    for (const argv of [
      ["--provider", "pages-only"],
      ["--provider", "other"],
    ]) {
      expect(await runCli(["login", server.url, ...argv])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("there are: corp, partners"),
      });
    }
    const asked = await runCli(["login", server.url], { tty: true, stdin: "partners\n" });
    expect(asked.stderr).toContain("  corp  The corp\n  partners  The partners\n");
    // One that would be asked in clear is not asked at all.
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining("http://partners.example.com is not asked")]);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(Array(4).fill(undefined));
  });

  it("has no use for a provider and a token at once, or for a code where there is no provider", async ({ expect }) => {
    await using server = await serve();
    expect(await runCli(["login", server.url, "--device"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no identity provider"),
    });
    expect(await runCli(["login", server.url, "--device", "--token", "x"])).toMatchObject({ code: 2 });
    expect(await runCli(["login", server.url, "--provider", "corp"])).toMatchObject({ code: 2 });
  });

  it("sends no token over http to another host, unless told to", async ({ expect }) => {
    for (const url of ["http://claw.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1:8787"]) {
      const refused = await runCli(["login", url, "--token", "secret"]);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("begin its address with https://; --insecure-http") });
    }
    // A name that is nowhere: it is asked for, then.
    const told = await runCli(["login", "http://claw.invalid", "--token", "secret", "--insecure-http"]);
    expect(told).toMatchObject({ code: 1, stderr: expect.stringContaining("claw.invalid") });
  });

  it.for([
    { how: "--url", argv: (url: string) => ["--url", url], env: () => ({}) },
    { how: "CLAW_URL", argv: () => [], env: (url: string) => ({ CLAW_URL: url }) },
  ])("sends a profile's token to no other address that $how names", async ({ argv, env }, { expect }) => {
    await using server = await serve();
    await using other = await serve();
    const homeDir = await tempDir();
    await runCli(["login", server.url, "--token", "secret"], { homeDir });
    const refused = await runCli(["types", ...argv(other.url)], { homeDir, env: env(other.url) });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`is for ${server.url} and is not sent to ${other.url}`) });
    expect(other.requests).toEqual([]);
    await runCli(["types", ...argv(`${server.url}/`)], { homeDir, env: env(`${server.url}/`) });
    expect(server.requests.at(-1)).toMatchObject({ path: expect.stringContaining("types"), headers: { authorization: "Bearer secret" } });
    await runCli(["types", ...argv(other.url)], { homeDir, env: { ...env(other.url), CLAW_TOKEN: "its own" } });
    expect(other.requests.at(-1)?.headers).toMatchObject({ authorization: "Bearer its own" });
  });

  it("forgets a token on logout, and keeps the address", async ({ expect }) => {
    await using server = await serve();
    const homeDir = await tempDir();
    await runCli(["login", server.url, "--token", "secret"], { homeDir });
    expect(await runCli(["logout"], { homeDir })).toMatchObject({ code: 0 });
    const kept = await readFile(join(homeDir, ".config/claw/config.json"), "utf8");
    expect(JSON.parse(kept)).toEqual({ current: "default", profiles: { default: { url: server.url } } });
    expect(await runCli(["logout", "--profile", "none"], { homeDir })).toMatchObject({ code: 2 });
  });

  it.for([
    { how: "--profile", argv: ["--profile", "prod"], env: {} },
    { how: "CLAW_PROFILE", argv: [], env: { CLAW_PROFILE: "prod" } },
  ])("makes the profile that $how names, beside those that are there", async ({ argv, env }, { expect }) => {
    await using server = await serve();
    const homeDir = await tempDir();
    await runCli(["login", server.url, "--token", "first"], { homeDir });
    const login = await runCli(["login", server.url, "--token", "second", ...argv], { homeDir, env });
    expect(login).toMatchObject({ code: 0, stderr: expect.stringContaining("profile 'prod' in") });
    await runCli(["types", "--profile", "prod"], { homeDir });
    expect(server.requests.at(-1)?.headers).toMatchObject({ authorization: "Bearer second" });
    await runCli(["types", "--profile", "default"], { homeDir });
    expect(server.requests.at(-1)?.headers).toMatchObject({ authorization: "Bearer first" });
  });

  it("refuses a profile that is not there, naming those that are", async ({ expect }) => {
    const { code, stderr } = await runCli(["get", "instances", "--profile", "prod"]);
    expect(code).toBe(2);
    expect(stderr).toContain("claw login <url> --profile prod");
  });
});
