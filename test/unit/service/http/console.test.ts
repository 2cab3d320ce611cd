import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { pino } from "pino";
import { describe, it, onTestFinished } from "vitest";
import { buildApp } from "../../../../service/http/app.ts";
import { withoutUseCases } from "../../../support/api-options.ts";

const HTML = { accept: "text/html,application/xhtml+xml" };

/** The application with a console of two files. */
async function served(files: Readonly<Record<string, string>> = { "index.html": "<p>console</p>", "assets/main-abc.js": "go()" }) {
  const folder = await mkdtemp(join(tmpdir(), "console-"));
  const write = async (all: Readonly<Record<string, string>>) => {
    await mkdir(join(folder, "assets"), { recursive: true });
    for (const [file, text] of Object.entries(all)) {
      await writeFile(join(folder, file), text);
    }
  };
  await write(files);
  const app = await buildApp({ log: pino({ level: "silent" }), ...withoutUseCases({ console: { folder } }) });
  onTestFinished(async () => {
    await app.close();
    await rm(folder, { recursive: true });
  });
  return { write, get: (url: string, headers: Readonly<Record<string, string>> = HTML) => app.inject({ method: "GET", url, headers }) };
}

describe("the web console", () => {
  it("is one document at each of its addresses, for those who go there", async ({ expect }) => {
    const { get } = await served();
    for (const url of ["/", "/sign-in", "/t/acme", "/t/acme/instances/web/logs?q=1", "/platform/clusters"]) {
      const { statusCode, headers, body } = await get(url);
      expect([url, statusCode, headers["content-type"], body]).toEqual([url, 200, "text/html; charset=utf-8", "<p>console</p>"]);
      expect(headers["cache-control"]).toBe("no-cache");
    }
  });

  it("leaves every other address what it was, and programs without a page", async ({ expect }) => {
    const { get } = await served();
    for (const [url, headers] of [
      ["/api/v1/nothing", HTML],
      ["/api/nothing", HTML],
      ["/other", HTML],
      ["/assets/gone.js", HTML],
      ["/assets/../index.html", HTML],
      ["/assets/%2e%2e/index.html", HTML],
      ["/t/acme", { accept: "application/json" }],
      ["/", {}],
    ] as const) {
      const { statusCode, json } = await get(url, headers);
      expect([url, statusCode, json().code]).toEqual([url, 404, "route.not_found"]);
    }
  });

  it("runs nothing inline and loads nothing of others", async ({ expect }) => {
    const { get } = await served();
    const policy = String((await get("/t/acme")).headers["content-security-policy"]);
    expect(policy).not.toContain("unsafe");
    expect(policy).not.toMatch(/https?:/);
    expect(Object.fromEntries(policy.split(";").map((part) => part.split(/ (.*)/)))).toEqual({
      ...{ "default-src": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'", "form-action": "'self'" },
      ...{ "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'", "font-src": "'self'" },
      ...{ "manifest-src": "'self'", "worker-src": "'self'", "img-src": "'self' data:" },
    });
  });

  it("has its files kept for ever, and its document asked for again", async ({ expect }) => {
    const { get } = await served();
    const file = await get("/assets/main-abc.js", { "accept-encoding": "gzip" });
    expect(file.headers).toMatchObject({ "cache-control": "public, max-age=31536000, immutable", "content-encoding": "gzip" });
    expect(gunzipSync(file.rawPayload).toString()).toBe("go()");
    const { etag = "" } = (await get("/")).headers;
    expect((await get("/", { ...HTML, "if-none-match": String(etag) })).statusCode).toBe(304);
  });

  it("is the new one once it has been built anew, and says so while it never was", async ({ expect }) => {
    const { get, write } = await served({});
    expect(await get("/")).toMatchObject({ statusCode: 503, headers: { "retry-after": "5" } });
    await write({ "index.html": "<p>one</p>" });
    expect((await get("/")).body).toBe("<p>one</p>");
    await new Promise((done) => setTimeout(done, 20));
    await write({ "assets/new-def.js": "1", "index.html": "<p>two</p>" });
    expect((await get("/")).body).toBe("<p>two</p>");
    expect((await get("/assets/new-def.js")).body).toBe("1");
  });
});
