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

/** A service with a tenant, and how to wait for what becomes of its instances. What they are told by is in `test/integration/application/instances`. */
function useService({ engine, isThere, patienceMs }: (typeof engines)[number]) {
  let started: TestService | undefined;
  beforeAll(async () => {
    if (isThere) {
      started = await startTestService({ CLAW_ENGINE: engine });
      await started.claw().tenants.create(aTenant("acme"));
    }
  });
  beforeEach(({ skip }) => skip(!isThere, NO_CLI));
  afterAll(() => started?.stop());
  const service = (): TestService => {
    if (!started) {
      throw new Error("the service is there within tests only");
    }
    return started;
  };
  const until = <T>(ask: () => Promise<T>, passes: (answer: T) => boolean) => eventually(ask, passes, patienceMs);
  return {
    service,
    until,
    phase: (name: string, wanted: string) =>
      until(
        () => service().claw("acme").instances.get(name),
        ({ status, metadata }) => status.phase === wanted && status.observedGeneration === metadata.generation,
      ),
    /** The pid of the claw itself, as its agent last wrote it. */
    instancePid: async (name: string): Promise<number | undefined> => {
      const { metadata } = await service().claw("acme").instances.get(name);
      const file = join(service().dataDir, "run", metadata.uid, "state.json");
      const text = await readFile(file, "utf8").catch(() => undefined);
      return text === undefined ? undefined : (JSON.parse(text).claw?.pid as number | undefined);
    },
    isGone: (name: string) =>
      until(
        () =>
          service()
            .claw("acme")
            .instances.get(name)
            .catch((error: unknown) => error),
        (answer) => answer instanceof NotFoundError,
      ),
  };
}

describe.each(engines)("the life of an instance, with CLAW_ENGINE=$engine", (settings) => {
  const { service, until, phase, instancePid, isGone } = useService(settings);

  it("is made, answers, is stopped, started and restarted, and is gone with its data", { timeout: 8 * settings.patienceMs }, async ({
    expect,
  }) => {
    const claw = service().claw("acme");
    await claw.instances.create(anEcho("alive"));
    const running = await phase("alive", "Running");
    expect(running.status).toMatchObject({ observedGeneration: 1, readyReplicas: 1, restarts: 0 });

    const [made] = (await claw.instances.operations("alive")).items;
    expect(made).toMatchObject({ kind: "apply", generation: 1, state: "succeeded" });
    expect(made?.resources.map(({ level, name, op, state }) => `${level} ${name} ${op} ${state}`)).toEqual([
      "0 alive create done",
      "1 alive-software create done",
      "1 alive-config create done",
      "1 alive-data create done",
      "1 alive-files create done",
      "1 alive-process create done",
    ]);

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

    await claw.instances.stop("alive");
    await phase("alive", "Stopped");
    await claw.instances.start("alive");
    await phase("alive", "Running");
    const before = await instancePid("alive");
    const asked = await claw.instances.restart("alive");
    await until(
      () => claw.instances.get("alive"),
      ({ status }) => status.observedGeneration === asked.metadata.generation && status.phase === "Running",
    );
    await until(
      () => instancePid("alive"),
      (pid) => pid !== undefined && pid !== before,
    );

    await claw.instances.delete("alive", { purgeData: true });
    await isGone("alive");
    expect(await readdir(join(service().dataDir, "tenants", "acme"))).not.toContain(running.metadata.uid);
  });
});

describe("an instance", { timeout: 240_000 }, () => {
  const { service, until, phase, instancePid, isGone } = useService(engines[0] as (typeof engines)[number]);

  it("has no process while it is stopped: what is known of it is there all the same, and what takes one is refused", async ({ expect }) => {
    const claw = service().claw("acme");
    const { metadata } = await claw.instances.create(anEcho("idle", { running: false }));
    const processes = () => processesIn(join(service().dataDir, "run", metadata.uid));
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
    expect(said(idle)).toEqual([...stopped.slice(0, 1), "ConfigSynced=Unknown Stopped", ...stopped.slice(1)]);
    expect(idle.status).toMatchObject({ restarts: 0, readyReplicas: 0 });
    await until(
      async () => processes(),
      (pids) => pids.length === 0,
    );

    const logged = (await claw.instances.logs("idle", {})).lines;
    expect(logged.join("\n")).not.toBe("");
    const followed: string[] = [];
    for await (const text of claw.instances.followLogs("idle", { tailLines: 1000 })) {
      if (followed.push(text) === logged.length) {
        break;
      }
    }
    expect(followed).toEqual(logged);
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

  it("is Stopped though its agent was killed before, and though nobody heard its last words", async ({ expect }) => {
    const claw = service().claw("acme");
    await claw.instances.create(anEcho("orphan"));
    const { metadata } = await phase("orphan", "Running");
    const runDir = join(service().dataDir, "run", metadata.uid);
    const agent = JSON.parse(await readFile(join(runDir, "agent.json"), "utf8")).pid as number;
    process.kill(agent, "SIGKILL");
    await claw.instances.stop("orphan");
    await phase("orphan", "Stopped");
    expect(processesIn(runDir)).toEqual([]);

    // As it stands where the control plane died between the end of the claw and its agent's report.
    const database = new Client(service().databaseUrl);
    await database.connect();
    const unheard = `update instances set phase = 'Running', agent = jsonb_set(agent::jsonb, '{phase}', '"Ready"')::json where id = $1`;
    expect((await database.query(unheard, [metadata.uid])).rowCount).toBe(1);
    await database.end();
    await service().restart();
    await until(
      () => service().claw("acme").instances.get("orphan"),
      ({ status }) => status.phase === "Stopped",
    );
  });

  it("is killed for good, and keeps its data when it is deleted without them", async ({ expect }) => {
    const claw = service().claw("acme");
    const { metadata } = await claw.instances.create(anEcho("victim"));
    await phase("victim", "Running");
    await claw.instances.kill("victim");
    expect((await phase("victim", "Stopped")).spec.running).toBe(false);
    expect(processesIn(join(service().dataDir, "run", metadata.uid))).toEqual([]);
    await claw.instances.delete("victim");
    await isGone("victim");
    expect(await readdir(join(service().dataDir, "tenants", "acme", metadata.uid))).toContain("data");
  });

  it.for([
    { name: "and is found again", instance: "steady", port: undefined },
    { name: "and is found again by one at another address, without an operation", instance: "moved", port: "0" as const },
  ])("goes on while the control plane is away, $name", async ({ instance, port }, { expect }) => {
    const claw = () => service().claw("acme");
    await claw().instances.create(anEcho(instance));
    const { metadata } = await phase(instance, "Running");
    const before = await instancePid(instance);
    const { url } = service();
    await service().restart(port);
    expect(service().url === url).toBe(port === undefined);
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
