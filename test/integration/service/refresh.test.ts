import { chmod, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { runCli, tempDir } from "../../support/cli.ts";
import { type NatsServer, startNatsServer } from "../../support/nats-server.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
let nats: NatsServer | undefined;
let connection: NatsConnection | undefined;
/** What the bus carries, by its id, since it may come twice; nothing where the machine has none. */
const published = new Map<string, { data: { name: string; op: string } }>();
beforeAll(async () => {
  nats = await startNatsServer();
  service = await startTestService({ CLAW_REFRESH_SECONDS: "1", ...(nats && { CLAW_NATS_URL: nats.url }) });
  if (nats) {
    connection = await connect({ servers: nats.url });
    connection.subscribe("claw.v1.*.instance.drifted", {
      callback: (_error, message) => {
        const event = message.json<{ id: string; data: { name: string; op: string } }>();
        published.set(event.id, event);
      },
    });
  }
  await service.claw().tenants.create(aTenant("acme"));
});
afterAll(async () => {
  await service?.stop();
  await connection?.close();
  await nats?.stop();
});

const claw = () => service.claw("acme");
const isSettled = ({ status, metadata }: ClawInstance) => status.phase === "Running" && status.observedGeneration === metadata.generation;
const until = (name: string, passes: (instance: ClawInstance) => boolean) => eventually(() => claw().instances.get(name), passes, 60_000);
const folder = (instance: ClawInstance, name: string) => join(service.dataDir, "tenants", "acme", instance.metadata.uid, name);

/** Exchanges a file's content in one step: what is half written would be a change too. */
async function exchange(file: string, content: string): Promise<void> {
  const draft = join(service.dataDir, "draft");
  await writeFile(draft, content, { mode: 0o600 });
  await rename(draft, file);
}

describe("what somebody changes on the host, where nothing is watched", () => {
  it("is found by the periodic refresh, shown, published, and forgotten when it is undone", { timeout: 120_000 }, async ({ expect }) => {
    await claw().instances.create(anEcho("web", { config: { overrides: [{ key: "reply.prefix", value: "hello" }] } }));
    const web = await until("web", isSettled);
    const file = join(folder(web, "config"), "config.json");
    const declared = await readFile(file, "utf8");
    await exchange(file, declared.replace("hello", "goodbye"));

    const drifted = await until("web", ({ status }) => status.drift !== undefined);
    expect(drifted.status.drift).toEqual([
      expect.objectContaining({
        resource: expect.stringContaining("process/ConfigFiles"),
        op: "changed",
        diffs: [{ path: expect.stringMatching(/^files\["config.json"\]/), kind: "update", before: '"hello"', after: '"goodbye"' }],
      }),
    ]);
    expect(drifted.status.conditions).toContainEqual(expect.objectContaining({ type: "Drifted", status: "True" }));
    expect(drifted.metadata.generation).toBe(web.metadata.generation);
    const events = await claw().instances.events("web");
    expect(events.items.filter(({ reason }) => reason === "Drifted")).toHaveLength(1);
    if (nats) {
      await eventually(
        async () => published.size,
        (count) => count > 0,
      );
      expect([...published.values()]).toEqual([expect.objectContaining({ data: expect.objectContaining({ name: "web", op: "changed" }) })]);
    }
    const cli = { url: service.url, cwd: await tempDir(), env: { CLAW_TOKEN: service.adminToken, CLAW_TENANT: "acme" } };
    expect((await runCli(["describe", "web"], cli)).stdout).toMatch(/ConfigFiles .* was changed\n.*"hello" → "goodbye"/);
    expect((await runCli(["stack", "refresh", "acme"], cli)).stdout).toMatch(
      /1 not as declared\nweb .*\n.*was changed\n.*"hello" → "goodbye"/,
    );

    await exchange(file, declared);
    await until("web", ({ status }) => status.drift === undefined);
  });

  it("is repaired where the policy says so: a file, a folder, and all of a process", { timeout: 120_000 }, async ({ expect }) => {
    await claw().instances.create(anEcho("kept", { drift: "repair" }));
    const kept = await until("kept", isSettled);
    const file = join(folder(kept, "config"), "config.json");
    const declared = await readFile(file, "utf8");
    const repaired = async () => {
      const { items } = await claw().instances.events("kept");
      return items.filter(({ reason }) => reason === "Drifted").length;
    };
    await exchange(file, "{}");
    await eventually(
      () => readFile(file, "utf8"),
      (content) => content === declared,
      60_000,
    );
    await until("kept", isSettled);
    expect(await repaired()).toBe(1);

    await chmod(folder(kept, "data"), 0o755);
    await rm(folder(kept, "config"), { recursive: true });
    await eventually(
      () => readFile(file, "utf8").catch(() => ""),
      (content) => content === declared,
      60_000,
    );
    const again = await until("kept", (instance) => isSettled(instance) && instance.status.drift === undefined);

    const run = (name: string) => readFile(join(service.dataDir, "run", kept.metadata.uid, name), "utf8").then(JSON.parse);
    const before = { agent: (await run("agent.json")).pid, claw: (await run("state.json")).claw.pid };
    process.kill(before.agent, "SIGKILL");
    process.kill(before.claw, "SIGKILL");
    await eventually(
      () => run("state.json"),
      ({ claw }) => claw !== undefined && claw.pid !== before.claw,
      60_000,
    );
    expect(again.status.conditions).toContainEqual(expect.objectContaining({ type: "Drifted", status: "False" }));
  });
});
