import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { NotFoundError } from "../../../sdk/client/index.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { hasCli, noCli } from "../../support/engine/pulumi-cli.ts";
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
  beforeEach(({ skip }) => skip(!isThere, noCli));
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
