import { once } from "node:events";
import { afterAll, beforeAll, describe, it } from "vitest";
import { WebSocket } from "ws";
import type { Claw } from "../../../sdk/client/index.ts";
import { aToken } from "../../support/access.ts";
import { anEcho, aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
let acme: Claw;
const tokens = { viewer: "", ci: "" };

beforeAll(async () => {
  service = await startTestService({ CLAW_TRUSTED_PROXIES: "127.0.0.1" });
  await service.claw().tenants.create(aTenant("acme"));
  acme = service.claw("acme");
  await acme.instances.create(anEcho("web"));
  tokens.viewer = await aToken(acme, { name: "viewer", role: "viewer" });
  tokens.ci = await aToken(acme, { name: "ci", role: "developer" });
});
afterAll(() => service.stop());

const VIEWER = "serviceaccount:acme/viewer";
const CI = "serviceaccount:acme/ci";

/** A request as that token, by a proxy that says where it is from. */
async function ask(token: string, method: string, path: string, { body, from = "203.0.113.7" }: { body?: unknown; from?: string } = {}) {
  const response = await fetch(`${service.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      "x-forwarded-for": from,
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return response.status;
}

describe("who is refused", () => {
  const refusals = async (of: string) => (await acme.audit.list({ result: "refused", actor: of, limit: 100 })).items.toReversed();

  it("a change, an action, a secret, a look or a stream is on record, with what it would have taken", async ({ expect }) => {
    const socket = new WebSocket(`${service.url.replace("http", "ws")}/api/v1/instances/web/console/stream`, {
      headers: { authorization: `Bearer ${tokens.viewer}`, "x-forwarded-for": "203.0.113.7" },
    });
    const [, answer] = await once(socket, "unexpected-response");
    const statuses = [
      answer.statusCode,
      await ask(tokens.viewer, "POST", "/instances/web/stop"),
      await ask(tokens.viewer, "POST", "/configs", { body: aTemplate("mine") }),
      await ask(tokens.viewer, "GET", "/audit"),
      await ask(tokens.viewer, "GET", "/stacks/acme/export"),
      await ask(tokens.viewer, "GET", "/clusters"),
    ];
    expect(statuses).toEqual([403, 403, 403, 403, 403, 403]);
    const metrics = await fetch(`${service.url}/metrics`, { headers: { authorization: `Bearer ${tokens.viewer}` } });
    expect(metrics.status).toBe(403);
    const told = (await refusals(VIEWER)).map(({ action, resource, details, reason, from }) => [
      ...[action, resource && `${resource.kind}/${resource.name}`, details["permission"], reason, from.address],
    ]);
    expect(told).toEqual([
      ["instance.console", "ClawInstance/web", "instances.console", "auth.forbidden", "203.0.113.7"],
      ["instance.stop", "ClawInstance/web", "instances.operate", "auth.forbidden", "203.0.113.7"],
      ["config.create", "ConfigTemplate/mine", "configs.write", "auth.forbidden", "203.0.113.7"],
      ["audit.list", undefined, "audit.read", "auth.forbidden", "203.0.113.7"],
    ]);
    const platform = await service.claw().audit.platform({ result: "refused", actor: VIEWER });
    expect(platform.items).toMatchObject([
      { action: "service.metrics", details: { permission: "service.read" } },
      { action: "cluster.list", details: { permission: "clusters.read" } },
      { action: "stack.export", resource: { kind: "Stack", name: "acme" } },
    ]);
  });

  it("what a terminal would obey is in no record, whoever asked for something of that name", async ({ expect }) => {
    expect(await ask(tokens.ci, "DELETE", `/tenants/${encodeURIComponent("a\u001b]52;c;Y3VybA==\u0007\u009b2J")}`)).toBe(403);
    const { items } = await service.claw().audit.platform({ result: "refused", actor: CI, limit: 1 });
    expect(items[0]?.resource?.name).toBe("a\uFFFD]52;c;Y3VybA==\uFFFD\uFFFD2J");
  });

  it("something of the platform is in the platform's log", async ({ expect }) => {
    expect(await ask(tokens.ci, "DELETE", "/tenants/acme")).toBe(403);
    const { items } = await service.claw().audit.platform({ result: "refused", actor: CI, limit: 1 });
    expect(items).toMatchObject([{ action: "tenant.delete", resource: { kind: "Tenant", name: "acme" } }]);
  });

  it("by a policy is on record too, and what came again is told with it at the end", async ({ expect }) => {
    const rule = { name: "allowed-types", value: "OpenClaw" } as const;
    await acme.policies.create({ apiVersion: "clusterclaw.io/v1", kind: "Policy", metadata: { name: "few" }, spec: { rule } });
    for (const _ of [1, 2, 3]) {
      expect(await ask(tokens.ci, "POST", "/instances", { body: anEcho("no") })).toBe(403);
    }
    await acme.policies.delete("few");
    await service.restart();
    const told = await refusals(CI);
    expect(told).toMatchObject([
      { action: "instance.create", resource: { kind: "ClawInstance", name: "no" }, reason: "policy.denied" },
      { action: "instance.create", reason: "policy.denied", count: 2 },
    ]);
  });
});

describe("a token", () => {
  const places = async () =>
    (await acme.audit.list({ action: "token.new-place", actor: CI, limit: 100 })).items.toReversed().map(({ from }) => from.address);

  it("is on record in each place where it is used for the first time, and is in thirty-two of them at most", async ({ expect }) => {
    const before = await places();
    const at = (from: string) => ask(tokens.ci, "GET", "/instances", { from });
    await Promise.all([at("198.51.100.1"), at("198.51.100.1"), at("198.51.100.1")]);
    await at("2001:db8::1");
    await at("2001:db8::2");
    await at("198.51.100.1");
    expect((await places()).slice(before.length)).toEqual(["198.51.100.1", "2001:db8::1"]);
    for (let host = 1; host < 60; host++) {
      await at(`192.0.2.${host}`);
    }
    // From everywhere: from then on a look a minute tells.
    expect((await places()).length).toBeLessThanOrEqual(33);
    const [record] = (await acme.audit.list({ action: "token.new-place", actor: CI, limit: 1 })).items;
    expect(record).toMatchObject({ resource: { kind: "Token", name: "ci", tenant: "acme" }, details: { serviceAccount: "ci" } });
  });
});

describe("a session with an instance", () => {
  it("is on record when it begins, and with how long it was when it has ended", { timeout: 60_000 }, async ({ expect }) => {
    await eventually(
      () => acme.instances.get("web"),
      ({ status }) => status.phase === "Running",
    );
    const dial = async (path: string) => {
      const socket = new WebSocket(`${service.url.replace("http", "ws")}/api/v1/instances/web/${path}`, {
        headers: { authorization: `Bearer ${tokens.ci}` },
      });
      await once(socket, "open");
      return socket;
    };
    const sessions = async () =>
      (await acme.audit.list({ actor: CI, resource: "ClawInstance/web", result: "success", limit: 100 })).items.toReversed();
    const terminal = await dial("console/stream");
    const chat = await dial("stream");
    const again = await dial("stream");
    for (const socket of [chat, again]) {
      socket.send(JSON.stringify({ type: "message", text: "hi" }));
      await once(socket, "message");
    }
    terminal.close();
    const told = await eventually(sessions, (records) => records.some(({ action }) => action === "instance.console-end"));
    expect(told.map(({ action }) => action)).toEqual(["instance.console", "instance.chat", "instance.console-end"]);
    expect(told[2]?.details).toEqual({ began: told[0]?.time, seconds: expect.stringMatching(/^\d+$/) });
    // Whatever is open ends with the service.
    await service.restart();
    expect((await sessions()).at(-1)).toMatchObject({ action: "instance.chat-end", details: { began: told[1]?.time, streams: "2" } });
    expect(await acme.audit.verify()).toMatchObject({ valid: true });
  });
});
