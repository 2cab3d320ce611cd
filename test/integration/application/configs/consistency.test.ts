import { describe, it } from "vitest";
import type { AgentStatus, ClawInstance, ConfigView, InstanceId, TenantId } from "../../../../sdk/contract/index.ts";
import { adoptAltered } from "../../../../service/application/consistency/adopt-altered.ts";
import { anAgentStatus } from "../../../support/application/agents.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, anInstance, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
const admin = app.admin();
const CHANGED_AT = "2026-01-02T03:04:05.000Z";
const LATER = "2099-01-01T00:00:00.000Z";

/** An instance whose agent has what it is to have, and whose files somebody may change. */
async function aRunning(tenant: string, manifest = anEcho("web", { config: { overrides: [{ key: "reply.prefix", value: "so: " }] } })) {
  await admin.tenants.create(aTenant(tenant));
  const claw = app.as({ tenant });
  const { uid } = (await claw.instances.create(manifest)).metadata;
  const id = uid as InstanceId;
  await app.settle();
  const { id: tenantId } = await app.dependencies.transactions.platform((tx) => tx.tenants.get(tenant));
  const stored = () => app.dependencies.transactions.tenant(tenantId as TenantId, (tx) => tx.instances.get(id));
  let turn = 0;
  const told = async (files: ConfigView["files"], live?: ConfigView["live"]) => {
    const handed = (await stored()).status.delivery?.handed ?? "";
    const disk = { digest: `disk-${++turn}`, altered: files.map(({ path }) => path) };
    const status: AgentStatus = { ...anAgentStatus("Ready", CHANGED_AT), specDigest: handed, stored: handed, disk };
    app.agents.report(id, status);
    app.agents.views.set(id, { stored: handed, disk, files, ...(live && { live }) });
    await app.reports.status(tenantId, id, status);
  };
  return {
    claw,
    id,
    tenantId,
    stored,
    name: manifest.metadata.name,
    get: () => claw.instances.get(manifest.metadata.name),
    check: () => claw.instances.consistency(manifest.metadata.name),
    asDeclared: () => told([]),
    /** Somebody wrote that into its file. */
    changed: (content: object | string | undefined, path = "config.json", live?: ConfigView["live"]) => {
      const text = typeof content === "object" ? JSON.stringify(content) : content;
      return told([{ path, ...(text !== undefined && { content: text }), changedAt: CHANGED_AT, by: "the user 0" }], live);
    },
    says: (config: Record<string, unknown>) => told([], { state: "applied", config }),
    events: async (reason: string) =>
      (await claw.instances.events(manifest.metadata.name)).items.filter((event) => event.reason === reason),
  };
}

const syncedOf = ({ status }: ClawInstance) => status.conditions.find(({ type }) => type === "ConfigSynced");

describe("what a claw is configured with", () => {
  it("is as declared in whatever form it is written, and differs in the values that somebody changed", async ({ expect }) => {
    const web = await aRunning("forms");
    await web.changed('{"reply":   {"wordDelayMs": 0,\n "prefix": "so: "}}');
    expect(await web.check()).toMatchObject({ state: "consistent", differences: [], files: [{ path: "config.json", by: "the user 0" }] });
    await web.changed({ reply: { prefix: "no: " }, other: true });
    expect(await web.check()).toMatchObject({
      state: "differs",
      live: "none",
      files: [{ path: "config.json", changedAt: CHANGED_AT }],
      differences: [
        { key: "other", owner: "platform", disk: "true", state: "differs" },
        { key: "reply.prefix", owner: "tenant", declared: '"so: "', disk: '"no: "' },
        { key: "reply.wordDelayMs", declared: "0" },
      ],
      counts: { differs: 3, ignored: 0, own: 0 },
    });
    expect(syncedOf(await web.get())).toMatchObject({
      status: "False",
      reason: "Altered",
      message: expect.stringContaining("reply.prefix"),
    });
  });

  it("is told once, and again when it is as declared", async ({ expect }) => {
    const web = await aRunning("told");
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 0 } });
    await web.check();
    await web.check();
    expect(await web.events("ConfigAltered")).toMatchObject([{ type: "Warning", message: expect.stringContaining("by the user 0") }]);
    await web.asDeclared();
    expect(await web.check()).toMatchObject({ state: "consistent" });
    expect(await web.events("ConfigAsDeclared")).toHaveLength(1);
    const published = (await app.published("instance.config-altered")).filter(({ tenantId }) => tenantId === web.tenantId);
    expect(published.map(({ data }) => ("keys" in data ? data.keys : undefined))).toEqual([["reply.prefix"], []]);
    expect(syncedOf(await web.get())?.status).toBe("True");
  });

  it("shows no secret: neither one that was put into the file, nor the one that it belongs to", async ({ expect }) => {
    const overrides = [
      { key: "model.name", value: "openai/gpt-5.1" },
      { key: "model.apiKey", value: "sk-declared-0123456789abcdef" },
    ];
    const web = await aRunning("secrets", anInstance("web", { type: "OpenClaw", config: { overrides } }));
    const file = JSON.stringify({
      models: { providers: { openai: { apiKey: "sk-typed-0123456789abcdef" } } },
      meta: { lastTouchedVersion: "1" },
    });
    await web.changed(file, "openclaw.json");
    const found = await web.check();
    const key = "models.providers.openai.apiKey";
    expect(found.differences.find((difference) => difference.key === key)).toMatchObject({
      secret: true,
      disk: "[secret]",
      declared: "[secret]",
    });
    expect(found.differences.find((difference) => difference.key === "meta.lastTouchedVersion")).toMatchObject({
      owner: "agent",
      state: "own",
    });
    expect(found.differences.find((difference) => difference.key === "gateway.mode")).toMatchObject({ owner: "platform" });
    expect(JSON.stringify([found, await web.claw.instances.check()])).not.toMatch(/sk-(typed|declared)/);
    expect(await app.tablesWith("sk-typed-0123456789abcdef")).toEqual([]);
    for (const [keys, why] of [
      [[key], /secret/],
      [["gateway.mode"], /the platform's/],
      [["meta.lastTouchedVersion"], /the claw's own/],
      [["never.seen"], /not found to differ/],
    ] as const) {
      await expect(web.claw.instances.adopt("web", { keys: [...keys] })).rejects.toThrow(why);
    }
  });

  it("is compared with what the program says of itself, but for what it hides", async ({ expect }) => {
    const overrides = [{ key: "tools.profile", value: "coding" }];
    const web = await aRunning("live", anInstance("web", { type: "OpenClaw", config: { overrides } }));
    await web.says({ tools: { profile: "coding" } });
    expect(await web.check()).toMatchObject({ state: "consistent", live: "applied" });
    await web.says({ tools: { profile: "full" } });
    expect(await web.check()).toMatchObject({
      state: "differs",
      differences: [{ key: "tools.profile", declared: '"coding"', disk: '"coding"', live: '"full"' }],
    });
    await expect(web.claw.instances.adopt("web", { keys: ["tools.profile"] })).rejects.toThrow(/only its claw says so/);
  });

  it("is unknown while nobody can be asked, and says why", async ({ expect }) => {
    const web = await aRunning("away");
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 0 } });
    await web.check();
    app.agents.report(web.id, undefined);
    await app.reports.disconnected(web.tenantId, web.id);
    expect(await web.check()).toMatchObject({
      state: "unknown",
      message: expect.stringContaining("not connected"),
      counts: { differs: 1 },
    });
    await web.claw.instances.stop("web");
    expect(await web.check()).toMatchObject({ state: "unknown", message: expect.stringContaining("stopped") });
  });

  it("is told of a fleet, some at a time, by labels", async ({ expect }) => {
    const web = await aRunning("fleet", anEcho("web", {}, { labels: { ring: "canary" } }));
    await web.claw.instances.create(anEcho("other"));
    await app.settle();
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 0 } });
    const first = await web.claw.instances.check({ limit: 1 });
    expect(first.items.map(({ instance, state }) => [instance, state])).toEqual([["other", "unknown"]]);
    expect(first.nextCursor).toBeDefined();
    const canaries = await web.claw.instances.check({ labelSelector: "ring=canary" });
    expect(canaries.items.map(({ instance, state }) => [instance, state])).toEqual([["web", "differs"]]);
  });
});

describe("adopting what somebody changed", () => {
  it("is previewed, makes overrides of it, and leaves nothing that differs", async ({ expect }) => {
    const web = await aRunning("adopts");
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 7 } });
    await web.check();
    const plan = await web.claw.instances.adopt("web", { keys: ["reply.prefix"] }, { preview: true });
    expect(plan.items).toMatchObject([{ name: "web", op: "update", effect: "hot-reload", files: [{ path: "config.json" }] }]);
    await plan.apply();
    expect((await web.get()).spec.config.overrides).toEqual([{ key: "reply.prefix", value: "no: " }]);
    await web.claw.instances.adopt("web", {});
    expect((await web.get()).spec.config.overrides).toEqual([
      { key: "reply.prefix", value: "no: " },
      { key: "reply.wordDelayMs", value: 7 },
    ]);
    const { generation } = (await web.get()).metadata;
    await web.claw.instances.adopt("web", {});
    expect((await web.get()).metadata.generation).toBe(generation);
    const { items } = await web.claw.audit.list({ action: "instance.adopt" });
    expect(items.map(({ diff }) => diff.map(({ path }) => path))).toEqual([
      ["spec.config.overrides[reply.wordDelayMs].value"],
      ["spec.config.overrides[reply.prefix].value"],
    ]);
  });

  it("is refused when something else stands there by now", async ({ expect }) => {
    const web = await aRunning("moves");
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 0 } });
    await web.check();
    const plan = await web.claw.instances.adopt("web", { keys: ["reply.prefix"] }, { preview: true });
    await web.changed({ reply: { prefix: "perhaps: ", wordDelayMs: 0 } });
    await web.check();
    await expect(plan.apply()).rejects.toMatchObject({ code: "preview.stale" });
  });

  it("does not go past a lock, nor into what the configuration has no place for", async ({ expect }) => {
    const web = await aRunning("locks");
    const at = { apiVersion: "clusterclaw.io/v1", kind: "ConfigValues", metadata: { name: "ours" } } as const;
    await app
      .admin("locks")
      .values.create({ ...at, spec: { at: "tenant", values: [{ key: "reply.wordDelayMs", value: 1, locked: true }] } });
    await app.settle();
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 9 } });
    expect((await web.check()).differences.find(({ key }) => key === "reply.wordDelayMs")).toMatchObject({ owner: "platform" });
    await expect(web.claw.instances.adopt("web", { keys: ["reply.wordDelayMs"] })).rejects.toThrow(/the platform's/);
    const gpt = [
      { key: "model.name", value: "openai/gpt-5.1" },
      { key: "memory.limit", value: 1000 },
    ];
    const open = await aRunning("places", anInstance("web", { type: "OpenClaw", config: { overrides: gpt } }));
    await open.changed(
      '{ models: { providers: { openai: { models: [{ id: "gpt-5.1", contextTokens: 5 }] } } } } // by hand',
      "openclaw.json",
    );
    await open.check();
    await expect(open.claw.instances.adopt("web", { keys: ["models.providers.openai.models"] })).rejects.toThrow();
    expect((await open.get()).spec.config.overrides).toEqual(gpt);
  });
});

describe("what an instance says of drift", () => {
  it("is adopted by itself, or stays with the reason", async ({ expect }) => {
    const web = await aRunning("itself", anEcho("web", { drift: "adopt" }));
    const adopt = async () => {
      await web.check();
      await adoptAltered({ id: web.tenantId, name: "itself" }, web.id, app.dependencies);
    };
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: "slow" } });
    await adopt();
    expect(await web.events("DriftNotAdopted")).toMatchObject([{ message: expect.stringContaining("reply.wordDelayMs") }]);
    expect((await web.get()).spec.config.overrides).toEqual([]);
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 0 } });
    await adopt();
    expect((await web.get()).spec.config.overrides).toEqual([{ key: "reply.prefix", value: "no: " }]);
    expect(await web.events("DriftAdopted")).toMatchObject([{ actor: expect.stringContaining("drift:") }]);
  });
});

describe("ignoring what somebody changed", () => {
  it("is declared, holds until its time, and can be taken back", async ({ expect }) => {
    const web = await aRunning("ignores");
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 7 } });
    await web.check();
    await expect(web.claw.instances.ignore("web", { until: "2020-01-01T00:00:00.000Z" })).rejects.toMatchObject({
      issues: [{ path: "until" }],
    });
    await web.claw.instances.ignore("web", { keys: ["reply.prefix"], until: LATER });
    await app.settle();
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 7 } });
    expect(await web.check()).toMatchObject({ counts: { differs: 1, ignored: 1 }, state: "differs" });
    await web.claw.instances.ignore("web", { until: LATER });
    await app.pass(10);
    await app.settle();
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 7 } });
    expect(await web.check()).toMatchObject({ counts: { differs: 0, ignored: 2 }, state: "consistent" });
    expect(syncedOf(await web.get())?.status).toBe("True");
    await web.claw.instances.ignore("web", { until: null });
    expect((await web.get()).spec.config.ignored).toBeUndefined();
  });
});

describe("reverting what somebody changed", () => {
  it("is wanted until it is done, once, and done by whoever comes", async ({ expect }) => {
    const web = await aRunning("reverts");
    await expect(web.claw.instances.revert("web")).rejects.toMatchObject({ code: "instance.unsupported" });
    await web.asDeclared();
    await web.claw.instances.revert("web");
    expect((await web.check()).reverting).toBeUndefined();
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 0 } });
    await web.check();
    await web.claw.instances.revert("web");
    await web.claw.instances.revert("web");
    expect(await web.check()).toMatchObject({ reverting: { by: "alice" }, counts: { differs: 1 } });
    const due = await app.dependencies.transactions.platform((tx) => tx.work.listToCheck([web.id]));
    expect(due).toMatchObject([{ name: "web" }]);
    await web.asDeclared();
    expect(await web.check()).toMatchObject({ state: "consistent" });
    expect((await web.check()).reverting).toBeUndefined();
    expect(await app.dependencies.transactions.platform((tx) => tx.work.listToCheck([web.id]))).toEqual([]);
  });

  it("is wanted as soon as it is seen, before the agent says by itself that its files are others", async ({ expect }) => {
    const web = await aRunning("sooner");
    await web.asDeclared();
    const { agent } = (await web.stored()).status;
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 0 } });
    await web.check();
    await app.reports.status(web.tenantId, web.id, agent as AgentStatus);
    await web.claw.instances.revert("web");
    expect(await web.check()).toMatchObject({ reverting: { by: "alice" } });
  });

  it("follows by itself where the instance says so", async ({ expect }) => {
    const web = await aRunning("repairs", anEcho("web", { drift: "repair" }));
    await web.changed({ reply: { prefix: "no: ", wordDelayMs: 0 } });
    expect(await web.check()).toMatchObject({ reverting: { by: "its drift policy" } });
  });
});
