import { setTimeout as delay } from "node:timers/promises";
import { describe, it } from "vitest";
import { explain } from "../../../sdk/cli/mcp/explain.ts";
import { runCli } from "../../support/cli.ts";

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "0" } },
};
const lines = (...frames: unknown[]) => frames.map((frame) => `${typeof frame === "string" ? frame : JSON.stringify(frame)}\n`);

describe("claw mcp", () => {
  it("writes nothing but the protocol to stdout, survives garbage, and ends when stdin ends", async ({ expect }) => {
    const garbage = [
      "",
      "{",
      "null",
      "[]",
      '"x"',
      '{"jsonrpc":"1.0"}',
      '{"jsonrpc":"2.0","id":{},"method":1}',
      "\u0000\ufffd",
      "x".repeat(100_000),
    ];
    const answered = Promise.withResolvers<void>();
    async function* typed() {
      yield* lines(...garbage, initialize, ...garbage);
      await answered.promise;
    }
    const { code, stdout } = await runCli(["mcp"], {
      stdin: typed(),
      url: "http://127.0.0.1:1",
      onStdout: (text) => text.includes('"id":1') && answered.resolve(),
    });
    expect(code).toBe(0);
    const frames = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(frames.every(({ jsonrpc }) => jsonrpc === "2.0")).toBe(true);
    expect(frames).toContainEqual(
      expect.objectContaining({ id: 1, result: expect.objectContaining({ serverInfo: expect.objectContaining({ name: "claw" }) }) }),
    );
  });

  it("ends on Ctrl-C", async ({ expect }) => {
    const interrupt = new AbortController();
    const running = runCli(["mcp"], { url: "http://127.0.0.1:1", signal: interrupt.signal, stdin: endless() });
    await delay(100);
    interrupt.abort();
    expect((await running).code).toBe(130);
  });

  const meanings: [term: string, text: string][] = [
    ["CrashLoop", "it is started with growing delays"],
    ["configsynced", "its claw runs with it"],
    ["tenant.quota_exceeded", "Ask for less"],
    ["TenantQuotaExceeded", "Ask for less"],
    ["ClawInstance.spec.drift", '"adopt"'],
    ["ClawInstance.spec.config.overrides.key", '"string"'],
    ["ClawInstance.status.phase", '"Destroyed"'],
    ["ConfigTemplate", '"spec"'],
  ];
  it.for(meanings)("explains %s", async ([term, text], { expect }) => {
    expect(JSON.stringify(await explain(term))).toContain(text);
  });
});

/** A stdin that stays open. */
async function* endless(): AsyncGenerator<string> {
  yield* lines(initialize);
  await delay(600_000, undefined, { ref: false });
}
