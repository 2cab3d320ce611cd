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

/** Processes of this test run that run stack operations. */
function stackWorkers(): number[] {
  const { stdout } = spawnSync("pgrep", ["-P", String(process.pid), "-f", "stack-worker"], { encoding: "utf8" });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
}

describe("an operation's process that is killed", () => {
  it("costs time only: every instance comes to run, once", { timeout: 90_000 }, async ({ expect }) => {
    const claw = service.claw("acme");
    const names = ["one", "two", "three", "four"];
    await Promise.all(names.map((name) => claw.instances.create(anEcho(name))));
    // Killed at different points of the work: before, during and after the instances' processes come up.
    for (const waitMs of [0, 150, 300]) {
      await delay(waitMs);
      for (const pid of stackWorkers()) {
        process.kill(pid, "SIGKILL");
      }
    }
    for (const name of names) {
      await eventually(
        () => claw.instances.get(name),
        ({ status, metadata }) => status.phase === "Running" && status.observedGeneration === metadata.generation,
        60_000,
      );
    }
    const agents = execFileSync("pgrep", ["-fc", `agent/main.ts ${service.dataDir}`], { encoding: "utf8" });
    expect(Number(agents)).toBe(names.length);
  });
});
