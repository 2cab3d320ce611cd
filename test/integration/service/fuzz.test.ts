import { request } from "node:http";
import fc from "fast-check";
import { afterAll, beforeAll, describe, it } from "vitest";
import { z } from "zod";
import { isStateWrite, type Route, type RouteId, routes, webSockets } from "../../../sdk/contract/index.ts";
import { arbitraryOf, damaged } from "../../support/arbitrary.ts";
import { anEcho, aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { faultOf as undescribed } from "../../support/described-answers.ts";
import { startTestService, type TestService } from "../../support/service.ts";

const RUNS = 12;
/** Where an engine operation follows. */
const RUNS_OF_OPERATIONS = 6;
/** Installs the Pulumi CLI. */
const OUTSIDE: readonly RouteId[] = ["stacks.migrate"];

let service: TestService;
let uid: string;
beforeAll(async () => {
  service = await startTestService();
  // A quota that is used up: what is sent here comes as far as the decision, and nothing is started.
  await service.claw().tenants.create(aTenant("fuzzed", { quota: { instances: 1 } }));
  const claw = service.claw("fuzzed");
  uid = (await claw.instances.create(anEcho("idle", { running: false }))).metadata.uid;
  await claw.configs.create(aTemplate("base"));
  await claw.projects.create({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "web" } });
});
afterAll(() => service.stop());

interface Asked {
  readonly id: string;
  readonly query: unknown;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

function requestsOf(route: Route): fc.Arbitrary<Asked> {
  const good = (schema: Parameters<typeof arbitraryOf>[0] | undefined) => (schema ? arbitraryOf(schema) : fc.constant(undefined));
  const either = (value: fc.Arbitrary<unknown>) => fc.oneof({ weight: 2, arbitrary: value }, { weight: 1, arbitrary: damaged(value) });
  return fc.record({
    id: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...namesIn(route)) },
      // Those two are steps of a path: what is asked for with them is another route.
      { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 12 }).filter((id) => id !== "." && id !== "..") },
    ),
    query: route.query ? either(good(route.query)) : fc.constant(undefined),
    body: either(plausible(good(route.body), namesIn(route))),
    headers: fc.record({
      "x-claw-tenant": rarely("fuzzed", "nobody's", undefined),
      "if-match": rarely(undefined, "*", '"1"', "what"),
      "idempotency-key": rarely(undefined, "again"),
      "content-type": rarely("application/json", "text/plain"),
    }),
  });
}

function rarely<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
}

/** Names of what there is. */
function namesIn({ path }: Route): readonly string[] {
  const known = { instances: ["idle", uid], configs: ["base"], tenants: ["fuzzed"], stacks: ["fuzzed"], projects: ["default", "web"] };
  return known[path.split("/")[1] as keyof typeof known] ?? ["a".repeat(99)];
}

/** Manifests of types that there are, often of resources that there are: else nearly all would be refused at the door. */
function plausible(bodies: fc.Arbitrary<unknown>, names: readonly string[]): fc.Arbitrary<unknown> {
  return fc.tuple(bodies, fc.constantFrom(...names), fc.nat(3)).map(([body, name, chance]) => {
    const { metadata, spec } = (body ?? {}) as { metadata?: object; spec?: object };
    if (!metadata || !spec || chance === 0) {
      return body;
    }
    const known = { ...("type" in spec && { type: "Echo" }), ...("adapter" in spec && { adapter: "EchoAdapter" }) };
    return { ...(body as object), metadata: chance === 1 ? { ...metadata, name } : { name }, spec: { ...spec, ...known } };
  });
}

async function send(route: Route, { id, query, body, headers }: Asked): Promise<Response> {
  const url = new URL(`${service.url}/api/v1${route.path.replace(":id", encodeURIComponent(id))}`);
  for (const [key, value] of Object.entries((query ?? {}) as Record<string, unknown>)) {
    url.searchParams.set(key, parameterOf(value));
  }
  const hasBody = route.method !== "GET" && body !== undefined;
  const { "content-type": contentType, ...rest } = headers;
  const given = { authorization: `Bearer ${service.adminToken}`, ...rest, ...(hasBody && { "content-type": contentType }) };
  return fetch(url, {
    method: route.method,
    headers: Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined)),
    ...(hasBody && { body: JSON.stringify(body) }),
  });
}

/** An object may have a `toString` that is no function. */
function parameterOf(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What is wrong with an answer. */
async function faultOf(id: RouteId, route: Route, response: Response): Promise<string | undefined> {
  const again = response.clone();
  const text = await response.text();
  if (response.status === 500 || (response.status === 503 && !text.includes("instance.unreachable"))) {
    return `${id} fails: ${text}`;
  }
  if (!response.headers.get("x-request-id")) {
    return `${id} answers without a request id`;
  }
  return undescribed(route.method, new URL(response.url).pathname, again);
}

describe("whatever is sent", () => {
  const all = (Object.entries(routes) as [RouteId, Route][])
    .filter(([id]) => !OUTSIDE.includes(id))
    // What others are about goes last.
    .toSorted(([, one], [, other]) => Number(one.method === "DELETE") - Number(other.method === "DELETE"));
  it.for(all)("is answered as the OpenAPI document says, and never by a 500: %s", async ([id, route], { expect }) => {
    const isOperation = id === "previews.create" || (id.startsWith("instances.") && isStateWrite(route));
    const numRuns = isOperation ? RUNS_OF_OPERATIONS : RUNS;
    await fc.assert(
      fc.asyncProperty(requestsOf(route), async (request) => {
        expect(await faultOf(id, route, await send(route, request))).toBeUndefined();
      }),
      { numRuns, endOnFailure: true, ...(process.env["CI"] && { seed: 2026_11_25 }) },
    );
  });
});

const text = (raw: fc.Arbitrary<unknown>) => raw.map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
/** Dates that JavaScript takes and PostgreSQL does not, or the other way round, and other keys of other sorts. */
const keys = fc.oneof(
  fc.constantFrom("+275760-09-13T00:00:00.000Z", "-000001-01-01T00:00:00.000Z", "2026-02-30T00:00:00.000Z", "infinity", "", "\0", "\ud800"),
  fc.date().map((date) => (Number.isNaN(date.getTime()) ? "NaN" : date.toISOString())),
  fc.string({ maxLength: 20 }),
  fc.jsonValue({ maxDepth: 1 }),
);
const base64 = (raw: fc.Arbitrary<string>) => raw.map((value) => Buffer.from(value).toString("base64url"));
const cursors = fc.oneof(
  fc.base64String({ maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  base64(
    fc
      .tuple(fc.constantFrom("metadata.name", "-metadata.name", "metadata.creationTimestamp", "x"), keys, keys)
      .map((parts) => JSON.stringify(parts)),
  ),
  base64(text(keys)),
  base64(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String)),
);

describe("whatever cursor is sent", () => {
  const lists = (Object.entries(routes) as [RouteId, Route][]).filter(
    ([id, { query }]) => query && "cursor" in query.shape && !OUTSIDE.includes(id),
  );
  it("may be another list's", async ({ expect }) => {
    // What was sent before may have left nothing that takes a second page.
    await service.claw().tenants.create(aTenant("listed"));
    const own: string[] = [];
    for (const [, route] of lists) {
      const page = await send(route, { id: namesIn(route)[0] ?? "", query: { limit: 1 }, body: undefined, headers: TENANT });
      const { nextCursor } = (await page.json()) as { nextCursor?: string };
      own.push(...(nextCursor === undefined ? [] : [nextCursor]));
    }
    expect(own.length).toBeGreaterThan(0);
    for (const [id, route] of lists) {
      for (const cursor of own) {
        const answer = await send(route, { id: namesIn(route)[0] ?? "", query: { cursor }, body: undefined, headers: TENANT });
        expect(await faultOf(id, route, answer)).toBeUndefined();
      }
    }
  });

  it.for(lists)("is answered as the OpenAPI document says, and never by a 500: %s", async ([id, route], { expect }) => {
    await fc.assert(
      fc.asyncProperty(cursors, fc.constantFrom(...namesIn(route)), async (cursor, name) => {
        const answer = await send(route, { id: name, query: { cursor }, body: undefined, headers: TENANT });
        expect(await faultOf(id, route, answer)).toBeUndefined();
      }),
      { numRuns: 4 * RUNS, endOnFailure: true, ...(process.env["CI"] && { seed: 2026_11_25 }) },
    );
  });
});

const agentQuery = z.object({ instance: z.string() });
const TENANT = { "x-claw-tenant": "fuzzed" };

/** The status that an upgrade is answered with; once it is a stream, bytes that need be no frame are sent on it, until it ends or is left. */
function upgrade(path: string, headers: Readonly<Record<string, string>>, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(`${service.url}${path}`, {
      headers: { connection: "Upgrade", authorization: `Bearer ${service.adminToken}`, ...headers },
    });
    asked.setTimeout(10_000, () => asked.destroy(new Error(`no answer to ${path}`)));
    asked.on("error", reject);
    asked.on("response", (response) => {
      response.resume();
      response.on("close", () => resolve(response.statusCode ?? 0));
      // An event stream has no end of its own.
      if (response.headers["content-type"]?.startsWith("text/event-stream")) {
        response.destroy();
      }
    });
    asked.on("upgrade", (response, socket) => {
      socket.on("error", () => {});
      socket.on("close", () => resolve(response.statusCode ?? 0));
      socket.resume().end(bytes);
    });
    asked.end();
  });
}

describe("whatever is sent to open a stream", () => {
  const paths = [
    ...Object.values(webSockets).map(({ path, query }) => ({ path: `/api/v1${path}`, query })),
    { path: "/agent/v1", query: agentQuery },
  ];
  it.for(paths)("is answered at once, and never by a 5xx of ours: $path", async ({ path, query }, { expect }) => {
    const headers = fc.record({
      upgrade: rarely("websocket", "h2c", "WebSocket"),
      "sec-websocket-version": rarely("13", "8", "x"),
      "sec-websocket-key": rarely("dGhlIHNhbXBsZSBub25jZQ==", "x", ""),
      "sec-websocket-protocol": rarely("bearer.", `bearer.x, bearer.${"y".repeat(100)}`, ", ,", "%00"),
      "sec-websocket-extensions": rarely("permessage-deflate", "permessage-deflate; client_max_window_bits=99", ";;"),
      "x-claw-tenant": rarely("fuzzed", "nobody's", "%00"),
    });
    const good = arbitraryOf(query);
    const ids = fc.oneof(
      fc.constantFrom("idle", uid),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
      fc.constantFrom("\0", "..", "%"),
    );
    await fc.assert(
      fc.asyncProperty(headers, fc.oneof(good, damaged(good)), ids, fc.uint8Array({ maxLength: 40 }), async (given, search, id, bytes) => {
        const url = new URL(`http://service${path.replace(":id", () => encodeURIComponent(id.toWellFormed()))}`);
        for (const [key, value] of Object.entries((search ?? {}) as Record<string, unknown>)) {
          url.searchParams.append(key, parameterOf(value));
        }
        expect(await upgrade(`${url.pathname}${url.search}`, given, bytes)).toBeLessThan(500);
      }),
      { numRuns: 4 * RUNS, endOnFailure: true, ...(process.env["CI"] && { seed: 2026_11_25 }) },
    );
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
  });
});
