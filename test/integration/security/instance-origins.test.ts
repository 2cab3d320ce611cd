import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { Claw } from "../../../sdk/client/index.ts";
import { aToken } from "../../support/access.ts";
import { anInstance, aTenant } from "../../support/builders/manifests.ts";
import { startChromium } from "../../support/chromium.ts";
import { runCli } from "../../support/cli.ts";
import { startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
let claw: Claw;
let database: Client;

beforeAll(async () => {
  service = await startTestService({ CLAW_TYPES: join(import.meta.dirname, "../../support/claws/paging") });
  database = new Client(service.databaseUrl);
  await database.connect();
  await service.claw().tenants.create(aTenant("acme"));
  claw = service.claw("acme");
  await claw.instances.create(anInstance("web", { type: "Paging" }));
  await claw.instances.create(anInstance("other", { type: "Paging" }));
  await claw.instances.wait("web", { until: "Ready" });
  await claw.instances.wait("other", { until: "Ready" });
});
afterAll(async () => {
  await database?.end();
  await service?.stop();
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** As a browser asks, which finds every name of `localhost` here. */
function ask(url: string, headers: Readonly<Record<string, string>> = {}, method = "GET", body = ""): Promise<Answer> {
  const { host, pathname, search } = new URL(url);
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(service.url);
    const asked = request({ host: hostname, port, path: pathname + search, method, headers: { host, ...headers } }, (response) => {
      let text = "";
      response.on("data", (part) => (text += String(part)));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** Somebody who has come by a link: where, and what goes with every request of theirs. */
async function aVisit(by: Claw, name = "web") {
  const { url } = await by.instances.open(name, {});
  const { status, headers } = await ask(url);
  const [cookie = ""] = (headers["set-cookie"]?.[0] ?? "").split(";");
  if (status !== 303) {
    throw new Error(`the link was answered with ${status}`);
  }
  const { origin } = new URL(url);
  return { url, origin, cookie, location: headers.location ?? "", own: { cookie, origin, "sec-fetch-site": "same-origin" } };
}

const dial = (origin: string, headers: Readonly<Record<string, string>>) => {
  const { host } = new URL(origin);
  const socket = new WebSocket(`${service.url.replace("http", "ws")}/socket`, { headers: { host, ...headers } });
  onTestFinished(() => socket.terminate());
  socket.on("error", () => {});
  return socket;
};
const refusal = (socket: WebSocket) =>
  new Promise<number>((resolve) => socket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0)));

const someone = async (name: string, role = "operator") => {
  const token = await aToken(claw, { name, role });
  return new Claw({ url: service.url, token, tenant: "acme" });
};

describe("claw open", () => {
  it("opens the claw's own page in a real browser, with its WebSocket, and a page of another instance gets nothing by it", async ({
    expect,
  }) => {
    const env = { CLAW_TOKEN: service.adminToken, CLAW_TENANT: "acme" };
    const link = async (name: string) => (await runCli(["open", name, "--print"], { url: service.url, env })).stdout.trim();
    const browser = await startChromium();
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    const url = await link("web");
    await page.goto(url);
    await page.getByText("hello from a page, of http://localhost").waitFor();
    const { origin } = new URL(url);
    expect(page.url()).toMatch(/\/#token=[\w-]{43}$/);
    // What the page keeps and what the control plane has it send are apart.
    expect(await page.evaluate("document.cookie")).toBe("own=1");
    const seen = await page.evaluate("fetch('/seen', { method: 'POST', body: 'x'.repeat(300000) }).then((answer) => answer.json())");
    expect(seen).toMatchObject({ method: "POST", url: "/seen", bytes: 300_000, headers: { host: "localhost", cookie: "own=1" } });
    expect(Object.keys((seen as { headers: object }).headers).filter((name) => /forwarded|real-ip|referer/.test(name))).toEqual([]);

    // It is one site with the other's, so the browser sends the cookie along.
    await page.goto(await link("other"));
    const across = `(async () => {
      await fetch("${origin}/seen", { mode: "no-cors", credentials: "include" });
      const socket = new WebSocket("${origin.replace("http", "ws")}/socket");
      return new Promise((resolve) => { socket.onopen = () => resolve("open"); socket.onerror = () => resolve("refused"); });
    })()`;
    const answered = page.waitForResponse((response) => response.url() === `${origin}/seen`);
    expect(await page.evaluate(across)).toBe("refused");
    expect((await answered).status()).toBe(403);
  });
});

describe("a link", () => {
  it("is good once, at its own host, within a minute", async ({ expect }) => {
    const { url, origin } = await aVisit(claw);
    expect((await ask(url)).status).toBe(404);
    const { url: fresh } = await claw.instances.open("web", {});
    const elsewhere = new URL((await claw.instances.open("other", {})).url).origin;
    expect((await ask(fresh.replace(origin, elsewhere))).status).toBe(404);
    await database.query("update visits set created_at = created_at - interval '61 seconds' where ticket_digest is not null");
    expect((await ask(fresh)).status).toBe(404);
  });

  it("leads to a page of the claw's, and to nowhere else", async ({ expect }) => {
    const { url } = await claw.instances.open("web", { path: "/ui/" });
    expect((await ask(url)).headers.location).toMatch(/^\/ui\/#token=[\w-]{43}$/);
    await expect(claw.instances.open("web", { path: "//evil.example" })).rejects.toMatchObject({ code: "request.invalid" });
    const { url: other } = await claw.instances.open("web", {});
    expect((await ask(`${other}?to=${encodeURIComponent("//evil.example")}`)).headers.location).toMatch(/^\/#token=/);
  });

  it("is followed by whoever comes first of many at once", async ({ expect }) => {
    const { url } = await claw.instances.open("web", {});
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(url)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 404, 404, 404, 404, 404, 404, 404]);
  });

  it("takes the permission to connect, in the instance's own tenant, and is on record", async ({ expect }) => {
    const viewer = await someone("viewer", "viewer");
    await expect(viewer.instances.open("web", {})).rejects.toMatchObject({ status: 403 });
    await service.claw().tenants.create(aTenant("stranger"));
    const { metadata } = await claw.instances.get("web");
    await expect(service.claw("stranger").instances.open(metadata.uid, {})).rejects.toMatchObject({ status: 404 });
    const { own, origin } = await aVisit(await someone("recorded"));
    await ask(`${origin}/seen`, own);
    const { items } = await claw.audit.list({ actor: "serviceaccount:acme/recorded" });
    expect(items.map(({ action }) => action).slice(0, 2)).toEqual(["instance.connect", "instance.open"]);
    const { items: refused } = await claw.audit.list({ actor: "serviceaccount:acme/viewer" });
    expect(refused[0]).toMatchObject({ action: "instance.open", result: "refused" });
  });

  it("leaves nothing to read in the database or the log", async ({ expect }) => {
    const { url, cookie, location } = await aVisit(claw);
    const { rows } = await database.query("select row_to_json(v)::text as row from visits v");
    for (const secret of [url.split("/").at(-1), cookie.split("=")[1], location.split("=")[1]]) {
      expect(secret).toMatch(/^[\w-]{43}$/);
      expect(rows.map(({ row }) => row).join()).not.toContain(secret);
    }
  });
});

describe("an instance's own origin", () => {
  it("is nobody's without what came of a link, and of another instance's link", async ({ expect }) => {
    const { origin, cookie, own } = await aVisit(claw);
    const there = new URL((await claw.instances.open("other", {})).url).origin;
    const { port } = new URL(origin);
    expect((await ask(`${origin}/seen`, own)).status).toBe(200);
    for (const [where, headers] of [
      [origin, {}],
      [origin, { cookie: `${cookie}x` }],
      [there, { cookie }],
      [`http://nobody-0123456789ab.localhost:${port}`, { cookie }],
      [`http://deeper.${new URL(origin).host}`, { cookie }],
    ] as const) {
      expect([where, (await ask(`${where}/seen`, headers)).status]).toEqual([where, 404]);
    }
  });

  it("has no route of the control plane's, and takes none of its credentials", async ({ expect }) => {
    const { origin, own } = await aVisit(claw);
    const bearer = { authorization: `Bearer ${service.adminToken}`, "x-claw-tenant": "acme" };
    for (const path of ["/api/v1/instances", "/metrics", "/livez", "/auth/sign-in", "/docs"]) {
      expect([path, (await ask(`${origin}${path}`, bearer)).status]).toEqual([path, 404]);
      expect([path, JSON.parse((await ask(`${origin}${path}`, own)).text).url]).toEqual([path, path]);
    }
    // And the other way round.
    expect((await ask(`${service.url}/api/v1/me`, { cookie: own.cookie })).status).toBe(401);
  });

  it("keeps the control plane's cookies from the claw, and the claw from setting any for others", async ({ expect }) => {
    const { origin, own } = await aVisit(claw);
    const cookie = `${own.cookie}; theme=dark; __Host-claw-session=x; claw-sign-in=y`;
    expect(JSON.parse((await ask(`${origin}/seen`, { ...own, cookie })).text).headers.cookie).toBe("theme=dark");
    const { headers } = await ask(`${origin}/`, own);
    expect(headers["set-cookie"]).toEqual(["own=1; Path=/"]);
    expect(headers["clear-site-data"]).toBeUndefined();
    expect((await ask(`${origin}/away`, own)).headers.location).toBe("/here");
  });

  it("answers pages of its own alone", async ({ expect }) => {
    const { origin, cookie } = await aVisit(claw);
    const opened = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    const statusOf = async (headers: Readonly<Record<string, string>>, method = "GET") =>
      (await ask(`${origin}/seen`, { cookie, ...headers }, method)).status;
    expect(await statusOf({ "sec-fetch-site": "cross-site", ...opened })).toBe(200);
    expect(await statusOf({ "sec-fetch-site": "none", ...opened })).toBe(200);
    expect(await statusOf({ "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" })).toBe(403);
    expect(await statusOf({ "sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" })).toBe(403);
    expect(await statusOf({ origin: service.url })).toBe(403);
    expect(await statusOf({ "sec-fetch-site": "same-site", ...opened }, "POST")).toBe(403);
    expect(await statusOf({}, "POST")).toBe(403);
    expect(await statusOf({ origin }, "POST")).toBe(200);
    expect(await refusal(dial(origin, { cookie, origin: service.url }))).toBe(403);
    expect(await refusal(dial(origin, { cookie }))).toBe(403);
    expect(await refusal(dial(origin, { origin }))).toBe(404);
  });

  it("ends within seconds with what it was opened by, and with the right to it, whatever is open", async ({ expect }) => {
    const ending = async (name: string, end: (signOut: () => Promise<unknown>) => Promise<unknown>) => {
      const token = await aToken(claw, { name, role: "operator" });
      const { headers } = await ask(`${service.url}/auth/session`, { authorization: `Bearer ${token}` }, "POST");
      const signedIn = { cookie: headers["set-cookie"]?.[0]?.split(";")[0] ?? "", origin: service.url, "sec-fetch-site": "same-origin" };
      const credential = name === "session" ? signedIn : { authorization: `Bearer ${token}` };
      const { text } = await ask(`${service.url}/api/v1/instances/web/open`, credential, "POST");
      const { origin } = new URL(JSON.parse(text).url);
      const entered = await ask(JSON.parse(text).url);
      const own = { cookie: entered.headers["set-cookie"]?.[0]?.split(";")[0] ?? "", origin };
      const socket = dial(origin, own);
      await once(socket, "open");
      const closed = once(socket, "close");
      const sinceMs = Date.now();
      await end(() => ask(`${service.url}/auth/sign-out`, signedIn, "POST"));
      await closed;
      expect([name, Date.now() - sinceMs < 7_000]).toEqual([name, true]);
      expect([name, (await ask(`${origin}/seen`, own)).status]).toEqual([name, 404]);
    };
    await Promise.all([
      ending("revoked", async () => {
        const { items } = await claw.tokens.list({ serviceAccount: "revoked" });
        await claw.tokens.revoke(items[0]?.id ?? "");
      }),
      ending("unbound", () => claw.roleBindings.delete("unbound")),
      ending("session", (signOut) => signOut()),
    ]);
  });

  it("is counted where streams are", async ({ expect }) => {
    const { origin, own } = await aVisit(claw);
    const socket = dial(origin, own);
    await once(socket, "open");
    const { text } = await ask(`${service.url}/metrics`, { authorization: `Bearer ${service.adminToken}` });
    expect(text).toMatch(/claw_streams_open\{kind="open"\} [1-9]/);
    expect(text).toMatch(/claw_streams_opened_total\{kind="open"\} [1-9]/);
  });
});
