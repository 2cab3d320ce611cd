import { describe, it } from "vitest";
import type { AgentStatus, ClawInstance, InstanceId } from "../../../../sdk/contract/index.ts";
import { createReports } from "../../../../service/application/instances/report-status.ts";
import { anAgentStatus } from "../../../support/application/agents.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, aTemplate, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

const said = ({ status }: ClawInstance) => status.conditions.map(({ type, status: is, reason }) => `${type}=${is} ${reason}`);
const isGone = { code: "instance.not_found" };

describe("an instance", () => {
  it("goes from accepted to Running, and says so in conditions and events", async ({ expect }) => {
    const accepted = await claw.instances.create(anEcho("alive"));
    expect(accepted).toMatchObject({ metadata: { generation: 1 }, status: { phase: "Creating", observedGeneration: 0 } });
    await app.settle();
    const running = await claw.instances.get("alive");
    expect(running.status).toMatchObject({ phase: "Running", observedGeneration: 1, readyReplicas: 1, restarts: 0 });
    expect(said(running)).toEqual(["AgentConnected=True Connected", "Provisioned=True Applied", "Ready=True Ready"]);
    const { items } = await claw.instances.events("alive");
    expect(items.map(({ reason, message }) => `${reason} ${message}`)).toContain("PhaseChanged Creating → Running (create, by alice)");
  });

  it("stops, starts and restarts on request, by whose events tell of it, and each is safe to repeat", async ({ expect }) => {
    const { metadata } = await claw.instances.create(anEcho("cycle"));
    await app.settle();
    await claw.instances.stop("cycle");
    expect((await claw.instances.stop("cycle")).metadata.generation).toBe(metadata.generation + 1);
    await app.settle();
    const stopped = await claw.instances.get("cycle");
    expect(stopped.status).toMatchObject({ phase: "Stopped", readyReplicas: 0 });
    expect(said(stopped)).toEqual(["AgentConnected=False Stopped", "Provisioned=True Applied", "Ready=False Stopped"]);
    await claw.instances.start("cycle");
    expect((await claw.instances.start("cycle")).metadata.generation).toBe(metadata.generation + 2);
    await app.settle();
    expect((await claw.instances.get("cycle")).status.phase).toBe("Running");
    const { items } = await claw.instances.events("cycle");
    const told = items.filter(({ reason }) => reason === "PhaseChanged" || reason === "Requested");
    expect(told.map(({ actor, message }) => `${actor} ${message}`)).toEqual([
      "alice Stopped → Running (start, by alice)",
      "alice start",
      "alice Running → Stopped (stop, by alice)",
      "alice stop",
      "alice Creating → Running (create, by alice)",
      "alice create",
    ]);
    const asked = await claw.instances.restart("cycle");
    expect(asked.metadata.generation).toBe(metadata.generation + 3);
  });

  it("tells once that a channel does not work, however often it is tried again, and once that it does", async ({ expect }) => {
    const { metadata } = await claw.instances.create(anEcho("talkative"));
    await app.settle();
    const { id } = await app.dependencies.transactions.platform((tx) => tx.tenants.get("acme"));
    const says = (state: "failed" | "starting" | "working", message = "") =>
      app.reports.status(id, metadata.uid as InstanceId, {
        ...anAgentStatus("Ready", new Date().toISOString()),
        channels: [{ name: "discord", state, message }],
      });
    await says("starting");
    await says("working");
    for (const attempt of [1, 2, 3]) {
      await says("failed", `401: token sk-0123456789abcdef0123456789 refused, attempt ${attempt}`);
      await says("starting");
    }
    await says("working");
    await says("working");
    const { items } = await claw.instances.events("talkative");
    const told = items.filter(({ reason }) => reason.startsWith("Channel")).map(({ type, reason, message }) => [type, reason, message]);
    expect(told).toEqual([
      ["Normal", "ChannelsConnected", "discord"],
      ["Warning", "ChannelFailed", expect.stringMatching(/^discord: 401.*attempt 1$/)],
    ]);
    expect(JSON.stringify(items)).not.toContain("0123456789abcdef");
  });

  it("is killed at once, and stays stopped", async ({ expect }) => {
    const { metadata } = await claw.instances.create(anEcho("victim"));
    await app.settle();
    await claw.instances.kill("victim");
    expect(app.agents.opened).toContainEqual({ instance: metadata.uid, open: { channel: "signal", action: "kill" } });
    await app.settle();
    expect(await claw.instances.get("victim")).toMatchObject({ spec: { running: false }, status: { phase: "Stopped" } });
    // There is nobody to be killed.
    await claw.instances.kill("victim");
  });

  it("that is stopped says so to whoever wants to use it", async ({ expect }) => {
    await claw.instances.create(anEcho("still", { running: false }));
    await app.settle();
    expect((await claw.instances.get("still")).status.phase).toBe("Stopped");
    await expect(claw.instances.console("still", {})).rejects.toMatchObject({
      code: "instance.not_running",
      message: expect.stringContaining("'still' is stopped"),
    });
  });
});

describe("an operation that fails", () => {
  it("is tried again after a pause, until it is made, and says what went wrong meanwhile", async ({ expect }) => {
    app.stacks.fail("late", { reason: "RegistryUnreachable", message: "the registry does not answer" });
    await claw.instances.create(anEcho("late"));
    await claw.instances.create(anEcho("other"));
    await app.settle();
    const failed = await claw.instances.get("late");
    expect(failed.status).toMatchObject({ phase: "Failed", observedGeneration: 0 });
    expect(failed.status.conditions).toContainEqual(
      expect.objectContaining({ type: "Ready", status: "False", reason: "RegistryUnreachable", message: "the registry does not answer" }),
    );
    // It was in nobody's way.
    expect((await claw.instances.get("other")).status.phase).toBe("Running");
    app.stacks.mend("late");
    await app.settle();
    expect((await claw.instances.get("late")).status.phase).toBe("Failed");
    await app.pass(3);
    await app.settle();
    expect((await claw.instances.get("late")).status).toMatchObject({ phase: "Running", observedGeneration: 1 });
  });

  it("for good is not tried again before the instance changes", async ({ expect }) => {
    app.stacks.fail("typo", { reason: "VersionNotFound", message: "there is no such version" });
    await claw.instances.create(anEcho("typo"));
    await app.settle();
    app.stacks.mend("typo");
    await app.pass(3600);
    await app.settle();
    expect((await claw.instances.get("typo")).status).toMatchObject({ phase: "Failed", observedGeneration: 1 });
    await claw.instances.replace("typo", anEcho("typo", { resources: { cpu: "200m", memory: "64Mi" } }));
    await app.settle();
    expect((await claw.instances.get("typo")).status.phase).toBe("Running");
  });

  it("because somebody else's is under way is no failure: it waits", async ({ expect }) => {
    await app.admin().tenants.create(aTenant("shared"));
    const shared = app.as({ tenant: "shared" });
    app.stacks.lock("shared");
    await shared.instances.create(anEcho("web"));
    await app.settle();
    const waiting = await shared.instances.get("web");
    expect(waiting.status.phase).toBe("Creating");
    expect(said(waiting)).toContain("Provisioned=Unknown StackLocked");
    expect((await shared.instances.events("web")).items.filter(({ type }) => type === "Warning")).toEqual([]);
    await app.admin().stacks.unlock("shared");
    await app.pass(3);
    await app.settle();
    expect((await shared.instances.get("web")).status.phase).toBe("Running");
  });
});

describe("a claw that ends by itself", () => {
  it("leaves an event that says how, though its instance goes on running", async ({ expect }) => {
    const { metadata } = await claw.instances.create(anEcho("killed"));
    await app.settle();
    const { transactions } = app.database;
    const reports = createReports({ transactions, clock: () => new Date() });
    const tenant = await transactions.platform((tx) => tx.tenants.get("acme"));
    const tell = (status: Partial<AgentStatus>) =>
      reports.status(tenant.id, metadata.uid as InstanceId, { ...anAgentStatus("Ready", new Date().toISOString()), ...status });
    const message = "The claw was ended by SIGKILL after 3.2 s. Started again in 1.0 s.";
    await tell({ phase: "BackOff", reason: "Crashed", message, restarts: 1 });
    await tell({ restarts: 1 });
    expect((await claw.instances.get("killed")).status).toMatchObject({ phase: "Running", restarts: 1 });
    const { items } = await claw.instances.events("killed");
    expect(items.filter(({ reason }) => reason === "Ended")).toMatchObject([{ type: "Warning", message: `Crashed: ${message}` }]);
    await claw.instances.delete("killed");
    await app.settle();
  });
});

describe("a deletion", () => {
  const cleanUpOf = (uid: string) => app.cleanedUp.filter((item) => item.uid === uid).map(({ withData }) => withData);

  it.for([
    { name: "keeps the data", spec: {}, purgeData: false, withData: false },
    { name: "takes the data where the specification says so", spec: { deletionPolicy: "delete" }, purgeData: false, withData: true },
    { name: "takes the data when asked to", spec: {}, purgeData: true, withData: true },
  ])("$name, and is done once nothing is left", async ({ spec, purgeData, withData }, { expect }) => {
    const { metadata } = await claw.instances.create(anEcho("leaving", spec));
    await app.settle();
    await claw.instances.delete("leaving", { purgeData });
    expect((await claw.instances.get("leaving")).status.phase).toBe("Running");
    const ending = { code: "instance.name_taken", message: expect.stringMatching(/is being destroyed; wait until it is gone/) };
    await expect(claw.instances.create(anEcho("leaving"))).rejects.toMatchObject(ending);
    await expect(claw.previews.create({ manifests: [anEcho("other"), anEcho("leaving")] })).rejects.toMatchObject({
      ...ending,
      issues: [{ path: "manifests[1].metadata.name" }],
    });
    await app.settle();
    await expect(claw.instances.get("leaving")).rejects.toMatchObject(isGone);
    expect(cleanUpOf(metadata.uid)).toEqual([withData]);
    expect(app.agents.status(metadata.uid)).toBeUndefined();
  });

  it("ends of what could never be set up, however often it failed", async ({ expect }) => {
    app.stacks.fail("hopeless", { reason: "VersionNotFound", message: "there is no such version" });
    const { metadata } = await claw.instances.create(anEcho("hopeless"));
    await app.settle();
    await claw.instances.delete("hopeless", { purgeData: true });
    await app.settle();
    app.stacks.mend("hopeless");
    await app.pass(3600);
    await app.settle();
    await expect(claw.instances.get("hopeless")).rejects.toMatchObject(isGone);
    expect(cleanUpOf(metadata.uid)).toEqual([true]);
  });

  it("ends where the configuration can't be worked out any more, or the type is not known any more", async ({ expect }) => {
    await claw.configs.create(aTemplate("base"));
    await claw.configs.publish("base", {});
    const uids: string[] = [];
    for (const name of ["unclear", "orphan"]) {
      uids.push(
        (await claw.instances.create(anEcho(name, { config: { template: "base", overrides: [{ key: "reply.prefix", value: null }] } })))
          .metadata.uid,
      );
    }
    await app.settle();
    // Nobody may publish what would break them: as something else would leave it.
    const required = JSON.stringify([{ name: "reply.prefix", type: "string", required: true, secret: false, description: "" }]);
    for (const statement of [
      `update config_versions set spec = (spec::jsonb || jsonb_build_object('variables', '${required}'::jsonb))::json
       where template_id = (select id from config_templates where name = 'base')`,
      `update instances set spec = (spec::jsonb || '{"type":"Gone"}')::json, type = 'Gone' where name = 'orphan'`,
      `update instances set generation = generation + 1 where name in ('unclear', 'orphan')`,
    ]) {
      await app.database.pool.query(statement);
    }
    await app.settle();
    const why = async (name: string) =>
      (await claw.instances.get(name)).status.conditions.find(({ reason }) => reason === "ConfigInvalid")?.message;
    expect(await why("unclear")).toContain("variable 'reply.prefix' has no value");
    expect(await why("orphan")).toContain("claw type 'Gone' is not known any more");
    // What runs goes on.
    expect((await claw.instances.get("unclear")).status.phase).toBe("Running");
    for (const name of ["unclear", "orphan"]) {
      await claw.instances.delete(name, { purgeData: true });
    }
    await app.settle();
    for (const name of ["unclear", "orphan"]) {
      await expect(claw.instances.get(name)).rejects.toMatchObject(isGone);
    }
    expect(uids.map(cleanUpOf)).toEqual([[true], [true]]);
  });

  it("that was asked for without the data first takes them all the same, asked for once more while it is under way", async ({ expect }) => {
    const { metadata } = await claw.instances.create(anEcho("held"));
    await app.settle();
    await claw.instances.delete("held");
    app.stacks.meanwhile(() => claw.instances.delete("held", { purgeData: true }));
    await app.settle();
    await expect(claw.instances.get("held")).rejects.toMatchObject(isGone);
    expect(cleanUpOf(metadata.uid)).toEqual([false, true]);
  });
});
