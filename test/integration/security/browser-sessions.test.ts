import { request } from "node:http";
import { afterAll, beforeAll, describe, it } from "vitest";
import { WebSocket } from "ws";
import { aToken } from "../../support/access.ts";
import { aTenant } from "../../support/builders/manifests.ts";
import { runCli } from "../../support/cli.ts";
import { startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
let token: string;

beforeAll(async () => {
  service = await startTestService();
  await service.claw().tenants.create(aTenant("acme"));
  token = await aToken(service.claw("acme"), { name: "alice" });
});
afterAll(() => service.stop());

interface Answer {
  readonly status: number;
  readonly cookies: readonly string[];
  readonly text: string;
  readonly location: string | undefined;
}

/** As a browser asks: `fetch` would not send what only browsers do. */
function ask(method: string, path: string, headers: Readonly<Record<string, string>> = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(`${service.url}${path}`, { method, headers }, (response) => {
      let text = "";
      response.on("data", (part) => (text += String(part)));
      response.on("end", () => {
        const { location, "set-cookie": cookies = [] } = response.headers;
        resolve({ status: response.statusCode ?? 0, cookies, text, location });
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** Signs in by a token: what goes with every request from then on. */
async function aCookie(): Promise<string> {
  const { status, cookies } = await ask("POST", "/auth/session", { authorization: `Bearer ${token}` });
  const [pair = "", ...attributes] = (cookies[0] ?? "").split("; ");
  if (status !== 204 || attributes.length === 0) {
    throw new Error(`signing in was answered with ${status}`);
  }
  return pair;
}

const project = (name: string) => JSON.stringify({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name } });
const JSON_TYPE = { "content-type": "application/json" };

describe("a browser's session", () => {
  it("is a cookie that no script reads and no other site's form sends", async ({ expect }) => {
    const { cookies } = await ask("POST", "/auth/session", { authorization: `Bearer ${token}` });
    expect(cookies).toHaveLength(1);
    expect(cookies[0]).toMatch(/^claw-session=claws_[\w-]{43}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/);
  });

  it("reads, and writes what this service's own pages ask", async ({ expect }) => {
    const cookie = await aCookie();
    expect(JSON.parse((await ask("GET", "/api/v1/me", { cookie })).text)).toMatchObject({ subject: "serviceaccount:acme/alice" });
    const own = { cookie, origin: service.url, "sec-fetch-site": "same-origin", ...JSON_TYPE };
    expect(await ask("POST", "/api/v1/projects", own, project("own"))).toMatchObject({ status: 201 });
  });

  it("writes nothing that a page of another origin asks, nor one that does not say whose it is", async ({ expect }) => {
    const cookie = await aCookie();
    const others = {
      "another site": { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
      "another port of this host": { origin: service.url.replace(/\d+$/, "1"), "sec-fetch-site": "same-site" },
      "a sandboxed frame": { origin: "null", "sec-fetch-site": "cross-site" },
      "an origin that is ours, and a browser that knows better": { origin: service.url, "sec-fetch-site": "same-site" },
      "no page": {},
      "an address that was typed": { "sec-fetch-site": "none" },
    };
    for (const [whose, headers] of Object.entries(others)) {
      const answer = await ask("POST", "/api/v1/projects", { cookie, ...headers, ...JSON_TYPE }, project("forged"));
      expect([whose, answer.status, JSON.parse(answer.text).code]).toEqual([whose, 403, "auth.forbidden"]);
    }
    const names = (await service.claw("acme").projects.list()).items.map(({ metadata }) => metadata.name);
    expect(names).not.toContain("forged");
  });

  it("opens streams for this service's own pages alone", async ({ expect }) => {
    const cookie = await aCookie();
    const url = `${service.url.replace("http", "ws")}/api/v1/instances/none/logs/stream`;
    const statusOf = (headers: Readonly<Record<string, string>>) =>
      new Promise<number>((resolve) => {
        const socket = new WebSocket(url, { headers: { cookie, ...headers } });
        socket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
        socket.on("error", () => {});
      });
    // There is no such instance: whoever is let in is told that.
    expect(await statusOf({ origin: service.url })).toBe(404);
    expect(await statusOf({})).toBe(403);
    expect(await statusOf({ origin: service.url.replace(/\d+$/, "1") })).toBe(403);
  });

  it("ends with signing out, and with a revoked token, from the next request on", async ({ expect }) => {
    const [left, other] = [await aCookie(), await aCookie()];
    const own = { origin: service.url, "sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded" };
    const out = await ask("POST", "/auth/sign-out", { cookie: left, ...own });
    expect(out).toMatchObject({ status: 303, location: "/auth/sign-in" });
    expect(out.cookies[0]).toMatch(/^claw-session=; .*Expires=Thu, 01 Jan 1970/);
    const statusOf = async (cookie: string) => (await ask("GET", "/api/v1/me", { cookie })).status;
    expect([await statusOf(left), await statusOf(other)]).toEqual([401, 200]);
    const claw = service.claw("acme");
    const { items } = await claw.tokens.list({ serviceAccount: "alice" });
    await claw.tokens.revoke(items[0]?.id ?? "");
    expect(await statusOf(other)).toBe(401);
    token = (await claw.tokens.create({ name: "again", serviceAccount: "alice" })).token;
  });

  it("is listed and ended by the command line", async ({ expect }) => {
    const cookie = await aCookie();
    const claw = async (...argv: readonly string[]) => (await runCli(argv, { url: service.url, env: { CLAW_TOKEN: token } })).stdout;
    const listed = await claw("auth", "sessions");
    expect(listed).toMatch(/ID +FORM +SIGNED IN BY +LAST USED +ENDS IN +FROM\nses_\w+ +cookie +token +\S+ ago +1[12]h\S* +127\.0\.0\.1/);
    const id = /ses_\w+/.exec(listed)?.[0] ?? "";
    expect(await claw("auth", "end-session", id)).toBe(`session/${id} ended\n`);
    expect((await ask("GET", "/api/v1/me", { cookie })).status).toBe(401);
  });

  it("outlasts a restart of the service, and is on record", async ({ expect }) => {
    const cookie = await aCookie();
    await service.restart();
    expect((await ask("GET", "/api/v1/me", { cookie })).status).toBe(200);
    const { items } = await service.claw().audit.platform({ action: "session.open", limit: 1 });
    expect(items[0]).toMatchObject({ actor: "serviceaccount:acme/alice", details: { form: "cookie", by: "token" } });
    expect(JSON.stringify(items)).not.toContain(cookie.split("=")[1]);
  });

  it("is opened by a link, in the browser that comes first and from our own page", async ({ expect }) => {
    const made = await ask("POST", "/auth/links", { authorization: `Bearer ${token}` });
    expect(made.status).toBe(201);
    const { url } = JSON.parse(made.text) as { url: string };
    const [page, ticket = ""] = url.split("#ticket=");
    expect(page).toBe(`${service.url}/sign-in`);
    // It is no credential of anything else.
    expect((await ask("GET", "/api/v1/me", { authorization: `Bearer ${ticket}` })).status).toBe(401);
    expect((await ask("GET", "/api/v1/me", { cookie: `claw-session=${ticket}` })).status).toBe(401);
    const enter = (headers: Readonly<Record<string, string>>) =>
      ask("POST", "/auth/links/enter", { ...JSON_TYPE, ...headers }, JSON.stringify({ ticket }));
    const own = { origin: service.url, "sec-fetch-site": "same-origin" };
    expect((await enter({ origin: "https://evil.example", "sec-fetch-site": "cross-site" })).status).toBe(403);
    // Of browsers that come at once, one is let in.
    const entered = await Promise.all([enter(own), enter(own), enter(own)]);
    expect(entered.map(({ status }) => status).sort()).toEqual([204, 404, 404]);
    const [cookie = ""] = (entered.find(({ status }) => status === 204)?.cookies[0] ?? "").split("; ");
    expect(JSON.parse((await ask("GET", "/api/v1/me", { cookie })).text)).toMatchObject({ subject: "serviceaccount:acme/alice" });
    expect(JSON.parse((await enter(own)).text)).toMatchObject({ code: "session.not_found" });
    // A session can't be made to make others.
    expect((await ask("POST", "/auth/links", { cookie, ...own })).status).toBe(403);
    const { items } = await service.claw().audit.platform({ action: "session", limit: 2 });
    expect(items.map(({ action }) => action)).toEqual(["session.open", "session.link"]);
    expect(JSON.stringify(items)).not.toContain(ticket);
  });

  it("is not opened by a link whose token has been revoked meanwhile", async ({ expect }) => {
    const claw = service.claw("acme");
    const brief = await claw.tokens.create({ name: "brief", serviceAccount: "alice" });
    const { url } = JSON.parse((await ask("POST", "/auth/links", { authorization: `Bearer ${brief.token}` })).text) as { url: string };
    await claw.tokens.revoke(brief.id);
    const own = { origin: service.url, "sec-fetch-site": "same-origin", ...JSON_TYPE };
    const answer = await ask("POST", "/auth/links/enter", own, JSON.stringify({ ticket: url.split("#ticket=")[1] }));
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([404, "session.not_found"]);
  });

  it("is told on the page of signing in, and not opened over a network in clear", async ({ expect }) => {
    const page = await ask("GET", "/auth/sign-in", { cookie: await aCookie() });
    expect(page.text).toContain("serviceaccount:acme/alice");
    expect((await ask("GET", "/auth/sign-in")).text).toMatch(/No identity provider is set/);
    const remote = await ask("POST", "/auth/session", { authorization: `Bearer ${token}`, host: "claw.example.com" });
    expect([remote.status, remote.cookies]).toEqual([403, []]);
    for (const away of ["//evil.example", "/%5Cevil.example", "/%09/evil.example", "https://evil.example", "/%E2%82%AC"]) {
      expect([away, (await ask("GET", `/auth/sign-in?return=${away}`)).status]).toEqual([away, 422]);
    }
    expect((await ask("GET", "/auth/callback?code=x&state=y")).status).toBe(400);
  });
});
