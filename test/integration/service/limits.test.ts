import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { afterAll, describe, it, onTestFinished } from "vitest";
import type { Access } from "../../../service/application/access/authenticate.ts";
import type { RouteHandlers } from "../../../service/application/resources/route-handlers.ts";
import { ANONYMOUS } from "../../../service/domain/access/actor.ts";
import { buildApp } from "../../../service/http/app.ts";
import type { RateLimits } from "../../../service/http/limits/rate-limits.ts";
import { SharedCounters } from "../../../service/http/limits/shared-counters.ts";
import { withoutUseCases } from "../../support/api-options.ts";
import { createTestDatabase } from "../../support/postgres.ts";

const log = pino({ level: "silent" });
const database = await createTestDatabase();
afterAll(() => database.drop());

const HIGH = 1_000_000;
const NONE: RateLimits = {
  read: HIGH,
  write: HIGH,
  heavy: HIGH,
  "tenant-read": HIGH,
  "tenant-write": HIGH,
  "tenant-heavy": HIGH,
  failed: HIGH,
};
let windows = 0;
/** No window ends during a test, and no two tests count in the same one. */
const aClock = () => {
  const at = 1_800_000_000_000 + ++windows * 60_000;
  return () => at;
};

/** A replica of the service, with use cases that answer at once. Tokens are `<subject>@<tenant>`; of those without a tenant the request says it. */
async function aReplica(limits: Partial<RateLimits>, clock: () => number): Promise<FastifyInstance> {
  const access: Pick<Access, "authenticate" | "enter"> = {
    authenticate: async (token) => {
      const [subject = "", name] = token.split("@");
      if (name === "") {
        return { actor: { ...ANONYMOUS, subject, platform: subject === "platform" }, tenant: undefined };
      }
      const tenant = name === undefined ? undefined : { id: `ten_${name}` as const, name };
      return tenant && { actor: { ...ANONYMOUS, subject, tenantId: tenant.id }, tenant };
    },
    enter: async (actor, name) => ({ actor, tenant: name === undefined ? undefined : { id: `ten_${name}`, name } }),
  };
  const served = async () => ({ items: [] });
  const handlers = { "projects.list": served, "types.list": served, "projects.delete": served } as unknown as RouteHandlers;
  const app = await buildApp({
    log,
    ...withoutUseCases({
      rateLimit: { limits: { ...NONE, ...limits }, counters: new SharedCounters({ transactions: database.transactions, log, clock }) },
      identity: { access },
      tenant: { access },
      idempotency: { transactions: database.transactions },
      probes: { assertReady: async () => {} },
      routes: { handlers },
    }),
  });
  onTestFinished(() => app.close());
  return app;
}

async function ask(
  app: FastifyInstance,
  token: string | undefined,
  path = "/api/v1/projects",
  from = "203.0.113.9",
  method: "GET" | "DELETE" = "GET",
) {
  const answer = await app.inject({
    method,
    url: path,
    remoteAddress: from,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  return { status: answer.statusCode, code: answer.body === "" ? undefined : answer.json().code, headers: answer.headers };
}

async function count(times: number, askOnce: (index: number) => Promise<{ status: number }>): Promise<Record<number, number>> {
  const statuses = await Promise.all(Array.from({ length: times }, (_, index) => askOnce(index).then(({ status }) => status)));
  return Object.fromEntries(Object.entries(Object.groupBy(statuses, String)).map(([status, all = []]) => [status, all.length]));
}

describe("a rate limit", () => {
  it("lets through what it says, tells what is left, and when to come again", async ({ expect }) => {
    const app = await aReplica({ read: 30 }, aClock());
    const first = await ask(app, "alice@a");
    expect(first.headers).toMatchObject({
      "ratelimit-policy": `"read";q=30;w=10, "tenant-read";q=${HIGH};w=10`,
      ratelimit: `"read";r=29;t=10, "tenant-read";r=${HIGH - 1};t=10`,
    });
    expect(await count(49, () => ask(app, "alice@a"))).toEqual({ 200: 29, 429: 20 });
    const refused = await ask(app, "alice@a");
    expect(refused).toMatchObject({
      status: 429,
      code: "request.rate_limited",
      headers: { "retry-after": "10", ratelimit: '"read";r=0;t=10' },
    });
    // Others, other classes of routes, and probes have nothing to do with it.
    expect((await ask(app, "bob@a")).status).toBe(200);
    expect((await ask(app, "alice@b")).status).toBe(200);
    expect((await ask(app, "alice@a", "/api/v1/projects/x", undefined, "DELETE")).status).toBe(204);
    expect((await ask(app, undefined, "/healthz")).status).toBe(200);
  });

  it("is one for all who act in a tenant", async ({ expect }) => {
    const app = await aReplica({ read: 20, "tenant-read": 50 }, aClock());
    expect(await count(100, (index) => ask(app, `user-${index % 10}@a`))).toEqual({ 200: 50, 429: 50 });
    expect((await ask(app, "somebody@b")).status).toBe(200);
  });

  it("of a tenant counts what names it in a manifest alone", async ({ expect }) => {
    const app = await aReplica({ "tenant-write": 3, "tenant-heavy": 2 }, aClock());
    const aProject = (namespace: string) => ({
      apiVersion: "clusterclaw.io/v1",
      kind: "Project",
      metadata: { name: "p", namespace },
      spec: {},
    });
    const post = (token: string, path: string, payload: object) =>
      app.inject({ method: "POST", url: `/api/v1/${path}`, headers: { authorization: `Bearer ${token}` }, payload });
    const isRefused = async (answer: ReturnType<typeof post>) => (await answer).statusCode === 429;
    const write = (subject: string, namespace: string) => post(`${subject}@`, "projects", aProject(namespace));
    const refusals = await Promise.all([1, 2, 3, 4, 5].map((n) => isRefused(write(`user-${n}`, "b"))));
    expect(refusals.filter(Boolean)).toHaveLength(2);
    const refused = await write("another", "b");
    expect(refused.json()).toMatchObject({ code: "request.rate_limited", detail: expect.stringContaining("tenant 'b'") });
    expect(refused.headers).toMatchObject({ "ratelimit-policy": `"write";q=${HIGH};w=10, "tenant-write";q=3;w=10`, "retry-after": "10" });
    expect(await isRefused(write("another", "c"))).toBe(false);
    // A preview by the platform may be of several tenants, and counts once for each.
    const preview = (...namespaces: string[]) => isRefused(post("platform@", "previews", { manifests: namespaces.map(aProject) }));
    expect([await preview("d", "d", "e"), await preview("d"), await preview("e", "d"), await preview("f")]).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });

  it("takes previews for heavy, and what anybody may read for reads of an address", async ({ expect }) => {
    const app = await aReplica({ heavy: 1, read: 1 }, aClock());
    const preview = () => ask(app, "alice@a", "/api/v1/projects/x?preview=true", undefined, "DELETE");
    expect([(await preview()).code, (await preview()).code]).toEqual(["service.internal", "request.rate_limited"]);
    const document = (from: string) => ask(app, undefined, "/api/v1/openapi.json", from).then(({ status }) => status);
    expect([await document("203.0.113.1"), await document("203.0.113.1"), await document("203.0.113.2")]).toEqual([200, 429, 200]);
    // A network of IPv6 is one sender.
    expect([await document("2001:db8::1"), await document("2001:db8::ffff:2"), await document("2001:db8:0:1::1")]).toEqual([200, 429, 200]);
  });

  it("begins anew with each window", async ({ expect }) => {
    let now = 1_900_000_000_000;
    const app = await aReplica({ read: 3 }, () => now);
    expect(await count(5, () => ask(app, "alice@a"))).toEqual({ 200: 3, 429: 2 });
    now += 10_000;
    expect(await count(5, () => ask(app, "alice@a"))).toEqual({ 200: 3, 429: 2 });
  });

  it("holds over replicas: what all let through at once is the limit, and a tenth of it for each at most", async ({ expect }) => {
    const clock = aClock();
    const replicas = await Promise.all([aReplica({ read: 200 }, clock), aReplica({ read: 200 }, clock)]);
    const passed = await Promise.all(replicas.map((app) => count(300, () => ask(app, "alice@a"))));
    const total = passed.reduce((sum, statuses) => sum + (statuses[200] ?? 0), 0);
    expect(total).toBeGreaterThanOrEqual(200);
    expect(total).toBeLessThanOrEqual(200 + 2 * 20);
    // Each has had its part: none was refused because of what it did not know.
    expect(await Promise.all(replicas.map((app) => ask(app, "alice@a").then(({ status }) => status)))).toEqual([429, 429]);
  });

  it("costs no statement of a request that is not near it", async ({ expect }) => {
    const app = await aReplica({}, aClock());
    const before = await commits();
    await count(500, () => ask(app, "alice@a"));
    expect((await commits()) - before).toBeLessThan(10);
  });

  it("is kept by each replica alone while the database does not answer", async ({ expect }) => {
    const refused = () => Promise.reject(new Error("no database"));
    const units = { tenant: refused, platform: refused };
    const transactions = { ...units, reads: units, dryRun: refused };
    const counters = new SharedCounters({ transactions, log, clock: aClock() });
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => counters.take("key", 30)));
    expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(30);
  });
});

/** Transactions of this database so far. */
async function commits(): Promise<number> {
  await database.pool.query(`select pg_stat_force_next_flush()`);
  const { rows } = await database.pool.query(`select xact_commit::int as commits from pg_stat_database where datname = current_database()`);
  return rows[0].commits;
}

describe("whoever tries tokens", () => {
  it("is held up by address before theirs is looked at, and keeps nobody out who was let in from there", async ({ expect }) => {
    const clock = aClock();
    const [one, other] = await Promise.all([aReplica({ failed: 10 }, clock), aReplica({ failed: 10 }, clock)]);
    expect((await ask(one, "alice@a")).status).toBe(200);
    for (let attempt = 0; attempt < 10; attempt++) {
      expect((await ask(one, `guess-${attempt}`)).code).toBe("auth.unauthenticated");
    }
    await expect.poll(() => ask(one, "guess")).toMatchObject({ status: 429, code: "request.rate_limited" });
    // The right one, at last.
    expect((await ask(one, "bob@a")).status).toBe(429);
    expect((await ask(one, "alice@a")).status).toBe(200);
    expect((await ask(one, "bob@a", undefined, "203.0.113.10")).status).toBe(200);
    expect((await ask(one, undefined, "/readyz")).status).toBe(200);
    // What is nowhere is counted as well, and a replica learns by its first of all that the others counted.
    await count(10, (index) => ask(one, undefined, `/wp-admin/${index}`, "203.0.113.20"));
    await expect.poll(() => ask(one, "guess", undefined, "203.0.113.20")).toMatchObject({ status: 429 });
    expect((await ask(other, "guess", undefined, "203.0.113.20")).code).toBe("auth.unauthenticated");
    await expect.poll(() => ask(other, "guess", undefined, "203.0.113.20")).toMatchObject({ status: 429 });
  });
});
