import { describe, it } from "vitest";
import { openJwtIdentities } from "../../../../adapters/identity/jwt-identities.ts";
import { SESSIONS_MAX } from "../../../../sdk/contract/index.ts";
import { createAccess } from "../../../../service/application/access/authenticate.ts";
import { endSession, openSession, sessionRoutes } from "../../../../service/application/access/sessions.ts";
import type { RequestContext } from "../../../../service/application/resources/route-handlers.ts";
import { type Actor, ANONYMOUS } from "../../../../service/domain/access/actor.ts";
import { aToken } from "../../../support/access.ts";
import { anApplication } from "../../../support/application.ts";
import { aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
const ISSUER = "https://login.example";
const settings = { issuer: ISSUER, audiences: ["claw"], usernameClaim: "sub", groupsClaim: "groups", prefix: "", algorithms: ["ES256"] };
const access = createAccess({ ...app.dependencies, providers: openJwtIdentities([settings]) });
const routes = sessionRoutes(app.dependencies);
await app.admin().tenants.create(aTenant("acme"));

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const HOURS_OF_A_DAY = [...Array(12).keys()];

const actorOf = async (token: string) => (await access.authenticate(token, undefined))?.actor;
const holderOf = async (token: string) => (await actorOf(token))?.subject;
const as = (actor: Actor | undefined) => ({ actor }) as RequestContext;
const FROM = { address: "203.0.113.7" };
const refresh = (refreshToken: string) => routes["sessions.refresh"](as({ ...ANONYMOUS, from: FROM }), { body: { refreshToken } } as never);
const list = (actor: Actor | undefined, subject?: string) =>
  routes["sessions.list"](as(actor), { query: subject === undefined ? {} : { subject } } as never);
const end = (actor: Actor | undefined, id: string) => routes["sessions.end"](as(actor), { params: { id } } as never);

/** A machine of a tenant, and how it opens sessions. */
async function aMachine(name: string, wish: object = {}) {
  const token = await aToken(app.admin("acme"), { name, ...wish });
  const actor = (await actorOf(token)) as Actor;
  return { token, actor, subject: `serviceaccount:acme/${name}`, open: () => routes["sessions.create"](as(actor), {} as never) };
}
/** Somebody whom an identity provider has vouched for. */
const alice = {
  subject: "alice",
  groups: ["web"],
  credential: { kind: "identity", issuer: ISSUER, until: undefined },
} as const;

describe("a session with tokens", () => {
  it("lets in by its access token for a quarter of an hour, and renews it", async ({ expect }) => {
    const { open, subject } = await aMachine("phone");
    const first = await open();
    expect(await holderOf(first.accessToken)).toBe(subject);
    await app.pass(16 * MINUTE);
    expect(await holderOf(first.accessToken)).toBeUndefined();
    const second = await refresh(first.refreshToken);
    expect(await holderOf(second.accessToken)).toBe(subject);
    expect(second.session.id).toBe(first.session.id);
  });

  it("answers a renewal whose answer was lost once more, and alike", async ({ expect }) => {
    const { refreshToken } = await (await aMachine("flaky")).open();
    const [one, other] = await Promise.all([refresh(refreshToken), refresh(refreshToken)]);
    expect(other).toEqual(one);
    expect(await holderOf(one.accessToken)).toBeDefined();
  });

  it("ends, with all of its tokens, when a refresh token comes again later: two have it", async ({ expect }) => {
    const { open, subject } = await aMachine("stolen");
    const first = await open();
    const second = await refresh(first.refreshToken);
    await app.pass(MINUTE);
    await expect(refresh(first.refreshToken)).rejects.toMatchObject({ code: "session.not_found" });
    expect(await holderOf(second.accessToken)).toBeUndefined();
    await expect(refresh(second.refreshToken)).rejects.toMatchObject({ code: "session.not_found" });
    const { items } = await app.admin().audit.platform({ action: "session.reuse" });
    expect(items).toMatchObject([{ actor: subject, from: FROM, resource: { kind: "Session", uid: first.session.id } }]);
  });

  it("keeps a stream for as long as its tokens are renewed", async ({ expect }) => {
    const { accessToken, refreshToken } = await (await aMachine("stream")).open();
    const credential = (await actorOf(accessToken))?.credential;
    const goesOn = async () => (await access.again(credential, accessToken, undefined)) !== undefined;
    await app.pass(14 * MINUTE);
    await refresh(refreshToken);
    await app.pass(14 * MINUTE);
    expect(await goesOn()).toBe(true);
    await app.pass(2 * MINUTE);
    expect(await goesOn()).toBe(false);
  });

  it("is ended by nobody who makes refresh tokens up", async ({ expect }) => {
    const { accessToken, refreshToken } = await (await aMachine("guessed")).open();
    const forged = refreshToken.replace(/_0_(.)/, (_all, first: string) => `_0_${first === "A" ? "B" : "A"}`);
    for (const token of [forged, forged.replace("_0_", "_7_"), refreshToken.slice(0, -1), accessToken, "", "ses_1"]) {
      await expect(refresh(token)).rejects.toMatchObject({ code: "session.not_found" });
    }
    expect(await holderOf(accessToken)).toBeDefined();
  });

  it("ends with the token that it was opened with, and does no more than that", async ({ expect }) => {
    const { open, actor } = await aMachine("scoped", { scopes: ["instances.read"] });
    const { accessToken } = await open();
    expect([...((await actorOf(accessToken))?.grants.tenant ?? [])]).toEqual([...actor.grants.tenant]);
    const { items } = await app.admin("acme").tokens.list({ serviceAccount: "scoped" });
    await app.admin("acme").tokens.revoke(items[0]?.id ?? "");
    expect(await holderOf(accessToken)).toBeUndefined();
  });

  it("opens no other session", async ({ expect }) => {
    const { accessToken } = await (await aMachine("chain")).open();
    const again = async () => routes["sessions.create"](as(await actorOf(accessToken)), {} as never);
    await expect(again()).rejects.toMatchObject({ code: "auth.forbidden" });
  });
});

describe("a browser's session", () => {
  it("lasts a working day while it is used, and two hours while it is not", async ({ expect }) => {
    const used = await openSession(alice, "cookie", app.dependencies);
    const unused = await openSession(alice, "cookie", app.dependencies);
    const lasted = [];
    for (const _hour of HOURS_OF_A_DAY) {
      await app.pass(HOUR);
      lasted.push(await holderOf(used.key));
    }
    expect(lasted.filter((subject) => subject === "alice")).toHaveLength(11);
    expect(lasted.at(-1)).toBeUndefined();
    expect(await holderOf(unused.key)).toBeUndefined();
  });

  it("keeps the groups that the provider told, and asks with every request what they may do", async ({ expect }) => {
    const { key } = await openSession(alice, "cookie", app.dependencies);
    const grants = async () => [...((await access.authenticate(key, "acme"))?.actor.grants.tenant ?? [])];
    expect(await grants()).toEqual([]);
    const binding = { apiVersion: "clusterclaw.io/v1" as const, kind: "RoleBinding" as const, metadata: { name: "web" } };
    await app.admin("acme").roleBindings.create({ ...binding, spec: { role: "viewer", subjects: [{ kind: "Group", name: "web" }] } });
    expect(await grants()).toContain("instances.logs");
    await app.admin("acme").roleBindings.delete("web");
    expect(await grants()).toEqual([]);
  });
});

describe("a sign-in", () => {
  it("is in the log of each tenant where somebody is named, and in no other", async ({ expect }) => {
    const names = ["of-alice", "of-web", "of-others"];
    for (const [index, name] of names.entries()) {
      await app.admin().tenants.create(aTenant(name, { admins: [["carla"], ["group:cooks"], ["dora"]][index] }));
    }
    const carla = { ...alice, subject: "carla", groups: ["cooks"] };
    const { session } = await openSession(carla, "cookie", app.dependencies);
    await endSession({ ...ANONYMOUS, ...carla }, session.id, app.dependencies);
    const told = (name: string) => app.admin(name).audit.list({ action: "session", limit: 100 });
    const counts = await Promise.all(names.map(async (name) => (await told(name)).items.length));
    expect(counts).toEqual([2, 2, 0]);
    const resource = { kind: "Session", uid: session.id };
    expect((await told("of-web")).items).toMatchObject([
      { actor: "carla", action: "session.end", resource },
      { actor: "carla", action: "session.open", resource, details: { by: ISSUER } },
    ]);
  });

  it("of a machine is in the log of its tenant, and the theft of its tokens too", async ({ expect }) => {
    const { open, subject } = await aMachine("watched");
    const { refreshToken } = await open();
    await refresh(refreshToken);
    await app.pass(MINUTE);
    await expect(refresh(refreshToken)).rejects.toMatchObject({ code: "session.not_found" });
    const { items } = await app.admin("acme").audit.list({ action: "session", actor: subject });
    expect(items.map(({ action }) => action)).toEqual(["session.reuse", "session.open"]);
  });
});

describe("a session of an identity provider", () => {
  it("ends when the provider is taken out of the settings", async ({ expect }) => {
    const { key } = await openSession(alice, "cookie", app.dependencies);
    const others = [createAccess(app.dependencies), createAccess({ ...app.dependencies, providers: openJwtIdentities([]) })];
    expect(await holderOf(key)).toBe("alice");
    for (const { authenticate } of others) {
      expect(await authenticate(key, undefined)).toBeUndefined();
    }
  });
});

describe("who is signed in", () => {
  it("is listed for oneself, and for a platform administrator; others see and end nothing", async ({ expect }) => {
    const [own, others] = [await aMachine("own"), await aMachine("others")];
    const { session, accessToken } = await own.open();
    const current = await actorOf(accessToken);
    expect((await list(current)).items).toMatchObject([
      { id: session.id, subject: own.subject, form: "tokens", by: "token", current: true },
    ]);
    expect((await list(own.actor)).items).toMatchObject([{ id: session.id, current: false }]);
    await expect(list(others.actor, own.subject)).rejects.toMatchObject({ code: "auth.forbidden" });
    await expect(end(others.actor, session.id)).rejects.toMatchObject({ code: "session.not_found" });
    const root = await actorOf(await aToken(app.admin("default"), { name: "root", role: "platform-admin", at: "platform" }));
    expect((await list(root, own.subject)).items).toHaveLength(1);
    await end(root, session.id);
    expect(await holderOf(accessToken)).toBeUndefined();
    const { items } = await app.admin().audit.platform({ action: "session.end" });
    expect(items[0]).toMatchObject({ actor: root?.subject, details: { subject: own.subject } });
  });

  it("are so many at most: one more ends the one that was used longest ago", async ({ expect }) => {
    const { open, actor } = await aMachine("many");
    const first = await open();
    for (let opened = 1; opened < SESSIONS_MAX; opened++) {
      await open();
    }
    expect(await holderOf(first.accessToken)).toBeDefined();
    await app.pass(1);
    await open();
    expect(await holderOf(first.accessToken)).toBeUndefined();
    expect((await list(actor)).items).toHaveLength(SESSIONS_MAX);
    const { items } = await app.admin().audit.platform({ action: "session.end", actor: actor.subject });
    expect(items).toMatchObject([{ resource: { kind: "Session", uid: first.session.id } }]);
  });

  it("are no more than that when many are opened at once", async ({ expect }) => {
    const { open, actor } = await aMachine("crowd");
    await Promise.all(Array.from({ length: SESSIONS_MAX + 16 }, () => open()));
    const all = await app.database.transactions.reads.platform((tx) => tx.sessions.of(actor.subject, 100, new Date().toISOString()));
    expect(all).toHaveLength(SESSIONS_MAX);
  });

  it("are for a token with scopes those that it has opened itself", async ({ expect }) => {
    const whole = await aMachine("two-tokens");
    const others = await whole.open();
    const wish = { serviceAccount: "two-tokens", expiresInDays: 1, scopes: ["instances.read" as const] };
    const { token } = await app.admin("acme").tokens.create({ name: "narrow", ...wish });
    const narrow = (await actorOf(token)) as Actor;
    const own = await routes["sessions.create"](as(narrow), {} as never);
    for (const scoped of [narrow, await actorOf(own.accessToken)]) {
      expect((await list(scoped)).items.map(({ id }) => id)).toEqual([own.session.id]);
      await expect(end(scoped, others.session.id)).rejects.toMatchObject({ code: "session.not_found" });
    }
    expect((await list(whole.actor)).items).toHaveLength(2);
    await end(narrow, own.session.id);
    expect(await holderOf(others.accessToken)).toBe(whole.subject);
  });

  it("are none of an account that was deleted, for the one that has its name now", async ({ expect }) => {
    const former = await aMachine("again");
    const { session, refreshToken } = await former.open();
    await app.admin("acme").serviceAccounts.delete("again");
    await app.admin("acme").roleBindings.delete("again");
    const now = await aMachine("again");
    expect((await list(now.actor)).items).toEqual([]);
    await expect(end(now.actor, session.id)).rejects.toMatchObject({ code: "session.not_found" });
    await expect(refresh(refreshToken)).rejects.toMatchObject({ code: "session.not_found" });
    await now.open();
    expect((await list(now.actor)).items).toHaveLength(1);
    expect(await app.tablesWith(session.id)).toEqual(["audit_records"]);
  });

  it("leaves no key, and no refresh token, in the database", async ({ expect }) => {
    const { accessToken, refreshToken } = await (await aMachine("planted")).open();
    for (const secret of [accessToken, refreshToken]) {
      expect(await app.tablesWith(secret.slice(-43))).toEqual([]);
    }
  });
});
