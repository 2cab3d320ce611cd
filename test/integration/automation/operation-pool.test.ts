import { it } from "vitest";
import { createOperationPool } from "../../../adapters/automation/operation-pool.ts";
import { stackName } from "../../../stacks/tenant/program.ts";

it("a worker whose channel breaks costs at most the job that was sent to it", async ({ expect }) => {
  const pool = createOperationPool({
    entry: new URL("../../support/automation/leaving-worker.mjs", import.meta.url),
    size: 1,
    env: {},
    stackName,
    onLost: async () => {},
  });
  const answers = new Set<unknown>();
  for (let asked = 0; answers.size < 5; asked++) {
    expect(asked).toBeLessThan(20);
    const answer = await pool.exportState({ tenantId: "ten_left", stack: "acme" }, false).catch((error: unknown) => error);
    if (typeof answer === "number") {
      answers.add(answer);
    } else {
      expect(answer).toMatchObject({ code: "engine.failed", message: expect.stringContaining("it is tried again") });
    }
  }
  await pool.close();
});

it.for(["text", "nothing", "unknown", "missing", "wrong"])(
  "an answer that can't be read costs its own job alone: %s",
  async (what, { expect }) => {
    const pool = createOperationPool({
      entry: new URL("../../support/automation/babbling-worker.mjs", import.meta.url),
      size: 1,
      env: {},
      stackName,
      onLost: async () => {},
    });
    const ask = (stack: string) => pool.exportState({ tenantId: "ten_1", stack }, false);
    await expect(ask(what)).rejects.toMatchObject({ code: "engine.failed" });
    expect(await ask("sound")).toBe("sound");
    await pool.close();
  },
);
