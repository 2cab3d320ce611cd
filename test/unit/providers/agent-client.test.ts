import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, onTestFinished } from "vitest";
import { callAgent } from "../../../adapters/providers/clusterclaw/agent-client.ts";
import { type ControlResponse, ControlResponseSchema } from "../../../sdk/contract/index.ts";
import { garbageFor } from "../../support/garbage.ts";

/** A run directory whose agent answers the calls with these, one after another. */
async function anAgent(answers: readonly (string | Buffer)[]): Promise<string> {
  const runDir = mkdtempSync(join(tmpdir(), "claw-run-"));
  const socket = join(runDir, "agent.sock");
  writeFileSync(join(runDir, "agent.json"), JSON.stringify({ pid: process.pid, startTime: "1", socket }));
  let calls = 0;
  const server = createServer((connection) => {
    connection.on("error", () => {});
    connection.once("data", () => connection.write(answers[calls++] ?? ""));
  }).listen(socket);
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    rmSync(runDir, { recursive: true, force: true });
  });
  return runDir;
}

describe("a call of an agent", () => {
  it("fails alone when what is answered is no answer", async ({ expect }) => {
    const garbage = garbageFor(ControlResponseSchema)
      .filter((line) => !line.includes("\n"))
      .map((line) => Buffer.concat([Buffer.from(line), Buffer.from("\n")]))
      .filter((line) => !ControlResponseSchema.safeParse(parsed(line)).success);
    const since = new Date(0).toISOString();
    const status = { phase: "Ready" as const, reason: "", message: "", specDigest: "", restarts: 0, since };
    const good: ControlResponse = { id: 1, ok: true, status };
    const runDir = await anAgent([...garbage, `${JSON.stringify(good)}\n`]);
    for (const _ of garbage) {
      await expect(callAgent(runDir, { method: "status" })).rejects.toThrow("answers 'status' with what is no answer of its protocol");
    }
    expect(await callAgent(runDir, { method: "status" })).toEqual(status);
  });

  it("gives up an answer without end", async ({ expect }) => {
    const runDir = await anAgent(["x".repeat(3 * 1024 * 1024)]);
    await expect(callAgent(runDir, { method: "status" })).rejects.toThrow(/answers more than \d+ characters/);
  });
});

function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString());
  } catch {
    return undefined;
  }
}
