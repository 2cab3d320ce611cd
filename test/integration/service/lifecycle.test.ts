import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { NotFoundError } from "../../../sdk/client/index.ts";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { processesIn } from "../../support/agent/harness.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { hasCli, NO_CLI } from "../../support/engine/pulumi-cli.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

/** An operation of the CLI is four processes and a provider. */
const engines = [
  { engine: "embedded", isThere: true, patienceMs: 60_000 },
  { engine: "cli", isThere: hasCli, patienceMs: 120_000 },
];

describe.each(engines)("the life of an instance, with CLAW_ENGINE=$engine", ({ engine, isThere, patienceMs }) => {
  let service: TestService;
  beforeAll(async () => {
    if (isThere) {
      service = await startTestService({ CLAW_ENGINE: engine });
      await service.claw().tenants.create(aTenant("acme"));
    }
  });
  beforeEach(({ skip }) => skip(!isThere, NO_CLI));
  afterAll(() => service?.stop());

  const until = <T>(ask: () => Promise<T>, passes: (answer: T) => boolean) => eventually(ask, passes, patienceMs);
  const phase = (name: string, wanted: string) =>
    until(
      () => service.claw("acme").instances.get(name),
      ({ status, metadata }) => status.phase === wanted && status.observedGeneration === metadata.generation,
    );
  /** The pid of the claw itself, as its agent last wrote it. */
  const instancePid = async (name: string): Promise<number | undefined> => {
    const { metadata } = await service.claw("acme").instances.get(name);
    const file = join(service.dataDir, "run", metadata.uid, "state.json");
    const text = await readFile(file, "utf8").catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text).claw?.pid as number | undefined);
  };

  it("goes from accepted to Running, says so in conditions and events, and answers through the control plane", {
    timeout: 4 * patienceMs,
  }, async ({ expect }) => {
    const claw = service.claw("acme");
    const accepted = await claw.instances.create(anEcho("alive"));
    expect(accepted).toMatchObject({ metadata: { generation: 1 }, status: { phase: "Creating", observedGeneration: 0 } });
    const running = await phase("alive", "Running");
    expect(running.status).toMatchObject({ observedGeneration: 1, readyReplicas: 1, restarts: 0 });
    expect(running.status.conditions.map(({ type, status }) => `${type}=${status}`)).toEqual([
      "AgentConnected=True",
      "Provisioned=True",
      "Ready=True",
    ]);
    const events = await claw.instances.events("alive", {});
    expect(events.items.map(({ reason, message }) => `${reason} ${message}`)).toContain(
      "PhaseChanged Creating → Running (create, by admin)",
    );

    const chat = await claw.instances.chat("alive");
    let answer = "";
    for await (const event of chat.send("hello there")) {
      answer += event.type === "delta" ? event.text : "";
      if (event.type === "done") {
        expect(event.usage?.totalTokens).toBeGreaterThan(0);
      }
    }
    chat.close();
    expect(answer).toContain("hello there");
    expect((await claw.instances.logs("alive", {})).lines.join("\n")).not.toBe("");
  });

  it("stops, starts and restarts on request, and each is safe to repeat", { timeout: 4 * patienceMs }, async ({ expect }) => {
    const claw = service.claw("acme");
    await claw.instances.create(anEcho("cycle"));
    const first = await phase("cycle", "Running");
    await claw.instances.stop("cycle");
    const again = await claw.instances.stop("cycle");
    expect(again.metadata.generation).toBe(first.metadata.generation + 1);
    await phase("cycle", "Stopped");
    await claw.instances.start("cycle");
    await phase("cycle", "Running");
    const { items } = await claw.instances.events("cycle", {});
    const told = items.filter(({ reason }) => reason === "PhaseChanged" || reason === "Requested");
    expect(told.map(({ actor, message }) => `${actor} ${message}`)).toEqual([
      "admin Stopped → Running (start, by admin)",
      "admin start",
      "admin Running → Stopped (stop, by admin)",
      "admin stop",
      "admin Creating → Running (create, by admin)",
      "admin create",
    ]);
    const before = await instancePid("cycle");
    const asked = await claw.instances.restart("cycle");
    await until(
      () => claw.instances.get("cycle"),
      ({ status }) => status.observedGeneration === asked.metadata.generation && status.phase === "Running",
    );
    await until(
      () => instancePid("cycle"),
      (pid) => pid !== undefined && pid !== before,
    );
  });

  it("has no process while it is stopped: what is known of it is there all the same, and what takes one is refused", {
    timeout: 4 * patienceMs,
  }, async ({ expect }) => {
    const claw = service.claw("acme");
    const { metadata } = await claw.instances.create(anEcho("idle", { running: false }));
    const processes = () => processesIn(join(service.dataDir, "run", metadata.uid));
    const said = ({ status }: ClawInstance) => status.conditions.map(({ type, status: is, reason }) => `${type}=${is} ${reason}`);
    const stopped = ["AgentConnected=False Stopped", "Provisioned=True Applied", "Ready=False Stopped"];
    expect(said(await phase("idle", "Stopped"))).toEqual(stopped);
    expect(processes()).toEqual([]);
    expect((await claw.instances.logs("idle", {})).lines).toEqual([]);
    await claw.instances.start("idle");
    await phase("idle", "Running");
    expect(processes()).toHaveLength(2);
    await claw.instances.stop("idle");
    const idle = await phase("idle", "Stopped");
    expect(said(idle)).toEqual(stopped);
    expect(idle.status).toMatchObject({ restarts: 0, readyReplicas: 0 });
    await until(
      async () => processes(),
      (pids) => pids.length === 0,
    );

    const logged = (await claw.instances.logs("idle", {})).lines;
    expect(logged.join("\n")).not.toBe("");
    const followed: string[] = [];
    for await (const text of claw.instances.followLogs("idle", { tailLines: 1000 })) {
      followed.push(text);
      break;
    }
    expect(followed.join("").trimEnd().split("\n")).toEqual(logged);
    const refusal = { code: "instance.not_running", message: expect.stringContaining("'idle' is stopped") };
    const chat = async () => {
      for await (const _ of (await claw.instances.chat("idle")).send("anybody there?")) {
        // Nothing comes.
      }
    };
    await expect(chat()).rejects.toMatchObject(refusal);
    await expect(claw.instances.console("idle", {})).rejects.toMatchObject(refusal);
    await claw.instances.kill("idle");
    await claw.instances.replace(
      "idle",
      anEcho("idle", { running: false, config: { overrides: [{ key: "reply.prefix", value: "new: " }] } }),
    );
    await phase("idle", "Stopped");
    expect(processes()).toEqual([]);
    await claw.instances.restart("idle");
    await phase("idle", "Running");
    let answer = "";
    for await (const event of (await claw.instances.chat("idle")).send("hello")) {
      answer += event.type === "delta" ? event.text : "";
    }
    expect(answer).toContain("new: ");
  });

  it("is Stopped though its agent was killed before, and though nobody heard its last words", { timeout: 4 * patienceMs }, async ({
    expect,
  }) => {
    const claw = service.claw("acme");
    await claw.instances.create(anEcho("orphan"));
    const { metadata } = await phase("orphan", "Running");
    const runDir = join(service.dataDir, "run", metadata.uid);
    const agent = JSON.parse(await readFile(join(runDir, "agent.json"), "utf8")).pid as number;
    process.kill(agent, "SIGKILL");
    await claw.instances.stop("orphan");
    await phase("orphan", "Stopped");
    expect(processesIn(runDir)).toEqual([]);

    // As it stands where the control plane died between the end of the claw and its agent's report.
    const database = new Client(service.databaseUrl);
    await database.connect();
    const unheard = `update instances set phase = 'Running', agent = jsonb_set(agent::jsonb, '{phase}', '"Ready"')::json where id = $1`;
    expect((await database.query(unheard, [metadata.uid])).rowCount).toBe(1);
    await database.end();
    await service.restart();
    await until(
      () => service.claw("acme").instances.get("orphan"),
      ({ status }) => status.phase === "Stopped",
    );
  });

  it("stays stopped after a kill", { timeout: 4 * patienceMs }, async ({ expect }) => {
    const claw = service.claw("acme");
    await claw.instances.create(anEcho("victim"));
    await phase("victim", "Running");
    await claw.instances.kill("victim");
    const stopped = await phase("victim", "Stopped");
    expect(stopped.spec.running).toBe(false);
  });

  it("is gone after a delete, with its data kept unless asked otherwise", { timeout: 4 * patienceMs }, async ({ expect }) => {
    const claw = service.claw("acme");
    const uids: string[] = [];
    for (const [name, purgeData] of [
      ["kept", false],
      ["purged", true],
    ] as const) {
      await claw.instances.create(anEcho(name));
      uids.push((await phase(name, "Running")).metadata.uid);
      await claw.instances.delete(name, { purgeData });
      await until(
        () => claw.instances.get(name).catch((error: unknown) => error),
        (answer) => answer instanceof NotFoundError,
      );
    }
    const [kept = "", purged = ""] = uids;
    const tenantDir = join(service.dataDir, "tenants", "acme");
    expect(await readdir(join(tenantDir, kept))).toContain("data");
    expect(await readdir(tenantDir)).not.toContain(purged);
  });

  it.for([
    { name: "and is found again", instance: "steady", port: undefined },
    { name: "and is found again by one at another address, without an operation", instance: "moved", port: "0" as const },
  ])("goes on while the control plane is away, $name", { timeout: 4 * patienceMs }, async ({ instance, port }, { expect }) => {
    const claw = () => service.claw("acme");
    await claw().instances.create(anEcho(instance));
    const { metadata } = await phase(instance, "Running");
    const before = await instancePid(instance);
    const { url } = service;
    await service.restart(port);
    expect(service.url === url).toBe(port === undefined);
    await until(
      () =>
        claw()
          .instances.logs(instance, {})
          .then(
            () => true,
            () => false,
          ),
      (reached) => reached,
    );
    expect(await instancePid(instance)).toBe(before);
    expect(await claw().instances.get(instance)).toMatchObject({
      metadata: { generation: metadata.generation },
      status: { phase: "Running", restarts: 0 },
    });
  });
});
