import { once } from "node:events";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { describe, it, onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { ApiClient } from "../../../adapters/kubernetes/client/api-client.ts";
import { exec } from "../../../adapters/kubernetes/exec.ts";

const PATIENCE = { timeout: 20_000 };

/** A terminal in a pod of a cluster that is played by hand. */
async function aTerminal() {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const connected = once(server, "connection") as Promise<[WebSocket]>;
  const client = new ApiClient({
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    namespace: "",
    options: async () => ({}),
  });
  const terminal = await exec(client, { namespace: "ns", pod: "web-0", container: "claw" }, { command: ["sh"], cols: 80, rows: 24 });
  const [kubelet] = await connected;
  onTestFinished(() => kubelet.terminate());
  return { terminal, kubelet };
}

describe("a terminal in a pod", () => {
  it("goes on whatever the cluster sends", async ({ expect }) => {
    const { terminal, kubelet } = await aTerminal();
    let text = "";
    terminal.onData((data) => {
      text += data;
    });
    const garbage = fc.sample(fc.uint8Array({ maxLength: 20 }), { numRuns: 200, seed: 2026_11_29 });
    for (const bytes of garbage.filter(([channel]) => channel !== 1 && channel !== 2)) {
      kubelet.send(bytes);
    }
    for (const status of ["", "{", "null", "[]", '{"status":1}', '{"details":{"causes":[null]}}']) {
      kubelet.send(`\u0003${status}`);
    }
    kubelet.send("");
    kubelet.send("text");
    kubelet.send(Buffer.from("\u0001still here"));
    await expect.poll(() => text, PATIENCE).toBe("still here");
    let end: unknown;
    terminal.onClose((how) => {
      end = how;
    });
    kubelet.close();
    await expect.poll(() => end, PATIENCE).toEqual({ error: "the cluster ended the terminal with what is no status" });
  });

  it("ends with its own error when a message is too long", async ({ expect }) => {
    const { terminal, kubelet } = await aTerminal();
    const end = new Promise((resolve) => terminal.onClose(resolve));
    kubelet.send(Buffer.alloc(2 * 1024 * 1024, 1));
    expect(await end).toEqual({ error: "Max payload size exceeded" });
  });

  it("is not read while nobody takes what it prints, and goes on where it was", async ({ expect }) => {
    const { terminal, kubelet } = await aTerminal();
    let received = 0;
    let taken = Promise.withResolvers<void>();
    terminal.onData((data) => {
      received += data.length;
      return taken.promise;
    });
    const message = Buffer.alloc(32 * 1024, 1);
    let sent = 0;
    // More than any system keeps between two processes.
    while (sent < 64 * 1024 * 1024) {
      kubelet.send(message);
      sent += message.length - 1;
    }
    await expect.poll(() => received, PATIENCE).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(received).toBeLessThan(256 * 1024);
    expect(kubelet.bufferedAmount).toBeGreaterThan(0);
    taken.resolve();
    taken = { ...taken, promise: Promise.resolve() };
    await expect.poll(() => received, PATIENCE).toBe(sent);
  });
});
