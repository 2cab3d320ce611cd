// One file, though a long one: the rules of rollouts, told on one application whose fleet they share.
import { randomBytes } from "node:crypto";
import { describe, it } from "vitest";
import type { Claw } from "../../../../sdk/client/index.ts";
import { ClawTypeInputSchema, type InstanceId, type RolloutInput, SECRET_MASK } from "../../../../sdk/contract/index.ts";
import type { ApplicationDependencies } from "../../../../service/application/dependencies.ts";
import type { AgentChannel } from "../../../../service/application/ports/instances/agents.ts";
import type { KnownClawType } from "../../../../service/application/ports/instances/claw-adapter.ts";
import { driveRollout } from "../../../../service/application/rollouts/drive-rollout.ts";
import { anAgentStatus } from "../../../support/application/agents.ts";
import { anApplication, anApplicationOn } from "../../../support/application.ts";
import { anEcho, anInstance, aTemplate, aTenant } from "../../../support/builders/manifests.ts";
import { aRolloutSpec } from "../../../support/builders/rollouts.ts";
import { aClawType, aPolicy, aRoleBinding, aSecret, aServiceAccount } from "../../../support/sample-requests.ts";

const app = await anApplication();

/** A tenant whose instances use a template that has a second version, which is held. */
async function aFleet(tenant: string, count: number): Promise<Claw> {
  await app.admin().tenants.create(aTenant(tenant));
  const claw = app.admin(tenant);
  await claw.configs.create(aTemplate("base", { variables: [{ name: "reply.prefix", type: "string", default: "one " }] }));
  await claw.configs.publish("base");
  for (let index = 1; index <= count; index++) {
    await claw.instances.create(
      anEcho(`web-${index}`, { config: { template: "base" } }, { labels: { ring: index === 1 ? "canary" : "rest" } }),
    );
  }
  await app.settle();
  await claw.configs.replace("base", aTemplate("base", { variables: [{ name: "reply.prefix", type: "string", default: "two " }] }));
  await claw.configs.publish("base", { hold: true, message: "for a rollout" });
  return claw;
}

function aRollout(name: string, spec: object = {}): RolloutInput {
  return { apiVersion: "clusterclaw.io/v1", kind: "Rollout", metadata: { name }, spec: aRolloutSpec({ bakeSeconds: 10, ...spec }) };
}

/** Takes the steps that are due, of whichever rollout. */
async function drive(deps: ApplicationDependencies = app.dependencies): Promise<void> {
  for (;;) {
    const now = app.dependencies.clock();
    const until = new Date(now.getTime() + 30_000).toISOString();
    const claim = await app.database.transactions.platform((tx) => tx.rollouts.claim(now.toISOString(), until));
    if (!claim) {
      return;
    }
    await driveRollout(claim, deps);
  }
}

/** Lets time pass in which what is wanted comes to be. */
async function turn(seconds = 2): Promise<void> {
  await app.pass(seconds);
  await drive();
  await app.settle();
}

async function held(claw: Claw): Promise<Record<string, number | undefined>> {
  const all: Record<string, number | undefined> = {};
  for await (const { metadata, spec, status } of claw.instances.list()) {
    all[metadata.name] = spec.config.version ?? (status.configVersion === undefined ? undefined : -status.configVersion);
  }
  return all;
}

describe("a version that is held", () => {
  it("reaches nobody before it is promoted, and counts as a version", async ({ expect }) => {
    const claw = await aFleet("holding", 1);
    await app.settle();
    expect(await held(claw)).toEqual({ "web-1": -1 });
    expect((await claw.configs.versions("base")).items.map(({ version }) => version)).toEqual([2, 1]);
    expect(await claw.configs.get("base")).toMatchObject({ status: { publishedVersion: 1, dirty: true } });
    await expect(claw.configs.promote("base", { to: 9 })).rejects.toMatchObject({ code: "config.version_not_found" });
    expect(await claw.configs.promote("base", { to: 2 })).toMatchObject({ version: 2, message: "for a rollout" });
    await expect(claw.configs.promote("base", { to: 1 })).rejects.toMatchObject({
      code: "request.invalid",
      issues: [{ path: "to", fix: "claw configs rollback base --to 1" }],
    });
    await app.settle();
    expect(await held(claw)).toEqual({ "web-1": -2 });
  });
});

describe("what gates keep of what claws say", () => {
  it("has none of their secrets in it", async ({ expect }) => {
    await app.admin().tenants.create(aTenant("telling"));
    const claw = app.admin("telling");
    const variable = { name: "reply.prefix", type: "string" as const, secret: true };
    await claw.configs.create(aTemplate("base", { variables: [{ ...variable, default: "hunter2-first" }] }));
    await claw.configs.publish("base");
    await claw.instances.create(anEcho("web", { config: { template: "base" } }));
    await app.settle();
    await claw.configs.replace("base", aTemplate("base", { variables: [{ ...variable, default: "hunter2-second" }] }));
    await claw.configs.publish("base", { hold: true });
    const gates = { probe: { message: "who are you?", expect: "nobody" } };
    await (await claw.rollouts.create(aRollout("telling", { gates }), { preview: true })).apply();
    const openChannel = async (): Promise<AgentChannel> => ({
      send: () => undefined,
      resize() {},
      close() {},
      onClose() {},
      onData(listener) {
        setImmediate(() => {
          void listener(JSON.stringify({ type: "delta", text: "I am hunter2-second" }));
          void listener(JSON.stringify({ type: "done" }));
        });
      },
    });
    const told = async () => {
      await app.pass(2);
      await drive({ ...app.dependencies, openChannel });
      await app.settle();
      return (await claw.rollouts.get("telling")).status.waves.flatMap((wave) => wave.gates).find(({ gate }) => gate === "probe")?.value;
    };
    await told();
    await told();
    expect(await told()).toBe("web answered 'I am [secret]'");
  });
});

describe("a rollout of a config version", () => {
  it("is seen before it begins, goes wave by wave, and ends with the version for everybody", async ({ expect }) => {
    const claw = await aFleet("whole", 3);
    const plan = await claw.rollouts.create(aRollout("two"), { preview: true });
    expect(plan.summary).toMatchObject({ update: 3 });
    expect(plan.items.filter(({ kind }) => kind === "ClawInstance").map(({ name, effect }) => [name, effect])).toEqual(
      ["web-1", "web-2", "web-3"].map((name) => [name, expect.stringMatching(/hot-reload|restart/)]),
    );
    expect(await held(claw)).toEqual({ "web-1": -1, "web-2": -1, "web-3": -1 });
    await plan.apply();
    expect(await claw.rollouts.get("two")).toMatchObject({
      status: { phase: "Progressing", planId: plan.planId, counts: { total: 3, pending: 3 }, waves: [{ name: "one" }, { name: "rest" }] },
    });
    await turn();
    expect(await held(claw)).toEqual({ "web-1": 2, "web-2": -1, "web-3": -1 });
    await turn();
    expect(await claw.rollouts.get("two")).toMatchObject({
      status: {
        waves: [
          { phase: "Baking", updated: 1, gates: [{ gate: "ready", verdict: "passed", value: "1 of 1" }, {}, {}] },
          { phase: "Pending" },
        ],
      },
    });
    await turn(11);
    await turn();
    expect(await held(claw)).toEqual({ "web-1": 2, "web-2": 2, "web-3": 2 });
    await turn();
    await turn(11);
    expect(await claw.rollouts.get("two")).toMatchObject({
      status: {
        phase: "Completed",
        message: "3 instances have it, and version 2 is what everybody has who uses 'base'",
        counts: { updated: 3 },
      },
    });
    expect(await held(claw)).toEqual({ "web-1": -2, "web-2": -2, "web-3": -2 });
    expect((await claw.configs.get("base")).status.publishedVersion).toBe(2);
    const told = (await app.published("rollout.progressed")).map(({ data }) => data as { phase: string; wave?: string });
    expect(told.at(-1)).toMatchObject({ phase: "Completed" });
  });

  it("says who joined since its preview, and leaves them and what they follow alone", async ({ expect }) => {
    const claw = await aFleet("joined", 1);
    const plan = await claw.rollouts.create(aRollout("two", { bakeSeconds: 0 }), { preview: true });
    await claw.instances.create(anEcho("late", { config: { template: "base" } }));
    await app.settle();
    await plan.apply();
    expect((await claw.rollouts.get("two")).status.leftOut).toEqual([
      { count: 1, instances: ["late"], why: "have joined since the preview" },
    ]);
    for (let index = 0; index < 4; index++) {
      await turn();
    }
    expect((await claw.rollouts.get("two")).status).toMatchObject({
      phase: "Completed",
      message: expect.stringContaining("stay held to version 2: 1 others follow version 1 (late); 'claw configs promote base --to 2'"),
    });
    expect(await held(claw)).toEqual({ "web-1": 2, late: -1 });
    // What a rollout left held, another may move on; what somebody holds by hand stays.
    await claw.instances.pin("late", { version: 1 });
    await claw.configs.replace("base", aTemplate("base", { variables: [{ name: "reply.prefix", type: "string", default: "three " }] }));
    expect(await claw.configs.publish("base", { hold: true })).toMatchObject({ version: 3 });
    await app.settle();
    const next = await claw.rollouts.create(aRollout("three", { change: { config: { template: "base", version: 3 } } }));
    expect(next).toMatchObject({
      status: { counts: { total: 1 }, leftOut: [{ instances: ["late"], why: expect.stringContaining("held to another version by hand") }] },
    });
    await claw.rollouts.abort("three", { rollback: true });
    await turn();
    expect((await claw.rollouts.get("three")).status.phase).toBe("RolledBack");
  });

  it("does not begin on what has changed since its preview", async ({ expect }) => {
    const claw = await aFleet("moved", 2);
    const plan = await claw.rollouts.create(aRollout("two"), { preview: true });
    await claw.instances.pin("web-2", { version: 1 });
    await expect(plan.apply()).rejects.toMatchObject({ code: "preview.stale" });
    expect((await claw.rollouts.list()).items).toEqual([]);
  });

  it("pauses at an instance that does not come up, and gives back what it had", async ({ expect }) => {
    const claw = await aFleet("failing", 3);
    await claw.rollouts.create(aRollout("two", { gates: { ready: { withinSeconds: 5 } } }));
    await app.pass(2);
    await drive();
    // Nothing carries the change out.
    await app.pass(7);
    await drive();
    expect((await claw.rollouts.get("two")).status).toMatchObject({
      phase: "Paused",
      reason: "GateFailed",
      message: expect.stringContaining("web-1: it was not ready within 5 s: the change is not applied"),
    });
    await expect(claw.rollouts.resume("two")).rejects.toMatchObject({ code: "rollout.wrong_phase" });
    await expect(claw.rollouts.delete("two")).rejects.toMatchObject({ code: "rollout.active" });
    await claw.rollouts.retry("two", { instance: "web-1" });
    await turn();
    await turn();
    const { items } = await claw.rollouts.instances("two");
    expect(items.map(({ name, wave, state }) => [name, wave, state])).toEqual([
      ["web-1", "one", "updated"],
      ["web-2", "rest", "pending"],
      ["web-3", "rest", "pending"],
    ]);
    await claw.rollouts.abort("two", { rollback: true });
    await turn();
    await turn();
    expect((await claw.rollouts.get("two")).status.phase).toBe("RolledBack");
    expect(await held(claw)).toEqual({ "web-1": -1, "web-2": -1, "web-3": -1 });
    await claw.rollouts.delete("two");
  });

  it("gives back by itself what instances had, where a claw refuses what it is told", async ({ expect }) => {
    const claw = await aFleet("refusing", 3);
    await claw.rollouts.create(aRollout("two", { onFailure: "rollback" }));
    await turn();
    const { metadata } = await claw.instances.get("web-1");
    const tenant = await app.database.transactions.platform((tx) => tx.tenants.get("refusing"));
    const config = { digest: "new", state: "refused" as const, message: "unknown key" };
    const status = { ...anAgentStatus("Ready", app.dependencies.clock().toISOString()), config };
    await app.reports.status(tenant.id, metadata.uid as InstanceId, status);
    await turn();
    await turn();
    expect((await claw.rollouts.get("two")).status).toMatchObject({
      phase: "RolledBack",
      reason: "GateFailed",
      message: "wave 'one': web-1: its claw refused the configuration; 1 instances have what they had before",
      counts: { reverted: 1, pending: 2 },
    });
    expect(await held(claw)).toEqual({ "web-1": -1, "web-2": -1, "web-3": -1 });
  });

  it("waits for an approval, and for nobody else's rollout", async ({ expect }) => {
    const claw = await aFleet("asking", 2);
    const waves = [
      { name: "canary", selector: "ring=canary" },
      { name: "everybody", selector: "ring", approval: true },
    ];
    await claw.rollouts.create(aRollout("two", { strategy: { waves }, bakeSeconds: 0 }));
    await expect(claw.rollouts.create(aRollout("other", { selector: "ring=rest" }))).rejects.toMatchObject({
      code: "rollout.overlaps",
      message: expect.stringContaining("rollout 'two' has instance 'web-2' of it"),
    });
    await turn();
    await turn();
    await turn();
    expect((await claw.rollouts.get("two")).status).toMatchObject({
      phase: "AwaitingApproval",
      message: "wave 'everybody' begins when somebody approves of it",
    });
    expect(await held(claw)).toEqual({ "web-1": 2, "web-2": -1 });
    expect(await claw.rollouts.approve("two")).toMatchObject({ status: { phase: "Progressing", waves: [{}, { approvedBy: "admin" }] } });
    await turn();
    await turn();
    await turn();
    expect((await claw.rollouts.get("two")).status.phase).toBe("Completed");
  });

  it("keeps to the hours of its tenant and of the platform, says whose they are, and goes on when they are over", async ({ expect }) => {
    const claw = await aFleet("hours", 2);
    const at = (seconds: number) => new Date(app.dependencies.clock().getTime() + seconds * 1000).toISOString();
    const freeze = (reason: string, seconds: number) => ({ maintenance: { freezes: [{ from: at(-60), to: at(seconds), reason }] } });
    const policy = (name: string, spec: object) => ({ apiVersion: "clusterclaw.io/v1", kind: "Policy", metadata: { name }, spec }) as const;
    await app
      .admin("default")
      .policies.create(policy("fair", { at: "platform", match: { tenants: ["hours"] }, ...freeze("the fair", 300) }));
    await app.admin("default").policies.create(policy("others", { at: "platform", match: { tenants: ["whole"] }, ...freeze("", 9000) }));
    await claw.policies.create(policy("exams", freeze("exams", 600)));
    await claw.rollouts.create(aRollout("two", { bakeSeconds: 0 }));
    const said = async () => (await claw.rollouts.get("two")).status;
    await turn();
    expect(await said()).toMatchObject({
      reason: "Waiting",
      message: expect.stringMatching(/: the fair \(policy 'fair' of the platform\)$/),
    });
    await turn(301);
    expect(await said()).toMatchObject({
      reason: "Waiting",
      message: expect.stringMatching(/: exams \(policy 'exams' of tenant 'hours'\)$/),
    });
    expect(await held(claw)).toEqual({ "web-1": -1, "web-2": -1 });
    await claw.policies.delete("exams");
    for (let turns = 0; turns < 4; turns++) {
      await turn(16);
    }
    expect((await said()).phase).toBe("Completed");
  });

  it("is refused whole for what one of its instances may not have, and for nothing to do", async ({ expect }) => {
    const claw = await aFleet("refused", 2);
    await claw.policies.create(aPolicy("no-next", { rule: { name: "allowed-versions", value: "1.0.0" } }));
    const software = { change: { software: { type: "Echo", version: "9.9.9" } } };
    await expect(claw.rollouts.create(aRollout("newer", software))).rejects.toMatchObject({ code: "policy.denied" });
    const nobody = aRollout("nobody", { selector: "ring=none" });
    await expect(claw.rollouts.create(nobody)).rejects.toMatchObject({ code: "rollout.empty" });
    await expect(claw.rollouts.create(aRollout("none", { change: { config: { template: "base", version: 7 } } }))).rejects.toMatchObject({
      code: "config.version_not_found",
    });
    expect((await claw.rollouts.list()).items).toEqual([]);
  });

  it("goes on by the leave of who began it only as long as they have it, and by that of who resumes it then", async ({ expect }) => {
    const admin = await aFleet("leaving", 2);
    await admin.roleBindings.create(aRoleBinding("alice", "tenant-admin"));
    const alice = app.user({ tenant: "leaving", subject: "alice@example.com" });
    await alice.rollouts.create(aRollout("two", { bakeSeconds: 0 }));
    await turn();
    await admin.roleBindings.delete("alice");
    await turn();
    expect((await admin.rollouts.get("two")).status).toMatchObject({
      phase: "Paused",
      reason: "NotAllowed",
      message: expect.stringContaining("'alice@example.com' may not pause, resume, approve, abort and retry rollouts here"),
    });
    expect(await admin.rollouts.resume("two")).toMatchObject({ status: { actor: "admin" } });
    for (let index = 0; index < 5; index++) {
      await turn();
    }
    expect((await admin.rollouts.get("two")).status.phase).toBe("Completed");
  });

  it("is operated by those who may not write instances themselves, in the name of who began it", async ({ expect }) => {
    const admin = await aFleet("operated", 2);
    await admin.roleBindings.create(aRoleBinding("operators", "operator"));
    const alice = app.user({ tenant: "operated", subject: "alice@example.com" });
    await expect(alice.rollouts.create(aRollout("hers"))).rejects.toMatchObject({ code: "auth.forbidden" });
    await admin.rollouts.create(aRollout("two"));
    await turn();
    await alice.rollouts.pause("two");
    await turn();
    expect(await alice.rollouts.resume("two")).toMatchObject({
      status: { actor: "admin", message: "goes on, as alice@example.com wants it" },
    });
    await turn();
    await alice.rollouts.abort("two", { rollback: true });
    await turn();
    await turn();
    expect((await admin.rollouts.get("two")).status).toMatchObject({ phase: "RolledBack", actor: "admin", counts: { reverted: 1 } });
  });

  it("does not go on for a service account that is gone, though a role is bound to it still", async ({ expect }) => {
    const admin = await aFleet("robots", 2);
    await admin.serviceAccounts.create(aServiceAccount("ci"));
    const subjects = [{ kind: "ServiceAccount" as const, name: "ci" }];
    const metadata = { name: "ci" };
    await admin.roleBindings.create({
      apiVersion: "clusterclaw.io/v1",
      kind: "RoleBinding",
      metadata,
      spec: { role: "tenant-admin", subjects },
    });
    const { id } = await admin.rollouts.create(aRollout("two")).then(({ metadata: { uid } }) => ({ id: uid }));
    const actor = { subject: "serviceaccount:robots/ci", groups: [], keys: ["ServiceAccount/robots/ci"], everything: false };
    await app.database.pool.query(`update rollouts set state = jsonb_set(state::jsonb, '{actor}', $2)::json where id = $1`, [
      id,
      JSON.stringify(actor),
    ]);
    await turn();
    expect((await admin.rollouts.get("two")).status).toMatchObject({ phase: "Progressing", actor: actor.subject });
    await admin.serviceAccounts.delete("ci");
    await turn();
    expect((await admin.rollouts.get("two")).status).toMatchObject({ phase: "Paused", reason: "NotAllowed" });
    await admin.rollouts.abort("two");
  });
});

/** A tenant whose instances name a secret that has another value to come. */
async function aFleetWithSecret(tenant: string, count: number): Promise<Claw> {
  await app.admin().tenants.create(aTenant(tenant));
  const claw = app.admin(tenant);
  await claw.secrets.create(aSecret("key", { value: "hunter2-1" }));
  const overrides = [{ key: "environment.API_KEY", value: { secretRef: "key" } }];
  for (let index = 1; index <= count; index++) {
    await claw.instances.create(anEcho(`web-${index}`, { config: { overrides } }, { labels: { ring: index === 1 ? "canary" : "rest" } }));
  }
  await app.settle();
  await hold(claw, "hunter2-2");
  return claw;
}

/** Gives the secret another value, which nobody has yet. */
async function hold(claw: Claw, next: string): Promise<number | undefined> {
  const { status } = await claw.secrets.replace("key", aSecret("key", { value: SECRET_MASK, next }));
  return status.nextNumber;
}

/** Which value of the secret each instance's claw was given last. */
async function given(claw: Claw): Promise<Record<string, string | undefined>> {
  const all: Record<string, string | undefined> = {};
  await app.settle();
  for await (const { metadata } of claw.instances.list()) {
    const made = app.stacks.made(metadata.namespace ?? "", metadata.name);
    all[metadata.name] = JSON.stringify(made?.runtime.secretEnv ?? {}).match(/hunter2-\d+/)?.[0];
  }
  return all;
}

const toNumber = (number: number | undefined, spec: object = {}) => ({ change: { secret: { name: "key", number } }, ...spec });

describe("a rollout of a secret's value", () => {
  it("goes wave by wave, ends with the value for everybody, and shows it to nobody", async ({ expect }) => {
    const claw = await aFleetWithSecret("rotating", 3);
    expect((await claw.secrets.get("key")).status).toMatchObject({ number: 1, nextNumber: 2 });
    expect(await given(claw)).toEqual({ "web-1": "hunter2-1", "web-2": "hunter2-1", "web-3": "hunter2-1" });
    const plan = await claw.rollouts.create(aRollout("new", toNumber(2)), { preview: true });
    expect(plan.summary).toMatchObject({ update: 3 });
    expect(plan.items.filter(({ kind }) => kind === "ClawInstance").map(({ effect }) => effect)).toEqual(["restart", "restart", "restart"]);
    await plan.apply();
    await turn();
    expect(await given(claw)).toEqual({ "web-1": "hunter2-2", "web-2": "hunter2-1", "web-3": "hunter2-1" });
    // What an instance has already does not become something else behind the rollout's back.
    await expect(hold(claw, "hunter2-9")).rejects.toMatchObject({ code: "secret.in_use", issues: [{ path: "spec.next" }] });
    for (let turns = 0; turns < 6; turns++) {
      await turn(11);
    }
    expect((await claw.rollouts.get("new")).status).toMatchObject({
      phase: "Completed",
      message: "3 instances have it, and value 2 is what everybody has who uses 'key'",
    });
    expect(await given(claw)).toEqual({ "web-1": "hunter2-2", "web-2": "hunter2-2", "web-3": "hunter2-2" });
    const { spec, status } = await claw.secrets.get("key");
    expect(spec).toMatchObject({ value: SECRET_MASK });
    expect(spec.next).toBeUndefined();
    expect(status).toMatchObject({ number: 2 });
    expect((await claw.instances.get("web-1")).spec.config.secrets).toBeUndefined();
    expect(JSON.stringify([plan, (await claw.instances.events("web-1")).items, (await claw.audit.list()).items])).not.toContain("hunter2");
    expect(await app.tablesWith("hunter2")).toEqual([]);
  });

  it("gives back what instances had, and leaves the value to come for another", async ({ expect }) => {
    const claw = await aFleetWithSecret("returning", 2);
    await claw.rollouts.create(aRollout("new", toNumber(2)));
    await turn();
    expect(await given(claw)).toEqual({ "web-1": "hunter2-2", "web-2": "hunter2-1" });
    await claw.rollouts.abort("new", { rollback: true });
    await turn();
    await turn();
    expect((await claw.rollouts.get("new")).status.phase).toBe("RolledBack");
    expect(await given(claw)).toEqual({ "web-1": "hunter2-1", "web-2": "hunter2-1" });
    expect(await hold(claw, "hunter2-3")).toBe(3);
    const stale = claw.rollouts.create(aRollout("stale", toNumber(2)));
    await expect(stale).rejects.toMatchObject({ issues: [{ path: "spec.change.secret.number" }] });
  });

  it("leaves others alone: its instances stay held, until everybody has the value", async ({ expect }) => {
    const claw = await aFleetWithSecret("partial", 2);
    await claw.rollouts.create(aRollout("new", toNumber(2, { selector: "ring=canary", bakeSeconds: 0 })));
    for (let turns = 0; turns < 4; turns++) {
      await turn();
    }
    expect((await claw.rollouts.get("new")).status).toMatchObject({ phase: "Completed", message: expect.stringContaining("web-2") });
    expect(await given(claw)).toEqual({ "web-1": "hunter2-2", "web-2": "hunter2-1" });
    // A value that everybody is given meanwhile is not for those who have the one to come.
    await claw.secrets.replace("key", aSecret("key", { value: "hunter2-7", next: SECRET_MASK }));
    expect(await given(claw)).toEqual({ "web-1": "hunter2-2", "web-2": "hunter2-7" });
    await claw.secrets.rotate("key", { to: 2 });
    expect(await given(claw)).toEqual({ "web-1": "hunter2-2", "web-2": "hunter2-2" });
    // Held to what has come long since, it has what everybody has.
    await claw.secrets.replace("key", aSecret("key", { value: "hunter2-8" }));
    expect(await given(claw)).toEqual({ "web-1": "hunter2-8", "web-2": "hunter2-8" });
    await expect(claw.instances.pin("web-2", { secret: "key", version: 99 })).rejects.toMatchObject({
      issues: [{ message: "secret 'key' has no value 99" }],
    });
  });
});

describe("a driver that dies", () => {
  it("writes nothing any more once another has its rollout", async ({ expect }) => {
    const claw = await aFleet("fenced", 1);
    await claw.rollouts.create(aRollout("two"));
    const claim = () => {
      const now = app.dependencies.clock();
      const until = new Date(now.getTime() + 30_000).toISOString();
      return app.database.transactions.platform((tx) => tx.rollouts.claim(now.toISOString(), until));
    };
    const first = await claim();
    expect(await claim()).toBeUndefined();
    await app.pass(31);
    const second = await claim();
    expect(first && (await driveRollout(first, app.dependencies))).toBeUndefined();
    expect((await claw.rollouts.get("two")).status.counts).toMatchObject({ pending: 1 });
    expect(second && (await driveRollout(second, app.dependencies))).toBeUndefined();
    expect((await claw.rollouts.get("two")).status.counts).toMatchObject({ updating: 1 });
    await claw.rollouts.abort("two");
  });

  /** The service's dependencies, with a driver that dies before its n-th transaction is over. */
  function dyingAt(n: number): { readonly deps: ApplicationDependencies; readonly died: () => boolean } {
    let count = 0;
    const { transactions } = app.dependencies;
    const platform: typeof transactions.platform = (work) =>
      transactions.platform(async (tx) => {
        const result = await work(tx);
        if (++count === n) {
          throw new Error("killed");
        }
        return result;
      });
    const deps = {
      ...app.dependencies,
      transactions: {
        ...transactions,
        reads: transactions.reads,
        tenant: transactions.tenant.bind(transactions),
        dryRun: transactions.dryRun.bind(transactions),
        platform,
      },
    };
    return { deps, died: () => count >= n };
  }

  const subjects = [
    {
      what: "a config version",
      aFleet,
      change: (version: number) => ({ config: { template: "base", version } }),
      has: async (claw: Claw, version: number) => Object.values(await held(claw)).every((number) => number === -version),
      async next(claw: Claw, version: number) {
        const prefix = { name: "reply.prefix", type: "string" as const, default: `${version} ` };
        await claw.configs.replace("base", aTemplate("base", { variables: [prefix] }));
        await claw.configs.publish("base", { hold: true });
      },
    },
    {
      what: "a secret's value",
      aFleet: aFleetWithSecret,
      change: (version: number) => ({ secret: { name: "key", number: version } }),
      has: async (claw: Claw, version: number) => Object.values(await given(claw)).every((value) => value === `hunter2-${version}`),
      next: async (claw: Claw, version: number) => void (await hold(claw, `hunter2-${version}`)),
    },
  ];
  it.for(subjects)(
    "at whichever of its steps leaves a rollout of $what that another goes on with, and no instance changed twice",
    {
      timeout: 240_000,
    },
    async ({ what, aFleet: found, change, has, next }, { expect }) => {
      const claw = await found(`dying-${what.split(" ")[1]?.replace(/\W/g, "")}`, 4);
      for (let n = 1, version = 2; ; n++, version++) {
        const name = `at-${n}`;
        await claw.rollouts.create(aRollout(name, { bakeSeconds: 0, strategy: { percentages: [50, 100] }, change: change(version) }));
        const { deps, died } = dyingAt(n);
        for (let index = 0; index < 12 && (await claw.rollouts.get(name)).status.phase !== "Completed"; index++) {
          await app.pass(index % 2 === 0 ? 2 : 31);
          await drive(deps).catch((error: unknown) => {
            expect(error).toMatchObject({ message: "killed" });
          });
          await app.settle();
        }
        expect((await claw.rollouts.get(name)).status).toMatchObject({ phase: "Completed", counts: { updated: 4 } });
        expect(await has(claw, version)).toBe(true);
        for (const { name: instance } of (await claw.rollouts.instances(name)).items) {
          // Once to hold it, and once to let it go.
          const { items } = await claw.instances.events(instance, { limit: 100 });
          expect(items.filter(({ message }) => message === `pin of rollout '${name}'`).length).toBe(2);
        }
        if (!died()) {
          return;
        }
        await next(claw, version + 1);
      }
    },
  );
});

describe("a gate that asks claws", () => {
  it("is refused at once for those that can't be talked to", async ({ expect }) => {
    await app.admin().tenants.create(aTenant("mute"));
    const claw = app.admin("mute");
    await claw.clawTypes.create(ClawTypeInputSchema.parse(aClawType("mute")));
    await claw.configs.create(aTemplate("base", { adapter: "muteAdapter", variables: [] }));
    await claw.configs.publish("base");
    await claw.instances.create(anInstance("mute", { type: "mute", config: { template: "base" } }));
    await claw.configs.replace("base", aTemplate("base", { adapter: "muteAdapter", variables: [], description: "the second" }));
    await claw.configs.publish("base", { hold: true });
    const gates = { probe: { message: "who are you?", expect: "nobody" } };
    const refused = {
      code: "request.invalid",
      issues: [{ path: "spec.gates.probe", message: expect.stringContaining("capability 'chat'") }],
    };
    await expect(claw.rollouts.create(aRollout("asking", { gates }), { preview: true })).rejects.toMatchObject(refused);
  });

  it("is refused at once to count the tokens of those that don't tell them", async ({ expect }) => {
    const echo = app.dependencies.types.builtIn.find(({ type }) => type === "Echo") as KnownClawType;
    const { usage: _, ...capabilities } = echo.capabilities;
    const packaged = [{ ...echo, type: "Untelling", name: "UntellingAdapter", capabilities }];
    const replica = anApplicationOn(app.database, randomBytes(32), { packaged });
    await replica.admin().tenants.create(aTenant("untelling"));
    const claw = replica.admin("untelling");
    await claw.instances.create(anInstance("web", { type: "Untelling" }));
    const change = { software: { type: "Untelling", version: "2.0.0" } };
    const counting = (maxTokens?: number) =>
      claw.rollouts.create(
        aRollout("counting", { change, gates: { probe: { message: "who are you?", expect: "nobody", ...(maxTokens && { maxTokens }) } } }),
        { preview: true },
      );
    await expect(counting(100)).rejects.toMatchObject({
      code: "request.invalid",
      issues: [{ path: "spec.gates.probe.maxTokens", message: expect.stringContaining("capability 'usage'"), fix: "leave it out" }],
    });
    // They can be talked to: it is the bound that is refused.
    expect((await counting()).items).toContainEqual(expect.objectContaining({ kind: "Rollout", op: "create" }));
  });
});
