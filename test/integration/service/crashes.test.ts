import { execFileSync, spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, it } from "vitest";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  await service.claw().tenants.create(aTenant("acme"));
});
afterAll(() => service.stop());

describe("an operation's process that is killed", () => {
  it("costs time only: every instance comes to run, once", { timeout: 90_000 }, async ({ expect }) => {
    const claw = service.claw("acme");
    const names = ["one", "two", "three", "four"];
    await Promise.all(names.map((name) => claw.instances.create(anEcho(name))));
    // The processes that run stack operations, killed at different points of the work: before, during and after the instances' processes come up.
    for (const waitMs of [0, 150, 300]) {
      await delay(waitMs);
      spawnSync("pkill", ["-KILL", "-P", String(process.pid), "-f", "stack-worker"]);
    }
    for (const name of names) {
      await eventually(
        () => claw.instances.get(name),
        ({ status, metadata }) => status.phase === "Running" && status.observedGeneration === metadata.generation,
        60_000,
      );
    }
    // One that a killed process started may still be about to see that there is another.
    const agents = () => execFileSync("pgrep", ["-fc", `agent/main.ts ${service.dataDir}`], { encoding: "utf8" });
    await expect.poll(() => Number(agents()), { timeout: 30_000 }).toBe(names.length);
  });
});
