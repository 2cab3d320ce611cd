import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { runCli, tempDir } from "../../support/cli.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  await service.claw().tenants.create(aTenant("acme"));
});
afterAll(() => service?.stop());

const get = () => service.claw("acme").instances.get("web");
const until = (passes: (instance: Awaited<ReturnType<typeof get>>) => boolean) => eventually(get, passes, 60_000);

describe("what a claw takes of the host", () => {
  it("is measured by its agent and shown, and writes nothing of the instance", { timeout: 120_000 }, async ({ expect }) => {
    await service.claw("acme").instances.create(anEcho("web"));
    const settled = await until(({ status, metadata }) => status.phase === "Running" && status.observedGeneration === metadata.generation);
    const { metadata, status } = await until((instance) => instance.status.usage !== undefined);
    expect(Number.parseInt(status.usage?.cpu ?? "", 10)).toBeGreaterThan(0);
    const mebibytes = Number.parseInt(status.usage?.memory ?? "", 10);
    expect(mebibytes).toBeGreaterThan(10);
    expect(mebibytes).toBeLessThan(1000);
    expect(Date.now() - Date.parse(status.usage?.time ?? "")).toBeLessThan(60_000);
    expect(metadata).toEqual(settled.metadata);

    const database = new Client(service.databaseUrl);
    await database.connect();
    const { rows } = await database.query("select count(*)::int as count from instance_usage");
    await database.end();
    expect(rows).toEqual([{ count: 1 }]);
    const cli = { url: service.url, cwd: await tempDir(), env: { CLAW_TOKEN: service.adminToken, CLAW_TENANT: "acme" } };
    expect((await runCli(["get", "instances", "-o", "wide"], cli)).stdout).toMatch(/CPU +MEMORY[\s\S]* \d+m +\d+Mi /);
    expect((await runCli(["describe", "web"], cli)).stdout).toMatch(/Usage: +\d+m cpu, \d+Mi memory \(\d+s ago\)/);

    await service.claw("acme").instances.stop("web");
    await until((instance) => instance.status.phase === "Stopped");
    expect((await get()).status.usage).toBeUndefined();
  });
});
