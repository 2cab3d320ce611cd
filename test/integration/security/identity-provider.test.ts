import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, it, onTestFinished } from "vitest";
import { Claw } from "../../../sdk/client/index.ts";
import { startChromium } from "../../support/chromium.ts";
import { tempDir } from "../../support/cli.ts";
import { freePort } from "../../support/free-port.ts";
import { NATIVE_CLIENT, signInOn, startOidcProvider, WEB_CLIENT } from "../../support/oidc-provider.ts";
import { startTestService, type TestService } from "../../support/service.ts";

const port = await freePort();
const alice = { name: "alice", email: "alice@example.com", groups: ["web-team"] };
let provider: Awaited<ReturnType<typeof startOidcProvider>>;
let service: TestService;
let browser: Browser;

beforeAll(async () => {
  provider = await startOidcProvider({ users: [alice], webRedirectUri: `http://127.0.0.1:${port}/auth/callback` });
  browser = await startChromium();
  const dir = await tempDir();
  const secretFile = join(dir, "secret");
  await writeFile(secretFile, WEB_CLIENT.secret);
  const signIn = {
    name: "corp",
    label: "Example Corp",
    scopes: ["openid", "email", "groups"],
    cli: { clientId: NATIVE_CLIENT },
    browser: { clientId: WEB_CLIENT.id, clientSecretFile: secretFile },
  };
  const issuer = { issuer: provider.url, audiences: [NATIVE_CLIENT, WEB_CLIENT.id], usernameClaim: "email", prefix: "corp:", signIn };
  const path = join(dir, "issuers.yaml");
  await writeFile(path, JSON.stringify({ issuers: [issuer] }));
  // A proxy with a certificate is played by whoever says that it was https.
  service = await startTestService({ CLAW_ISSUERS: path, CLAW_PORT: String(port), CLAW_TRUSTED_PROXIES: "127.0.0.1" });
});
afterAll(async () => {
  await browser.close();
  await service.stop();
  await provider.stop();
});

describe("GET /api/v1/sign-in", () => {
  it("tells anybody how to sign in, and no secret", async ({ expect }) => {
    const anybody = new Claw({ url: service.url, token: "" });
    const scopes = ["openid", "email", "groups"];
    const cli = { issuer: provider.url, clientId: NATIVE_CLIENT, scopes };
    expect(await anybody.access.signIn()).toEqual({ providers: [{ name: "corp", label: "Example Corp", cli, browser: true }] });
  });
});

/** Each has cookies of their own. */
async function aVisitor() {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  // The provider is on the same host, and cookies know no ports.
  const cookies = async () => (await context.cookies(service.url)).flatMap(({ name }) => (name.startsWith("claw-") ? [name] : []));
  return { context, page, cookies };
}
const signInPage = () => `${service.url}/auth/sign-in`;

describe("somebody with a browser", () => {
  it("signs in at the provider, is who it says, and signs out", async ({ expect }) => {
    const { context, page, cookies } = await aVisitor();
    await page.goto(signInPage());
    await page.click("text=Sign in with Example Corp");
    await page.fill("input[name=login]", alice.name);
    await page.click("text=Sign in");
    await page.waitForURL(signInPage());
    expect(await page.textContent("p")).toBe("You are signed in as corp:alice@example.com.");
    expect(await cookies()).toEqual(["claw-session"]);
    const me = await context.request.get(`${service.url}/api/v1/me`);
    expect(await me.json()).toMatchObject({ subject: "corp:alice@example.com", groups: ["corp:web-team"] });
    expect(await page.evaluate("document.cookie")).toBe("");
    const { items } = await service.claw().audit.platform({ action: "session.open", limit: 1 });
    expect(items[0]).toMatchObject({ actor: "corp:alice@example.com", details: { form: "cookie", by: provider.url } });
    await page.goto(signInPage());
    await page.click("text=Sign out");
    await page.waitForURL(signInPage());
    expect(await page.textContent("li")).toBe("Sign in with Example Corp");
    expect(await cookies()).toEqual([]);
  });

  it("comes back to the page of this service that they wanted", async ({ expect }) => {
    const { page } = await aVisitor();
    await signInOn(page, `${signInPage()}?provider=corp&return=/docs`, alice.name);
    await page.waitForURL(`${service.url}/docs`);
    expect(await page.title()).toMatch(/API/);
  });

  it("is not let in whom the provider refuses", async ({ expect }) => {
    const { page, cookies } = await aVisitor();
    await page.goto(`${signInPage()}?provider=corp`);
    await page.fill("input[name=login]", alice.name);
    await page.click("text=Refuse");
    await page.waitForURL(/\/auth\/callback/);
    expect(await page.textContent("p")).toMatch(/did not let you in/);
    expect(await cookies()).toEqual([]);
  });

  it("is not signed in as whoever sent them a link", async ({ expect }) => {
    const attacker = await aVisitor();
    const returned = attacker.page.waitForRequest(/\/auth\/callback\?code=/);
    await signInOn(attacker.page, `${signInPage()}?provider=corp`, alice.name);
    const link = (await returned).url();
    const stranger = await aVisitor();
    await stranger.page.goto(link);
    expect(await stranger.page.textContent("p")).toMatch(/not begun in this browser/);
    // One who has begun a sign-in of their own is not either.
    await stranger.page.goto(`${signInPage()}?provider=corp`);
    await stranger.page.goto(link);
    expect(await stranger.page.textContent("p")).toMatch(/did not let you in/);
    expect(await stranger.cookies()).toEqual([]);
  });

  it("goes on over https with a sign-in that no other host's page has put in their browser", async ({ expect }) => {
    const https = { "x-forwarded-proto": "https" };
    const begun = await fetch(`${signInPage()}?provider=corp`, { redirect: "manual", headers: https });
    const [cookie = "", ...attributes] = begun.headers.getSetCookie()[0]?.split("; ") ?? [];
    expect(cookie).toMatch(/^__Host-claw-sign-in=claw1\./);
    expect(attributes).toEqual(expect.arrayContaining(["Path=/", "HttpOnly", "Secure", "SameSite=Lax"]));
    const back = async (pair: string) => {
      const answer = await fetch(`${service.url}/auth/callback?error=access_denied&state=x`, { headers: { ...https, cookie: pair } });
      return answer.text();
    };
    expect(await back(cookie)).toMatch(/did not let you in/);
    // A subdomain sets cookies for the whole domain, and none by this prefix.
    expect(await back(cookie.replace("__Host-", ""))).toMatch(/not begun in this browser/);
  });

  it("has the provider asked for made-up codes no oftener than for tokens, by address", async ({ expect }) => {
    const begun = await fetch(`${signInPage()}?provider=corp`, { redirect: "manual" });
    const [cookie = ""] = begun.headers.getSetCookie()[0]?.split("; ") ?? [];
    const state = new URL(begun.headers.get("location") ?? "").searchParams.get("state") ?? "";
    const query = new URLSearchParams({ code: "made-up", state, iss: provider.url });
    const asked = provider.grants.length;
    const guess = (from: string) =>
      fetch(`${service.url}/auth/callback?${query}`, { headers: { cookie, "x-forwarded-for": from } }).then(({ status }) => status);
    expect(await guess("203.0.113.7")).toBe(403);
    await expect.poll(() => guess("203.0.113.7"), { timeout: 20_000, interval: 0 }).toBe(429);
    expect(await guess("203.0.113.8")).toBe(403);
    expect(new Set(provider.grants.slice(asked))).toEqual(new Set(["authorization_code invalid_grant"]));
  });

  it("is told, coming back, that the provider is away, and not that it let them in not", async ({ expect }) => {
    const begun = await fetch(`${signInPage()}?provider=corp`, { redirect: "manual" });
    const [cookie = ""] = begun.headers.getSetCookie()[0]?.split("; ") ?? [];
    const { searchParams } = new URL(begun.headers.get("location") ?? "");
    provider.setDown(true);
    onTestFinished(() => provider.setDown(false));
    // As providers do that name themselves in what they send back.
    const back = new URLSearchParams({ code: "code", state: searchParams.get("state") ?? "", iss: provider.url });
    const answer = await fetch(`${service.url}/auth/callback?${back}`, { headers: { cookie } });
    expect(answer.status).toBe(503);
    expect(await answer.text()).toMatch(/identity provider .* can't be reached/);
  });

  it("is told when the provider is away, and what is not a place to sign in at", async ({ expect }) => {
    const { page } = await aVisitor();
    provider.setDown(true);
    const answer = await fetch(`${signInPage()}?provider=corp`, { redirect: "manual" });
    // What is known of it was fetched before: the browser is sent there.
    expect(answer.status).toBe(303);
    provider.setDown(false);
    expect((await page.goto(`${signInPage()}?provider=none`))?.status()).toBe(404);
  });
});
