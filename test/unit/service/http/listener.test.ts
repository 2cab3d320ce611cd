import { once } from "node:events";
import { pino } from "pino";
import { describe, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { buildApp } from "../../../../service/http/app.ts";
import { bindPort } from "../../../../service/http/listener.ts";
import { withoutUseCases } from "../../../support/api-options.ts";

async function aPort() {
  const listener = await bindPort({ host: "127.0.0.1", port: 0 });
  onTestFinished(listener.close);
  return listener;
}

describe("a port that nothing is served on yet", () => {
  it("tells whoever comes to come again soon, with a problem", async ({ expect }) => {
    const { url } = await aPort();
    for (const path of ["/readyz", "/api/v1/instances"]) {
      const answer = await fetch(`${url}${path}`, { headers: { authorization: "Bearer x" } });
      expect([answer.status, answer.headers.get("retry-after"), answer.headers.get("content-type")]).toEqual([
        503,
        "1",
        "application/problem+json",
      ]);
      expect(await answer.json()).toMatchObject({ code: "service.unavailable", retryable: true });
    }
  });

  it("refuses an agent in a way that it dials again after", async ({ expect }) => {
    const { url } = await aPort();
    const socket = new WebSocket(`${url.replace("http", "ws")}/agent/v1?instance=ins_1`);
    const [error] = await once(socket, "error");
    expect(error.message).toBe("Unexpected server response: 503");
  });

  it("serves those who come later once there is an application", async ({ expect }) => {
    const listener = await aPort();
    const accepted: string[] = [];
    const hub = {
      accept: (socket: WebSocket, uid: string, token: string) => {
        accepted.push(`${uid} ${token}`);
        socket.close(1000);
      },
    };
    const assertReady = async () => {};
    const app = await buildApp({
      log: pino({ level: "silent" }),
      ...withoutUseCases({ probes: { assertReady }, agents: { hub } }),
    });
    listener.serve(app);
    expect((await fetch(`${listener.url}/readyz`)).status).toBe(200);
    const socket = new WebSocket(`${listener.url.replace("http", "ws")}/agent/v1?instance=ins_1`, {
      headers: { authorization: "Bearer mine" },
    });
    await once(socket, "close");
    expect(accepted).toEqual(["ins_1 mine"]);
    await app.close();
  });

  it("is told of when it is somebody else's", async ({ expect }) => {
    const { url } = await aPort();
    const port = Number(new URL(url).port);
    await expect(bindPort({ host: "127.0.0.1", port })).rejects.toThrow(`port ${port} is in use; set CLAW_PORT to another`);
  });
});

describe("whoever sends slowly", () => {
  it("holds a connection for a while only: before the headers came, and before all of the request did", async ({ expect }) => {
    const { headersTimeout, requestTimeout } = (await aPort()).server;
    expect([headersTimeout, requestTimeout].every((timeout) => timeout > 0 && timeout <= 30_000)).toBe(true);
  });
});
