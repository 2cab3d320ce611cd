import { it } from "vitest";
import { createOperationPool } from "../../../adapters/automation/operation-pool.ts";
import { stackName } from "../../../stacks/tenant/program.ts";
import { anOperation } from "../../support/automation/worker-pool.ts";

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
    const answer = await pool.history({ tenantId: "ten_left", stack: "acme" }, 1, 1).catch((error: unknown) => error);
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
    const ask = (stack: string) => pool.history({ tenantId: "ten_1", stack }, 1, 1);
    await expect(ask(what)).rejects.toMatchObject({ code: "engine.failed" });
    expect(await ask("sound")).toBe("sound");
    await pool.close();
  },
);

it("a tenant with much waiting keeps nobody else from running, and no more of it waits than can be waited for", async ({ expect }) => {
  const pool = createOperationPool({
    entry: new URL("../../support/automation/babbling-worker.mjs", import.meta.url),
    size: 1,
    env: {},
    stackName,
    onLost: async () => {},
  });
  const order: unknown[] = [];
  const run = async (tenantId: string) => order.push(await pool.preview(anOperation(tenantId, "/nowhere", [])));
  const many = Array.from({ length: 100 }, () => run("ten_many"));
  await expect(run("ten_many")).rejects.toMatchObject({ code: "request.rate_limited" });
  await Promise.all([...many, run("ten_one")]);
  expect(order.indexOf("ten_one")).toBeLessThan(3);
  expect(order).toHaveLength(101);
  await pool.close();
});
