import { execFile, spawn } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { startChromium } from "../../support/chromium.ts";
import { type CliResult, runCli, tempDir } from "../../support/cli.ts";
import { NATIVE_CLIENT, signInOn, startOidcProvider } from "../../support/oidc-provider.ts";
import { startTestService, type TestService } from "../../support/service.ts";
import { shellEnvironment } from "../../support/shell-environment.ts";

const root = join(import.meta.dirname, "../../..");
const alice = { name: "alice", email: "alice@example.com", groups: ["web-team"] };
const mallory = { name: "mallory", email: "alice@example.com", emailVerified: false, groups: ["web-team"] };
let provider: Awaited<ReturnType<typeof startOidcProvider>>;
let service: TestService;
let browser: Browser;

beforeAll(async () => {
  provider = await startOidcProvider({ users: [alice, mallory] });
  const signIn = { name: "corp", scopes: ["openid", "email", "groups", "offline_access"], cli: { clientId: NATIVE_CLIENT } };
  const issuer = { issuer: provider.url, audiences: [NATIVE_CLIENT], usernameClaim: "email", prefix: "corp:", signIn };
  const issuers = join(await tempDir(), "issuers.yaml");
  await writeFile(issuers, JSON.stringify({ issuers: [issuer] }));
  service = await startTestService({ CLAW_ISSUERS: issuers });
  await service.claw().tenants.create(aTenant("acme"));
  const subjects = [{ kind: "Group" as const, name: "corp:web-team" }];
  const metadata = { name: "web-team", namespace: "acme" };
  await service.claw("acme").roleBindings.create({
    apiVersion: "clusterclaw.io/v1",
    kind: "RoleBinding",
    metadata,
    spec: { role: "viewer", subjects },
  });
  browser = await startChromium();
});
afterAll(async () => {
  await browser.close();
  await service.stop();
  await provider.stop();
});

/** A browser that nobody has signed in with. */
async function newPage(): Promise<Page> {
  return (await browser.newContext()).newPage();
}

const addressIn = (text: string) => /^http\S+\/auth\?\S+$/m.exec(text)?.[0];

/** Begins `claw login`. @returns where it sends the browser, and how it ends */
async function begin(argv: readonly string[] = [], options: Partial<Parameters<typeof runCli>[1]> = {}) {
  const { promise: address, resolve, reject } = Promise.withResolvers<URL>();
  const onStderr = (text: string) => {
    const found = addressIn(text);
    if (found !== undefined) {
      resolve(new URL(found));
    }
  };
  const done = runCli(["login", service.url, "--tenant", "acme", ...argv], { ...options, onStderr });
  void done.then(({ stderr }) => reject(new Error(stderr)));
  return { address: await address, done };
}

async function login(homeDir: string): Promise<CliResult> {
  const { address, done } = await begin([], { homeDir });
  await signInOn(await newPage(), address.href, alice.name);
  return done;
}

const profilesOf = (homeDir: string) => join(homeDir, ".config/claw/config.json");
const readSession = async (homeDir: string) => JSON.parse(await readFile(profilesOf(homeDir), "utf8")).profiles.default.session;

/** Has the token of the profile run out. */
async function expire(homeDir: string): Promise<void> {
  const text = await readFile(profilesOf(homeDir), "utf8");
  await writeFile(profilesOf(homeDir), text.replace(/"expiresAt": "[^"]*"/, `"expiresAt": "${new Date().toISOString()}"`));
}

describe("claw login at an identity provider", () => {
  it("comes back from the browser with who one is, their groups, and what those may do", async ({ expect }) => {
    const homeDir = await tempDir();
    const { address, done } = await begin([], { homeDir });
    expect(Object.fromEntries(address.searchParams)).toMatchObject({
      client_id: NATIVE_CLIENT,
      code_challenge_method: "S256",
      redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/),
      scope: "openid email groups offline_access",
    });
    const page = await newPage();
    await signInOn(page, address.href, alice.name);
    await page.waitForSelector("text=You are signed in.");
    const { code, stderr } = await done;
    expect([code, stderr]).toEqual([0, expect.stringContaining("as corp:alice@example.com, tenant acme")]);
    const { idToken, refreshToken } = await readSession(homeDir);
    expect(stderr).not.toContain(idToken);
    expect(stderr).not.toContain(refreshToken);

    const who = await runCli(["auth", "whoami", "-o", "wide"], { homeDir });
    expect(who.stdout).toContain("corp:alice@example.com");
    expect(who.stdout).toContain("corp:web-team");
    expect(await runCli(["get", "instances"], { homeDir })).toMatchObject({ code: 0 });
    expect(await runCli(["create", "web", "--type", "echo"], { homeDir })).toMatchObject({ code: 4 });
  });

  it("lets nobody in by a return that is not its own", async ({ expect }) => {
    const { address, done } = await begin();
    const uri = address.searchParams.get("redirect_uri") ?? "";
    const { status, headers } = await fetch(`${uri}?code=stolen&state=made-up`);
    expect([status, headers.get("content-security-policy")]).toEqual([400, expect.stringContaining("default-src 'none'")]);
    expect((await fetch(new URL("/", uri))).status).toBe(404);
    const rebound = `curl -s -o /dev/null -w '%{http_code}' -H 'Host: attacker.example' '${uri}?state=${address.searchParams.get("state")}'`;
    expect((await promisify(execFile)("sh", ["-c", rebound])).stdout).toBe("404");
    // The sign-in that was begun goes on.
    await signInOn(await newPage(), address.href, alice.name);
    expect(await done).toMatchObject({ code: 0 });
    await expect(fetch(uri)).rejects.toThrow();
  });

  it("ends when it is interrupted, and keeps nothing", async ({ expect }) => {
    const homeDir = await tempDir();
    const interrupt = new AbortController();
    const { address, done } = await begin([], { homeDir, signal: interrupt.signal });
    interrupt.abort();
    expect(await done).toMatchObject({ code: 130 });
    await expect(fetch(address.searchParams.get("redirect_uri") ?? "")).rejects.toThrow();
    await expect(readFile(profilesOf(homeDir))).rejects.toThrow();
  });

  it("says what the provider said when it refuses, and keeps nothing", async ({ expect }) => {
    const homeDir = await tempDir();
    const { address, done } = await begin([], { homeDir });
    const page = await newPage();
    await page.goto(address.href);
    await page.click("text=Refuse");
    await page.waitForSelector("text=the terminal says why");
    const { code, stderr } = await done;
    expect([code, stderr]).toEqual([4, expect.stringContaining("access_denied: they said no")]);
    await expect(readFile(profilesOf(homeDir))).rejects.toThrow();
  });

  it("says so when the control plane takes not what the provider gave, and keeps nothing", async ({ expect }) => {
    const homeDir = await tempDir();
    const { address, done } = await begin([], { homeDir });
    await signInOn(await newPage(), address.href, mallory.name);
    const { code, stderr } = await done;
    expect([code, stderr]).toEqual([
      4,
      expect.stringContaining(`you are signed in at ${provider.url}, and ${service.url} does not take that`),
    ]);
    await expect(readFile(profilesOf(homeDir))).rejects.toThrow();
  });

  it("opens the browser of whoever sits at a terminal", async ({ expect }) => {
    const bin = await tempDir();
    await writeFile(
      join(bin, "xdg-open"),
      `#!/bin/sh\nprintf %s "$1" > ${join(bin, "opened")}.new && mv ${join(bin, "opened")}.new ${join(bin, "opened")}\n`,
    );
    await chmod(join(bin, "xdg-open"), 0o755);
    const { address, done } = await begin([], { tty: true, env: { PATH: `${bin}:/usr/bin:/bin` } });
    const opened = () => readFile(join(bin, "opened"), "utf8").catch(() => "");
    await expect.poll(opened).toMatch(/^http:/);
    // Other users of the machine see what it is started with, and nothing of the sign-in.
    const seen = await opened();
    expect(seen).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/start\/[\w-]{22}$/);
    expect(seen).not.toContain(address.searchParams.get("state"));
    await signInOn(await newPage(), seen, alice.name);
    expect(await done).toMatchObject({ code: 0 });
    // The second of two might be the one who signs in.
    const again = await begin([], { tty: true, env: { PATH: `${bin}:/usr/bin:/bin` } });
    await expect.poll(opened).not.toBe(seen);
    const statuses = [];
    for (const _of of ["another user", "the browser"]) {
      statuses.push((await fetch(await opened(), { redirect: "manual" })).status);
    }
    expect(statuses).toEqual([303, 410]);
    expect(await again.done).toMatchObject({ code: 4, stderr: expect.stringContaining("opened twice") });
  });

  it("signs in on another device by a code", { timeout: 30_000 }, async ({ expect }) => {
    const homeDir = await tempDir();
    const shown = Promise.withResolvers<string>();
    const done = runCli(["login", service.url, "--device"], {
      homeDir,
      onStderr: (text) => /enter the code/.test(text) && shown.resolve(text),
    });
    await enterCode(await shown.promise);
    expect(await done).toMatchObject({ code: 0, stderr: expect.stringContaining("as corp:alice@example.com") });
    expect((await runCli(["auth", "whoami", "-o", "wide"], { homeDir })).stdout).toContain("corp:web-team");
  });
});

/** What somebody does on another device. */
async function enterCode(text: string): Promise<void> {
  const [, address = "", code = ""] = /open (\S+) on any device and enter the code (\S+)/.exec(text) ?? [];
  const page = await newPage();
  await page.goto(address);
  await page.fill("input[name=user_code]", code);
  await page.click("text=Continue");
  await page.click("text=Confirm");
  await page.fill("input[name=login]", alice.name);
  await page.click("text=Sign in");
  await page.waitForSelector("text=The device is signed in");
}

describe("a session that has run out", () => {
  it("is renewed once by commands that need it at the same time, and the others wait for that", { timeout: 30_000 }, async ({ expect }) => {
    const homeDir = await tempDir();
    await login(homeDir);
    const before = await readSession(homeDir);
    await expire(homeDir);
    const renewals = provider.grants.length;
    const claw = () =>
      promisify(execFile)(process.execPath, [join(root, "sdk/cli/main.ts"), "auth", "whoami"], {
        env: { ...shellEnvironment(), HOME: homeDir },
      });
    const said = await Promise.all([claw(), claw(), claw()]);
    expect(said.map(({ stdout }) => stdout.includes("corp:alice@example.com"))).toEqual([true, true, true]);
    // A refresh token that is used twice would end the session.
    expect(provider.grants.slice(renewals)).toEqual(["refresh_token given"]);
    const after = await readSession(homeDir);
    expect(after.refreshToken).not.toBe(before.refreshToken);
    expect(Date.parse(after.expiresAt)).toBeGreaterThan(Date.now() + 60_000);
  });

  it("says to sign in again when the provider renews it no more, and exits with 4", async ({ expect }) => {
    const homeDir = await tempDir();
    await login(homeDir);
    await provider.forgetRefreshTokens();
    await expire(homeDir);
    const { code, stderr } = await runCli(["types"], { homeDir });
    expect(code).toBe(4);
    expect(stderr).toContain("the session of profile 'default' is over");
    expect(stderr).toContain("claw login --profile default");
  });

  it("is kept when the provider can't be asked", async ({ expect }) => {
    const homeDir = await tempDir();
    await login(homeDir);
    await expire(homeDir);
    provider.setDown(true);
    const { code, stderr } = await runCli(["types"], { homeDir });
    provider.setDown(false);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${provider.url} can't be asked`)]);
    expect(await runCli(["types"], { homeDir })).toMatchObject({ code: 0 });
  });
});

describe("a command that goes on for longer than its token", () => {
  it("has it renewed and goes on where it was", { timeout: 120_000 }, async ({ expect }) => {
    const instance = await service.claw("acme").instances.create(anEcho("web"));
    await instance.wait({ until: "Ready" });
    // The service lets clocks differ by half a minute: the stream is closed then.
    provider.setTokenSeconds(1);
    const homeDir = await tempDir();
    await login(homeDir);
    const end = new AbortController();
    let said = "";
    const onStdout = (text: string) => {
      said = text;
    };
    const following = runCli(["logs", "web", "-f"], { homeDir, signal: end.signal, onStdout });
    const starts = () => said.match(/listening/g)?.length ?? 0;
    await expect.poll(starts, { timeout: 30_000 }).toBe(1);
    const renewals = provider.grants.length;
    await expect.poll(() => provider.grants.length, { timeout: 60_000, interval: 200 }).toBeGreaterThan(renewals);
    provider.setTokenSeconds(3600);
    await service.claw("acme").instances.restart("web");
    await expect.poll(starts, { timeout: 30_000 }).toBe(2);
    end.abort();
    expect(await following).toMatchObject({ code: 130, stderr: expect.not.stringContaining("missing") });
  });
});

describe("claw logout", () => {
  it("forgets the session and ends it at the provider", async ({ expect }) => {
    const homeDir = await tempDir();
    await login(homeDir);
    const { refreshToken } = await readSession(homeDir);
    expect(await runCli(["logout"], { homeDir })).toMatchObject({ code: 0, stderr: "logged out; profile 'default' holds no token\n" });
    expect(JSON.parse(await readFile(profilesOf(homeDir), "utf8")).profiles.default).toEqual({ url: service.url, tenant: "acme" });
    const again = { client_id: NATIVE_CLIENT, grant_type: "refresh_token", refresh_token: refreshToken };
    const response = await fetch(`${provider.url}/token`, { method: "POST", body: new URLSearchParams(again) });
    expect(await response.json()).toMatchObject({ error: "invalid_grant" });
    expect(await runCli(["types"], { homeDir })).toMatchObject({ code: 4 });
  });

  it("forgets it where the provider is away, and says so", async ({ expect }) => {
    const homeDir = await tempDir();
    await login(homeDir);
    provider.setDown(true);
    const { code, stderr } = await runCli(["logout"], { homeDir });
    provider.setDown(false);
    expect([code, stderr]).toEqual([0, expect.stringContaining("could not be ended")]);
    expect(await readSession(homeDir)).toBeUndefined();
  });
});

// What people paste: it runs here as it stands, in a shell, with a browser beside it.
it("runs the commands of docs/guides/signing-in.md", { timeout: 60_000 }, async ({ expect }) => {
  const guide = await readFile(join(root, "docs/guides/signing-in.md"), "utf8");
  const [, block = ""] = /```sh\n([\s\S]*?)```/.exec(guide) ?? [];
  const home = await tempDir();
  await writeFile(join(home, "claw"), `#!/bin/sh\nexec "${process.execPath}" "${join(root, "sdk/cli/main.ts")}" "$@"\n`);
  await chmod(join(home, "claw"), 0o755);
  const shell = spawn("bash", ["--norc", "-eu", "-c", block.replaceAll("https://claw.example.com", service.url)], {
    env: { ...shellEnvironment(), HOME: home, PATH: `${home}:${process.env["PATH"]}` },
  });
  let said = "";
  let unread = "";
  shell.stdout.on("data", (chunk) => {
    said += String(chunk);
  });
  shell.stderr.on("data", async (chunk) => {
    said += String(chunk);
    unread += String(chunk);
    const address = addressIn(unread);
    if (address !== undefined) {
      unread = "";
      await signInOn(await newPage(), address, alice.name);
    } else if (/enter the code \S+\n/.test(unread)) {
      const text = unread;
      unread = "";
      await enterCode(text);
    }
  });
  const code = await new Promise((resolve) => shell.once("close", resolve));
  expect(said).toContain("corp:web-team");
  expect(said.match(/logged in to/g)).toHaveLength(2);
  expect([code, said]).toEqual([0, expect.stringContaining("logged out")]);
});
