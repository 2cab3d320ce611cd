import { createHash } from "node:crypto";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { WebSocket } from "ws";
import {
  type BuiltInRole,
  isStateWrite,
  type Permission,
  permissionFacts,
  type Route,
  type RouteId,
  roles,
  routes,
} from "../../../sdk/contract/index.ts";
import { aToken } from "../../support/access.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { populateTenant } from "../../support/populated-tenant.ts";
import { type SampleRequest, sampleRequests } from "../../support/sample-requests.ts";
import { startTestService, type TestService } from "../../support/service.ts";

const ROLES = Object.keys(roles) as BuiltInRole[];
const ROUTES = Object.entries(routes) as [RouteId, Route][];
/** What the sample's changes take: its route takes nothing itself. A plan of everybody's is applied in a test of its own. */
const PREVIEWED: Partial<Record<RouteId, Permission>> = { "previews.create": "instances.write" };

let service: TestService;
let database: Client;
let samples: Readonly<Record<RouteId, SampleRequest>>;
/** By what a credential stands for. */
const tokens: Record<string, string> = {};
/** Of the table: how many cells were tried. */
let cells = 0;

beforeAll(async () => {
  // All that is refused here comes from one address, and faster than anybody may guess.
  service = await startTestService({ CLAW_RATE_LIMITS: "off" });
  database = new Client(service.databaseUrl);
  await database.connect();
  const { uids: _, ...populated } = await populateTenant(service, "acme");
  const claw = service.claw("acme");
  await claw.instances.create(anEcho("mine", {}, { project: "web" }));
  const { planId: plan = "" } = await claw.previews.create({ manifests: [anEcho("keeper", {}, { labels: { planned: "yes" } })] });
  samples = sampleRequests({ ...populated, plan });
  for (const role of ROLES) {
    tokens[role] = await aToken(role === "platform-admin" ? service.claw("default") : claw, {
      name: role,
      role,
      at: role === "platform-admin" ? "platform" : "tenant",
    });
  }
  tokens["developer of web"] = await aToken(claw, { name: "web-developer", role: "developer", at: { project: "web" } });
  tokens["scoped"] = await aToken(claw, { name: "scoped", scopes: ["instances.read"] });
  await service.claw().tenants.create(aTenant("other"));
  tokens["another tenant"] = await aToken(service.claw("other"), { name: "stranger" });
  tokens["revoked"] = await aToken(claw, { name: "revoked" });
  tokens["expired"] = await aToken(claw, { name: "expired" });
  const { items } = await claw.tokens.list();
  await claw.tokens.revoke(items.find(({ name }) => name === "revoked")?.id ?? "");
  await database.query("update api_tokens set expires_at = now() - interval '1 second' where name = 'expired'");
});
afterAll(async () => {
  await database.end();
  await service.stop();
});

async function ask(token: string | undefined, id: RouteId, over: Partial<SampleRequest> = {}): Promise<{ status: number; code: string }> {
  cells++;
  const route: Route = routes[id];
  const { id: ref = "", body, query = "" } = { ...samples[id], ...over };
  const preview = isStateWrite(route) ? "?preview=true" : id === "clusters.drain" ? "?dryRun=true" : query;
  const response = await fetch(`${service.url}/api/v1${route.path.replace(":id", ref)}${preview}`, {
    method: route.method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      "x-claw-tenant": "acme",
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, code: response.ok || text === "" ? "" : JSON.parse(text).code };
}

/** Its token is retired by the table, and what comes after needs it. */
async function keepAdministrator(): Promise<void> {
  await database.query("insert into api_tokens (digest, subject, platform) values ($1, 'admin', true) on conflict do nothing", [
    createHash("sha256").update(service.adminToken).digest("hex"),
  ]);
}

function mayUse(role: BuiltInRole, id: RouteId): boolean {
  const { scope, permission = PREVIEWED[id] }: Route = routes[id];
  if (permission === undefined) {
    return true;
  }
  const isGiven = roles[role].permissions.some((given) => given === permission);
  return isGiven && (role === "platform-admin" || (scope !== "platform" && permissionFacts(permission).scope !== "platform"));
}

describe("the access table", () => {
  it.for(ROUTES)("holds for every role: %s", async ([id], { expect }) => {
    const answers = [];
    for (const role of ROLES) {
      const { status, code } = await ask(tokens[role], id);
      await keepAdministrator();
      // Whatever comes after being let in: what a sample asks for may have been done by the role before.
      answers.push([role, status === 401 || code === "auth.forbidden" ? "refused" : "let in"]);
    }
    expect(answers).toEqual(ROLES.map((role) => [role, mayUse(role, id) ? "let in" : "refused"]));
  });

  it.for(ROUTES.filter(([, { scope }]) => scope !== "public"))(
    "lets nobody in without a credential that holds: %s",
    async ([id], { expect }) => {
      for (const token of [undefined, "", "claw_nobody", `${tokens["developer"]}x`, tokens["revoked"], tokens["expired"]]) {
        expect(await ask(token, id)).toEqual({ status: 401, code: "auth.unauthenticated" });
      }
      expect([403, 404]).toContain((await ask(tokens["another tenant"], id)).status);
    },
  );

  it("gives a token with scopes no more than those", async ({ expect }) => {
    expect(await ask(tokens["scoped"], "instances.get")).toEqual({ status: 200, code: "" });
    expect(await ask(tokens["scoped"], "instances.logs")).toEqual({ status: 403, code: "auth.forbidden" });
    expect(await ask(tokens["scoped"], "tokens.list")).toEqual({ status: 403, code: "auth.forbidden" });
  });

  it.for(ROUTES.filter(([id, { params }]) => id.startsWith("instances.") && params !== undefined))(
    "shows somebody of one project nothing of another: %s",
    async ([id], { expect }) => {
      const token = tokens["developer of web"];
      expect(await ask(token, id)).toEqual({ status: 404, code: "instance.not_found" });
      const body = id === "instances.replace" ? { body: anEcho("mine", {}, { project: "web" }) } : {};
      const own = await ask(token, id, { id: "mine", ...body });
      expect([own.status, own.code]).not.toEqual([404, "instance.not_found"]);
      expect(own.code).not.toBe("auth.forbidden");
    },
  );

  it("ends a stream when its token is revoked, within seconds", { timeout: 30_000 }, async ({ expect }) => {
    const claw = service.claw("acme");
    const { token, id } = await claw.tokens.create({ name: "stream", serviceAccount: "developer" });
    const url = `${service.url.replace("http", "ws")}/api/v1/instances/keeper/logs/stream`;
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
    await once(socket, "open");
    const closed = once(socket, "close");
    await claw.tokens.revoke(id);
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([4401, "auth.unauthenticated: the token is not valid any more"]);
  });

  it("lets a terminal go on with another token of its holder, and with nobody else's", { timeout: 40_000 }, async ({ expect }) => {
    const claw = service.claw("acme");
    const [first, second] = [
      await claw.tokens.create({ name: "first", serviceAccount: "operator" }),
      await claw.tokens.create({ name: "second", serviceAccount: "operator" }),
    ];
    const url = `${service.url.replace("http", "ws")}/api/v1/instances/keeper/console/stream`;
    const open = async () => {
      const socket = new WebSocket(url, { headers: { authorization: `Bearer ${first.token}` } });
      await once(socket, "open");
      return { socket, closed: once(socket, "close").then(([code, reason]) => [code, String(reason)]) };
    };
    const [goesOn, stranger] = [await open(), await open()];
    goesOn.socket.send(JSON.stringify({ token: second.token }));
    stranger.socket.send(JSON.stringify({ token: tokens["developer"] }));
    expect(await stranger.closed).toEqual([4401, expect.stringContaining("somebody else's")]);
    await claw.tokens.revoke(first.id);
    const ended = await open().then(
      ({ closed }) => closed,
      () => "refused",
    );
    expect(ended).toBe("refused");
    expect(await Promise.race([goesOn.closed, delay(7_000, "open")])).toBe("open");
    await claw.tokens.revoke(second.id);
    expect((await goesOn.closed)[0]).toBe(4401);
  });

  it("has as many cells as were tried", ({ expect }) => {
    process.stdout.write(`the access table: ${cells} requests over ${ROUTES.length} routes\n`);
    expect(cells).toBeGreaterThan(ROUTES.length * ROLES.length);
  });
});
