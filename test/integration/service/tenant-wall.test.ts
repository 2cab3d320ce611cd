import { once } from "node:events";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { WebSocket } from "ws";
import { Claw } from "../../../sdk/client/index.ts";
import { isStateWrite, type Route, type RouteId, routes, type Stream, webSockets } from "../../../sdk/contract/index.ts";
import { aToken } from "../../support/access.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { populateTenant } from "../../support/populated-tenant.ts";
import { OF_ONE_SIGN_IN, type SampleRequest, sampleRequests } from "../../support/sample-requests.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

const TOKENS = { own: "", other: "" };
let service: TestService;
let database: Client;
let samples: Readonly<Record<RouteId, SampleRequest>>;
let tenantUid: string;
let uids: Readonly<Record<string, string>>;

beforeAll(async () => {
  service = await startTestService();
  database = new Client(service.databaseUrl);
  await database.connect();
  const { uids: known, ...walled } = await populateTenant(service, "walled");
  await service.claw().tenants.create(aTenant("other"));
  TOKENS.own = await aToken(service.claw("walled"), { name: "own" });
  TOKENS.other = await aToken(service.claw("other"), { name: "other" });
  const changes = { manifests: [anEcho("keeper", {}, { labels: { planned: "yes" } })] };
  const { planId: plan = "" } = await new Claw({ url: service.url, token: TOKENS.own }).previews.create(changes);
  samples = sampleRequests({ ...walled, plan });
  tenantUid = known["walled"] ?? "";
  // What was done so far is published: what is seen to change from here on, a test has changed.
  await eventually(
    () => database.query("select from outbox"),
    ({ rowCount }) => rowCount === 0,
  );
  uids = { ...known, [plan]: plan, [walled.token]: walled.token, [walled.recording]: walled.recording };
});
afterAll(async () => {
  await database.end();
  await service.stop();
});

/** What the control plane writes of itself from time to time: what an instance takes, when its stack is read again, when a token was used last. */
const OF_ITSELF = ["instance_usage", "stack_refreshes", "api_tokens"];

/** Digests of all rows that are the tenant's, by table. */
async function rowsOf(tenantId: string): Promise<Record<string, string>> {
  const tables = await database.query(
    `select table_name from information_schema.columns where column_name = 'tenant_id' and table_schema = 'public'
       and table_name <> all($1) order by 1`,
    [OF_ITSELF],
  );
  const digests: Record<string, string> = {};
  for (const { table_name: table } of [...tables.rows, { table_name: "tenants" }]) {
    const { rows } = await database.query(
      `select md5(string_agg(to_jsonb(t)::text, ',' order by to_jsonb(t)::text)) from ${table} t where ${table === "tenants" ? "id" : "tenant_id"} = $1`,
      [tenantId],
    );
    digests[table] = rows[0].md5;
  }
  return digests;
}

interface Variant {
  readonly name: string;
  readonly id?: string | undefined;
  readonly tenant?: string;
  readonly body?: unknown;
}

async function ask(
  token: string,
  route: Route,
  { id, tenant, body }: Omit<Variant, "name">,
  query = "",
): Promise<{ status: number; code: string }> {
  const response = await fetch(`${service.url}/api/v1${route.path.replace(":id", id ?? "")}${query}`, {
    method: route.method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(tenant !== undefined && { "x-claw-tenant": tenant }),
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, code: text === "" ? "" : (JSON.parse(text).code ?? "") };
}

/** The ways in which someone may try to reach what is another tenant's. */
function variantsOf({ id, body }: SampleRequest): Variant[] {
  const uid = id && (uids[id] ?? id);
  const within = (namespace: string) =>
    body && "manifests" in (body as object)
      ? {
          manifests: (body as { manifests: { metadata: object }[] }).manifests.map((item) => ({
            ...item,
            metadata: { ...item.metadata, namespace },
          })),
        }
      : { ...(body as { metadata: object }), metadata: { ...(body as { metadata: object }).metadata, namespace } };
  const isManifest = typeof body === "object" && body !== null && ("metadata" in body || "manifests" in body);
  return [
    { name: "its name in the header", id, tenant: "walled", body },
    { name: "its uid in the header", id: uid, tenant: tenantUid, body },
    ...(id === undefined ? [] : [{ name: "a uid in the path", id: uid, body }]),
    ...(isManifest ? [{ name: "its name in the manifest", id, body: within("walled") }] : []),
  ];
}

const scoped = (scope: Route["scope"]) => (Object.entries(routes) as [RouteId, Route][]).filter(([, route]) => route.scope === scope);

describe("another tenant's token", () => {
  it.for([...scoped("tenant"), ...scoped("authenticated")])("gets 404 and changes nothing: %s", async ([id, route], { expect }) => {
    const before = await rowsOf(tenantUid);
    for (const variant of variantsOf(samples[id])) {
      const answer = await ask(TOKENS.other, route, variant, samples[id].query);
      expect([variant.name, answer.status, answer.code]).toEqual([variant.name, 404, expect.stringMatching(/^[a-z_]+\.not_found$/)]);
      expect(answer.code).not.toBe("route.not_found");
    }
    expect(await rowsOf(tenantUid)).toEqual(before);
  });

  it.for(scoped("platform"))("is told nothing of whether a tenant exists: %s", async ([id, route], { expect }) => {
    const before = await rowsOf(tenantUid);
    const { body } = samples[id];
    const [there, absent] = [
      await ask(TOKENS.other, route, { id: "walled", body }),
      await ask(TOKENS.other, route, { id: "no-such-tenant", body }),
    ];
    expect(there).toEqual({ status: 403, code: "auth.forbidden" });
    expect(absent).toEqual(there);
    expect(await rowsOf(tenantUid)).toEqual(before);
  });

  it.for(Object.entries(webSockets) as [string, Stream][])("opens no stream: %s", async ([name, { path }], { expect }) => {
    const url = `${service.url.replace("http", "ws")}/api/v1${path}`;
    expect(await open(url.replace(":id", "keeper"), TOKENS.own)).toBe(101);
    if (path.includes(":id")) {
      expect(await open(url.replace(":id", uids["keeper"] ?? ""), TOKENS.other)).toBe(404);
    }
    expect(await open(`${url.replace(":id", "keeper")}?tenant=walled`, TOKENS.other)).toBe(404);
    expect(await open(url.replace(":id", "keeper"), TOKENS.other, { "x-claw-tenant": "walled" })).toBe(404);
    const last = { console: "instance.console-end", connect: "instance.connect" }[name];
    if (last !== undefined) {
      // It is put on record once the stream is there, after the handshake, and when it has ended: a later test would see it as its own doing.
      await eventually(
        () => database.query("select from audit_records where record ->> 'action' = $1", [last]),
        // One terminal was that of the tenant's recording.
        ({ rowCount }) => rowCount === (name === "console" ? 2 : 1),
      );
    }
  });
});

/** The status that a handshake is answered with. */
async function open(url: string, token: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}`, ...headers } });
  const refused = once(socket, "unexpected-response").then(([, response]) => response.statusCode as number);
  socket.on("error", () => undefined);
  const status = await Promise.race([refused, once(socket, "open").then(() => 101)]);
  socket.terminate();
  return status;
}

// The wall is tested with requests that are good: each of them does something for whom it is allowed.
describe("the tenant's own token", () => {
  const platform = (route: Route) => (route.scope === "platform" ? service.adminToken : TOKENS.own);

  it.for(Object.entries(routes).filter(([, route]) => isStateWrite(route)) as [RouteId, Route][])(
    "gets a preview, which changes nothing: %s",
    async ([id, route], { expect }) => {
      const before = await rowsOf(tenantUid);
      // A tenant with an instance, a template in use: refused as the write itself would be.
      const expected = id === "tenants.delete" ? { status: 409, code: "tenant.not_empty" } : { status: 200, code: "" };
      expect(await ask(platform(route), route, samples[id], "?preview=true")).toEqual(expected);
      // Plans are all that a preview leaves.
      expect({ ...(await rowsOf(tenantUid)), plans: before["plans"] }).toEqual(before);
    },
  );

  it.for((Object.entries(routes) as [RouteId, Route][]).filter(([id, route]) => !isStateWrite(route) && !OF_ONE_SIGN_IN.has(id)))(
    "gets an answer: %s",
    async ([id, route], { expect }) => {
      expect(await ask(platform(route), route, samples[id], samples[id].query)).toEqual({ status: route.success, code: "" });
    },
  );
});
