import { appendFileSync, closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, onTestFinished } from "vitest";
import { LogFile } from "../../../service/agent/log-file.ts";

function aLog(limits = { bytesMax: 100, files: 3 }) {
  const dir = mkdtempSync(join(tmpdir(), "claw-log-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return { dir, log: new LogFile(join(dir, "claw.log"), limits) };
}

describe("LogFile", () => {
  it("rotates under a writer that holds the file open, and keeps a fixed number of files", ({ expect }) => {
    const { dir, log } = aLog();
    const fd = openSync(log.path, "a");
    for (let round = 1; round <= 5; round++) {
      writeSync(fd, `${String(round).repeat(120)}\n`);
      log.rotateIfNeeded();
      expect(statSync(log.path).size).toBe(0);
    }
    writeSync(fd, "after\n");
    closeSync(fd);
    expect(readdirSync(dir).sort()).toEqual(["claw.log", "claw.log.1", "claw.log.2"]);
    expect(readFileSync(log.path, "utf8")).toBe("after\n");
    expect(readFileSync(`${log.path}.1`, "utf8")).toBe(`${"5".repeat(120)}\n`);
    expect(readFileSync(`${log.path}.2`, "utf8")).toBe(`${"4".repeat(120)}\n`);
  });

  it("does not rotate a file within its limit", ({ expect }) => {
    const { dir, log } = aLog();
    appendFileSync(log.path, "short\n");
    log.rotateIfNeeded();
    expect(readdirSync(dir)).toEqual(["claw.log"]);
  });

  it("gives the last lines, also from before the last rotation", ({ expect }) => {
    const { log } = aLog();
    appendFileSync(log.path, `${"a".repeat(100)}\nold 1\nold 2\n`);
    log.rotateIfNeeded();
    appendFileSync(log.path, "new 1\nnew 2");
    expect(log.tail(1)).toBe("new 2");
    expect(log.tail(3)).toBe("old 2\nnew 1\nnew 2");
    expect(log.tail(0)).toBe("");
    expect(log.tail(100)).toBe(`${"a".repeat(100)}\nold 1\nold 2\nnew 1\nnew 2`);
  });

  it("finds the last lines of a large file", ({ expect }) => {
    const { log } = aLog({ bytesMax: 1e9, files: 2 });
    const lines = Array.from({ length: 30_000 }, (_, index) => `line ${index} é`);
    appendFileSync(log.path, `${lines.join("\n")}\n`);
    expect(log.tail(20_000)).toBe(`${lines.slice(-20_000).join("\n")}\n`);
  });

  it("follows over a rotation without losing or repeating text", async ({ expect }) => {
    const { log } = aLog();
    appendFileSync(log.path, "before\n");
    let text = "";
    const follower = log.follow((appended) => {
      text += appended;
    });
    appendFileSync(log.path, `${"b".repeat(120)}\n`);
    log.rotateIfNeeded();
    appendFileSync(log.path, "after é\n");
    await expect.poll(() => text, { timeout: 30_000 }).toBe(`${"b".repeat(120)}\nafter é\n`);
    follower.close();
  });

  it("says so when a reader that was paused had not come to the end before a rotation", async ({ expect }) => {
    const { log } = aLog();
    let text = "";
    let losses = 0;
    const follower = log.follow(
      (appended) => {
        text += appended;
      },
      () => losses++,
    );
    onTestFinished(() => follower.close());
    follower.pause();
    log.rotateIfNeeded();
    expect(losses).toBe(0);
    appendFileSync(log.path, `${"b".repeat(120)}\n`);
    log.rotateIfNeeded();
    expect({ text, losses }).toEqual({ text: "", losses: 1 });
    follower.resume();
    appendFileSync(log.path, "after\n");
    await expect.poll(() => text, { timeout: 30_000 }).toBe("after\n");
  });
});
