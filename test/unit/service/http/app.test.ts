import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import Fastify from "fastify";
import { pino } from "pino";
import { describe, it } from "vitest";
import { ClawError, routes, STACK_BYTES_MAX } from "../../../../sdk/contract/index.ts";
import type { RouteHandlers } from "../../../../service/application/resources/route-handlers.ts";
import { ANONYMOUS, administrator } from "../../../../service/domain/access/actor.ts";
import { Tallies } from "../../../../service/domain/tallies.ts";
import { api, buildApp } from "../../../../service/http/app.ts";
import { withReceived } from "../../../../service/http/files.ts";
import { SharedCounters } from "../../../../service/http/limits/shared-counters.ts";
import { OpenStreams } from "../../../../service/http/streams/open-streams.ts";
import { withoutUseCases } from "../../../support/api-options.ts";

const log = pino({ level: "silent" });

describe("whoever sends much", () => {
  it("is refused by the size of what the route takes", async ({ expect }) => {
    const authenticate = async () => ({ actor: administrator("admin"), tenant: undefined });
    const app = await buildApp({ log, ...withoutUseCases({ identity: { access: { authenticate } } }) });
    const send = async (path: string, bytes: number) => {
      const headers = { authorization: "Bearer x", "content-type": "application/json", "content-length": String(bytes) };
      const { statusCode, json } = await app.inject({ method: "POST", url: `/api/v1${path}`, headers, payload: "{" });
      return [statusCode, json().code];
    };
    expect(await send(routes["projects.create"].path, 2 * 1024 * 1024 + 1)).toEqual([413, "request.too_large"]);
    expect(await send(routes["previews.create"].path, 2 * 1024 * 1024 + 1)).toEqual([400, "request.malformed"]);
    expect(await send(routes["previews.create"].path, 4 * 1024 * 1024 + 1)).toEqual([413, "request.too_large"]);
    await app.close();
  });
});

describe("a request that says it is JSON and has no body", () => {
  it("is what it is without saying so", async ({ expect }) => {
    const authenticate = async () => ({ actor: administrator("admin"), tenant: undefined });
    const handlers = { "previews.apply": async () => ({}) } as unknown as RouteHandlers;
    const app = await buildApp({ log, ...withoutUseCases({ identity: { access: { authenticate } }, routes: { handlers } }) });
    const send = async (path: string, headers: object) => {
      const answer = await app.inject({ method: "POST", url: `/api/v1${path}`, headers: { authorization: "Bearer x", ...headers } });
      return [answer.statusCode, answer.json().code ?? answer.json().errors];
    };
    const json = { "content-type": "application/json" };
    for (const path of [routes["previews.apply"].path.replace(":id", "pln_2f9K"), routes["projects.create"].path]) {
      const plain = await send(path, {});
      expect(plain[1]).not.toBe("request.malformed");
      for (const headers of [json, { ...json, "content-length": "0" }, { "content-type": "application/json; charset=utf-8" }]) {
        expect(await send(path, headers)).toEqual(plain);
      }
    }
    await app.close();
  });
});

describe("a file", () => {
  const authenticate = async () => ({ actor: administrator("admin"), tenant: undefined });
  const url = `/api/v1${routes["stacks.import"].path.replace(":id", "acme")}`;
  const headers = { authorization: "Bearer x", "content-type": "application/json" };

  it("is handed on as it came, and taken apart by nobody on its way: others would have to wait", async ({ expect }) => {
    const payload = Buffer.concat([Buffer.from('{ "no": JSON'), randomBytes(3 * 1024 * 1024)]);
    const seen: { path: string; mode: number; isSame: boolean }[] = [];
    const handlers = {
      "stacks.import": async (_ctx: unknown, { body: { path } }: { body: { path: string } }) => {
        seen.push({ path, mode: statSync(path).mode & 0o777, isSame: readFileSync(path).equals(payload) });
        return { resources: 7 };
      },
    } as unknown as RouteHandlers;
    const app = await buildApp({ log, ...withoutUseCases({ identity: { access: { authenticate } }, routes: { handlers } }) });
    const { statusCode, body } = await app.inject({ method: "POST", url, headers, payload });
    expect([statusCode, body]).toEqual([200, '{"resources":7}']);
    expect(seen).toEqual([{ path: expect.any(String), mode: 0o600, isSame: true }]);
    expect(existsSync(seen[0]?.path ?? "")).toBe(false);
    await app.close();
  });

  it("is refused when it is larger than it says it may be, or is of another type", async ({ expect }) => {
    const app = await buildApp({ log, ...withoutUseCases({ identity: { access: { authenticate } } }) });
    const send = async (over: object) => (await app.inject({ method: "POST", url, headers: { ...headers, ...over }, payload: "{" })).json();
    expect(await send({ "content-length": String(STACK_BYTES_MAX + 1) })).toMatchObject({ code: "request.too_large" });
    expect(await send({ "content-type": "text/plain" })).toMatchObject({ code: "request.unsupported_media_type" });
    const sent = withReceived(Readable.from([Buffer.alloc(3), Buffer.alloc(3)]), 5, async () => "taken");
    await expect(sent).rejects.toMatchObject({ code: "request.too_large" });
    await app.close();
  });
});

describe("an answer that is a file", () => {
  const exporting = async (write: (path: string) => Promise<void>) => {
    const paths: string[] = [];
    const authenticate = async () => ({ actor: administrator("admin"), tenant: undefined });
    const handlers: Pick<RouteHandlers, "stacks.export"> = {
      "stacks.export": async (_ctx, { answer }) => {
        paths.push(answer.path);
        await write(answer.path);
        return undefined;
      },
    };
    const app = await buildApp({
      log,
      ...withoutUseCases({ identity: { access: { authenticate } }, routes: { handlers: handlers as RouteHandlers } }),
    });
    const answer = await app.inject({ method: "GET", url: "/api/v1/stacks/acme/export", headers: { authorization: "Bearer x" } });
    await app.close();
    return { answer, left: () => paths.filter((path) => existsSync(dirname(path))) };
  };

  it("is sent as it is, and gone then", async ({ expect }) => {
    const state = JSON.stringify({ version: 3, deployment: { resources: [{ urn: "x".repeat(300_000), type: "t" }] } });
    const { answer, left } = await exporting((path) => writeFile(path, state));
    expect([answer.statusCode, answer.headers["content-length"]]).toEqual([200, String(state.length)]);
    expect(answer.body === state).toBe(true);
    await expect.poll(left).toEqual([]);
  });

  it("is gone too where something else is answered", async ({ expect }) => {
    const { answer, left } = await exporting(async (path) => {
      await writeFile(path, "half of it");
      throw new ClawError("stack.not_found", "there is no stack 'acme'");
    });
    expect([answer.statusCode, answer.json().code]).toEqual([404, "stack.not_found"]);
    expect(left()).toEqual([]);
  });
});

describe("whoever is nobody", () => {
  it("is refused before anything of the request is read, by every route that is not everybody's", async ({ expect }) => {
    const app = await buildApp({ log, ...withoutUseCases({ identity: { access: { authenticate: async () => undefined } } }) });
    for (const { method, path, scope } of Object.values(routes)) {
      // A body that could not be read, and an id that no schema takes.
      const headers = { authorization: "Bearer wrong", "content-type": "application/json" };
      const url = `/api/v1${path.replace(":id", "%00")}?no=query`;
      const answer = await app.inject({ method, url, headers, ...(method !== "GET" && { payload: "{" }) });
      expect([method, path, answer.json().code === "auth.unauthenticated"]).toEqual([method, path, scope !== "public"]);
    }
    await app.close();
  });
});

describe("a route that does not say who may ask", () => {
  it("can't be registered", async ({ expect }) => {
    const app = Fastify();
    await app.register(api, withoutUseCases());
    expect(() => app.get("/api/v1/secrets", () => "all of them")).toThrow("the route /api/v1/secrets does not say who may ask");
    await app.close();
  });
});

describe("a process that is behind with its work", () => {
  it("turns callers away until it has caught up, and answers probes", async ({ expect }) => {
    const authenticate = async () => ({ actor: administrator("admin"), tenant: undefined });
    const probes = { assertReady: async () => {} };
    const app = await buildApp({
      log,
      ...withoutUseCases({ identity: { access: { authenticate } }, probes, loadShedding: { delayMsMax: 40, sampleMs: 500 } }),
    });
    const document = () => app.inject("/api/v1/openapi.json");
    expect((await document()).statusCode).toBe(200);
    const busy = setInterval(() => {
      for (const until = performance.now() + 100; performance.now() < until; ) {
        // As long as this takes, nobody is answered.
      }
    }, 1);
    await expect.poll(document, { timeout: 10_000 }).toMatchObject({ statusCode: 503, headers: { "retry-after": "1" } });
    expect((await document()).json()).toMatchObject({ code: "service.unavailable", retryable: true });
    expect(await Promise.all(["/healthz", "/readyz"].map(async (url) => (await app.inject(url)).statusCode))).toEqual([200, 200]);
    clearInterval(busy);
    await expect.poll(document, { timeout: 10_000 }).toMatchObject({ statusCode: 200 });
    await app.close();
  });
});

describe("GET /metrics", () => {
  it("tells platform administrators, and nobody else, how the process does and what it can't reach", async ({ expect }) => {
    const authenticate = async (token: string) => ({
      actor: token === "admin" ? administrator(token) : { ...ANONYMOUS, subject: token },
      tenant: undefined,
    });
    const failed = { dependency: 'kubernetes "https://10.0.0.1"', state: "open", failures: 4, message: "connect ECONNREFUSED" } as const;
    const vitals = () => ({ uptimeSeconds: 5, residentBytes: 1e8, eventLoopDelayMs: { mean: 1, p99: 20 }, circuits: [failed] });
    const tallies = new Tallies();
    tallies.count("claw_audit_refusals_total", { reason: "auth.forbidden" });
    tallies.count("claw_audit_refusals_total", { reason: "auth.forbidden" }, 2);
    for (let n = 0; n < 600; n++) {
      tallies.count("claw_policy_violations_total", { policy: `policy-${n}`, mode: "warn" });
    }
    const open = new OpenStreams();
    open.take("acme", "logs");
    open.take("acme", "console")();
    const longAgo = new Date(Date.now() - 3_600_000).toISOString();
    const metrics = { vitals, tallies, open, keys: () => ({ createdAt: longAgo, wrappedAt: longAgo }) };
    const app = await buildApp({ log, ...withoutUseCases({ identity: { access: { authenticate } }, metrics }) });
    const ask = (token: string) => app.inject({ url: "/metrics", headers: { authorization: `Bearer ${token}` } });
    expect((await ask("alice")).json().code).toBe("auth.forbidden");
    const { headers, body } = await ask("admin");
    expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(body).toContain('\nclaw_event_loop_delay_seconds{quantile="0.99"} 0.02\n');
    expect(body).toMatch(/\nclaw_data_key_age_seconds 36\d\d\n/);
    expect(body).toMatch(/\nclaw_data_key_wrapped_seconds 36\d\d\n/);
    expect(body).toContain('\nclaw_circuit_open{dependency="kubernetes \\"https://10.0.0.1\\""} 1\n');
    expect(body).toContain("\n# TYPE claw_audit_records_total counter\nclaw_audit_records_total 0\n");
    expect(body).toContain('\nclaw_streams_open{kind="logs"} 1\nclaw_streams_open{kind="console"} 0\n');
    expect(body).toContain('\nclaw_audit_refusals_total{reason="auth.forbidden"} 3\n');
    // Tenants name their policies as they like, and can't fill a monitoring system.
    expect(body).toContain('\nclaw_policy_violations_total{policy="others",mode="warn"} 100\n');
    await app.close();
  });
});

describe("what browsers are told", () => {
  it("is to run, load, frame and guess nothing of an answer, refused ones too", async ({ expect }) => {
    const app = await buildApp({ log, ...withoutUseCases() });
    for (const url of ["/api/v1/openapi.json", "/nowhere", "/api/v1/instances"]) {
      const { headers } = await app.inject(url);
      expect(headers).toMatchObject({
        "content-security-policy": "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
      });
      expect(headers).not.toHaveProperty("access-control-allow-origin");
      expect(headers).not.toHaveProperty("x-powered-by");
    }
    await app.close();
  });

  it("is that pages of the origins listed may call, and no others", async ({ expect }) => {
    const origins = ["https://console.example.com", "https://other.example.com"];
    const app = await buildApp({ log, ...withoutUseCases({ browserRules: { origins } }) });
    const ask = (origin: string, method: "GET" | "OPTIONS" = "GET") =>
      app.inject({
        method,
        url: method === "GET" ? "/api/v1/openapi.json" : "/api/v1/projects",
        headers: {
          origin,
          ...(method === "OPTIONS" && { "access-control-request-method": "POST", "access-control-request-headers": "authorization" }),
        },
      });
    const allowed = await ask("https://console.example.com");
    expect(allowed.headers).toMatchObject({
      "access-control-allow-origin": "https://console.example.com",
      "access-control-expose-headers": "ETag, RateLimit, RateLimit-Policy, Retry-After, Warning, X-Request-Id",
      vary: expect.stringContaining("Origin"),
    });
    const preflight = await ask("https://other.example.com", "OPTIONS");
    expect([preflight.statusCode, preflight.headers["access-control-allow-methods"]]).toEqual([204, "GET, POST, PUT, DELETE"]);
    for (const origin of ["https://evil.example.com", "null", "https://console.example.com.evil.example"]) {
      expect((await ask(origin)).headers).not.toHaveProperty("access-control-allow-origin");
      expect((await ask(origin, "OPTIONS")).headers).not.toHaveProperty("access-control-allow-origin");
    }
    await app.close();
  });
});

describe("GET /docs", () => {
  it("describes every operation without a script, and loads its own style alone", async ({ expect }) => {
    const app = await buildApp({ log, ...withoutUseCases() });
    const { headers, body } = await app.inject("/docs");
    expect(headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(headers["content-security-policy"]).toBe(
      "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none';style-src 'self'",
    );
    expect(Object.keys(routes).filter((id) => !body.includes(`<details id="${id}">`))).toEqual([]);
    expect(body).not.toMatch(/<script|style="|https?:/);
    const targets = [...body.matchAll(/href="#([^"]+)"/g)].map(([, target]) => target);
    expect(targets.filter((target) => !body.includes(`id="${target}"`))).toEqual([]);
    expect((await app.inject("/docs/style.css")).headers["content-type"]).toBe("text/css; charset=utf-8");
    await app.close();
  });
});

describe("where a request is from", () => {
  const refused = () => Promise.reject(new Error("no database"));
  const units = { tenant: refused, platform: refused };
  const limits = { read: 9, write: 9, heavy: 9, "tenant-read": 9, "tenant-write": 9, "tenant-heavy": 9, failed: 9 };
  /** Whose request it was counted as. */
  const from = async (trustedProxies: readonly string[], remoteAddress: string) => {
    const counters = new SharedCounters({ transactions: { ...units, reads: units, dryRun: refused }, log });
    const app = await buildApp({ log, trustedProxies, ...withoutUseCases({ rateLimit: { limits, counters } }) });
    await app.inject({ url: "/docs/style.css", remoteAddress, headers: { "x-forwarded-for": "198.51.100.7, 10.1.2.3" } });
    await app.close();
    return [remoteAddress, "198.51.100.7", "10.1.2.3"].filter((address) => counters.isUsedUp(`read:${address}`, 1)).join();
  };
  it("is what a proxy says that is trusted, and what the connection says of all others", async ({ expect }) => {
    expect(await from([], "10.0.0.1")).toBe("10.0.0.1");
    expect(await from(["10.0.0.0/8"], "192.0.2.1")).toBe("192.0.2.1");
    // The nearest that is not trusted: what stands before it anybody can have written.
    expect(await from(["10.0.0.0/8"], "10.0.0.1")).toBe("198.51.100.7");
    expect(await from(["10.0.0.1"], "10.0.0.1")).toBe("10.1.2.3");
  });
});
