import { spawnSync } from "node:child_process";
import { readFile, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, it } from "vitest";
import { withLock } from "../../../sdk/cli/file-lock.ts";
import { UserAbortError } from "../../../sdk/client/index.ts";
import { tempDir } from "../../support/cli.ts";

const never = new AbortController().signal;

describe("withLock", () => {
  it("lets one in at a time, also after one that failed", async ({ expect }) => {
    const path = join(await tempDir(), "lock");
    let inside = 0;
    const results = await Promise.allSettled(
      [1, 2, 3, 4].map((turn) =>
        withLock(path, never, async () => {
          expect(++inside).toBe(1);
          await delay(5);
          inside--;
          if (turn === 2) {
            throw new Error("failed");
          }
          return turn;
        }),
      ),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"]);
    await expect(stat(path)).rejects.toThrow();
  });

  it.for([
    ["a process that is gone", `${spawnSync("true").pid} ${hostname()}`, 0],
    ["a machine that nothing was heard of for a minute", "1 elsewhere", 61_000],
  ] as const)("takes the lock of %s", async ([, holder, ageMs], { expect }) => {
    const path = join(await tempDir(), "lock");
    await writeFile(path, holder);
    const then = new Date(Date.now() - ageMs);
    await utimes(path, then, then);
    expect(await withLock(path, never, () => readFile(path, "utf8"))).toBe(`${process.pid} ${hostname()}`);
  });

  it.for([`${process.pid} ${hostname()}`, "999999 elsewhere"])(
    "waits for one that may be at work, until interrupted: %s",
    async (holder, { expect }) => {
      const path = join(await tempDir(), "lock");
      await writeFile(path, holder);
      const waiting = withLock(path, AbortSignal.timeout(120), async () => "in");
      await expect(waiting).rejects.toBeInstanceOf(UserAbortError);
      expect(await readFile(path, "utf8")).toBe(holder);
    },
  );
});
