import { once } from "node:events";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { describe, it, onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import type { AttendedClaw } from "../../../service/agent/attended-claw.ts";
import { watchConfig } from "../../../service/agent/config-check.ts";

/** A claw whose gateway sends these frames to whoever connects, then answers as it should. */
async function aBabblingClaw(frames: readonly (string | Buffer)[], payload: unknown) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => void server.close());
  await once(server, "listening");
  server.on("connection", (socket) => {
    for (const frame of frames) {
      socket.send(frame);
    }
    socket.send(JSON.stringify({ event: "connect.challenge" }));
    socket.on("message", (data) => {
      const { id } = JSON.parse(String(data));
      socket.send(JSON.stringify({ id, ok: true, payload }));
    });
  });
  const told: unknown[] = [];
  const claw = {
    port: (server.address() as AddressInfo).port,
    configCheck: { token: "t", digest: "files-1" },
    onStatus: (listener: (status: AttendedClaw["status"]) => void) => listener({ phase: "Ready" } as AttendedClaw["status"]),
    tellOwnWord: ({ config }: { config: unknown }) => told.push(config),
  } as unknown as AttendedClaw;
  return { claw, told };
}

describe("the question whether a claw uses its configuration", () => {
  it("survives whatever a claw sends", async ({ expect }) => {
    const json = fc.sample(fc.jsonValue({ maxDepth: 2 }), { numRuns: 100, seed: 2026_11_29 }).map((value) => JSON.stringify(value));
    const payloads = [null, 1, "x", [], { issues: 1 }].map((payload) => JSON.stringify({ event: "other", ok: true, payload }));
    const { claw, told } = await aBabblingClaw(["", "{", "null", ...json, ...payloads, Buffer.from([255, 0])], {
      valid: false,
      issues: [null, 1, "x", {}, { path: {}, message: [] }, { path: "model", message: "unknown" }],
    });
    watchConfig(claw);
    await expect.poll(() => told, { timeout: 20_000 }).toHaveLength(1);
    expect(told[0]).toMatchObject({ digest: "files-1", state: "refused", message: expect.stringContaining("model: unknown") });
  });
});
