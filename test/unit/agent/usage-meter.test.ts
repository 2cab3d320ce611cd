import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "vitest";
import { UsageMeter } from "../../../service/agent/usage-meter.ts";

const BURN = "const end = Date.now() + 60000; while (Date.now() < end);";

describe("what a process takes", () => {
  it("is counted with all that it started, and not asked for again at once", async ({ expect, skip, onTestFinished }) => {
    skip(process.platform !== "linux", "there is no procfs");
    const child = spawn("sh", ["-c", `echo begun; '${process.execPath}' -e '${BURN}' & wait`], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    onTestFinished(() => void process.kill(-(child.pid ?? 0), "SIGKILL"));
    await once(child.stdout, "data");
    await expect
      .poll(
        () => {
          const usage = new UsageMeter().read(child.pid);
          return usage !== undefined && usage.cpu > 0.02 && usage.memoryBytes > 20 * 2 ** 20;
        },
        { timeout: 20_000 },
      )
      .toBe(true);
    const meter = new UsageMeter();
    expect(meter.read(child.pid)?.cpu).toBeLessThan(64);
    expect(meter.read(child.pid)).toBeUndefined();
  });

  it("is unknown of none, and of one that has ended", async ({ expect }) => {
    const child = spawn("true");
    await once(child, "exit");
    expect(new UsageMeter().read(undefined)).toBeUndefined();
    expect(new UsageMeter().read(child.pid)).toBeUndefined();
  });
});
