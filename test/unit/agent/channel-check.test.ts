import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, it, onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import type { AgentStatus } from "../../../sdk/contract/index.ts";
import type { AttendedClaw } from "../../../service/agent/attended-claw.ts";
import { watchChannels } from "../../../service/agent/channel-check.ts";
import { StatusReport } from "../../../service/agent/status-report.ts";

const running = { phase: "Ready", reason: "Started", message: "", specDigest: "d", restarts: 0 } as const;

/** A claw with a gateway that answers so when it is asked of its channels. */
async function aClaw(payload: unknown, channels: readonly string[]) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => void server.close());
  await once(server, "listening");
  server.on("connection", (socket) => {
    socket.send(JSON.stringify({ event: "connect.challenge" }));
    socket.on("message", (data) => {
      const { id } = JSON.parse(String(data));
      socket.send(JSON.stringify({ id, ok: payload !== undefined, payload }));
    });
  });
  const report = new StatusReport({ ...running, phase: "Starting" });
  const claw = {
    port: (server.address() as AddressInfo).port,
    channelCheck: { token: "t", channels },
    onStatus: (listener: (status: AgentStatus) => void) => report.listen(listener),
    tellOwnWord: (word: Parameters<StatusReport["tellOwnWord"]>[0]) => report.tellOwnWord(word),
    get status() {
      return report.current;
    },
  } as unknown as AttendedClaw;
  watchChannels(claw);
  return report;
}

describe("the question which channels of a claw work", () => {
  // As a real OpenClaw 2026.9.6 answers, shortened.
  const started = { enabled: true, configured: true, lastStartAt: 1 };
  const answer = {
    channelAccounts: {
      telegram: [
        { ...started, accountId: "bad", running: false, healthState: "terminal-disconnect", lastError: "bot token unauthorized" },
        { ...started, accountId: "good", running: true, connected: true, lastError: null },
        { ...started, accountId: "off", enabled: false, running: false },
      ],
      irc: [{ ...started, accountId: "default", running: true, connected: false, lastError: null }],
    },
    statusIssues: [],
  };

  it("is answered for each account that is declared and on", async ({ expect }) => {
    const report = await aClaw(answer, ["discord", "irc", "telegram"]);
    expect(report.current.channels).toBeUndefined();
    report.tell(running);
    expect(report.current.channels).toContainEqual({ name: "telegram", state: "starting", message: "" });
    await expect
      .poll(() => report.current.channels, { timeout: 5_000 })
      .toEqual([
        { name: "discord", state: "starting", message: "" },
        { name: "irc", state: "starting", message: "" },
        { name: "telegram/bad", state: "failed", message: "bot token unauthorized" },
        { name: "telegram/good", state: "working", message: "" },
      ]);
    report.tell({ ...running, phase: "Stopping" });
    expect(report.current.channels).toBeUndefined();
  });

  it("survives whatever a claw answers, and one that does not", async ({ expect }) => {
    for (const payload of [
      null,
      { channelAccounts: { telegram: [null, 1, { accountId: {}, lastError: {} }] }, statusIssues: 1 },
      undefined,
    ]) {
      const report = await aClaw(payload, ["telegram"]);
      report.tell(running);
      await new Promise((resolve) => setTimeout(resolve, 800));
      expect(report.current.channels?.every(({ name }) => name.startsWith("telegram"))).toBe(true);
      report.tell({ ...running, phase: "Stopping" });
    }
  });
});
