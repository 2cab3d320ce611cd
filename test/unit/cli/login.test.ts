import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "vitest";
import { runCli, tempDir } from "../../support/cli.ts";
import { answer, refuse, startServer } from "../../support/http-server.ts";

describe("claw login", () => {
  const serve = () => startServer((_, res) => answer(res, 200, { subject: "admin", platform: true }));

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
