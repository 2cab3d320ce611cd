import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { pino } from "pino";
import { describe, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { buildApp } from "../../../../service/http/app.ts";
import { bindPort } from "../../../../service/http/listener.ts";
import { withoutUseCases } from "../../../support/api-options.ts";
import { certificates } from "../../../support/certificates.ts";

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
      accept: async (socket: WebSocket, uid: string, token: string) => {
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

/** What comes back of bytes that are sent as they are. */
async function sendRaw(url: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.write(bytes);
  return text(socket);
}

async function served() {
  const listener = await aPort();
  const app = await buildApp({ log: pino({ level: "silent" }), ...withoutUseCases() });
  onTestFinished(() => app.close());
  listener.serve(app);
  return listener;
}

describe("whoever sends slowly", () => {
  it("holds a connection for a while only: before the headers came, and before all of the request did", async ({ expect }) => {
    const { server, url } = await served();
    const { headersTimeout, requestTimeout } = server;
    expect([headersTimeout, requestTimeout].every((timeout) => timeout > 0 && timeout <= 30_000)).toBe(true);
    server.headersTimeout = 100;
    server.requestTimeout = 200;
    const answers = await Promise.all([
      sendRaw(url, "GET /docs HTTP/1.1\r\nhost: x\r\nx-slow: "),
      sendRaw(url, "POST /api/v1/previews/x/apply HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"),
    ]);
    // The second was refused for want of a token before its body was waited for.
    expect(answers.map((answer) => /"code":"([^"]+)"/.exec(answer)?.[1])).toEqual(["request.malformed", "auth.unauthenticated"]);
    expect(answers[0]).toMatch(/^HTTP\/1\.1 400 [\s\S]*connection: close[\s\S]*did not come whole in time/);
  });
});

describe("what is no request", () => {
  it("is refused with a problem, and the connection closed", async ({ expect }) => {
    const { url } = await served();
    expect(await sendRaw(url, `GET /docs HTTP/1.1\r\nhost: x\r\nx-large: ${"x".repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 413 [\s\S]*application\/problem\+json[\s\S]*"code":"request\.too_large"/,
    );
    expect(await sendRaw(url, "garbage\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"request\.malformed"/);
  });
});

describe("a port with a certificate", () => {
  const files = async () => {
    const dir = await mkdtemp(join(tmpdir(), "claw-tls-"));
    onTestFinished(() => rm(dir, { recursive: true }));
    const tls = { certFile: join(dir, "tls.crt"), keyFile: join(dir, "tls.key") };
    const put = async ({ cert, key }: { cert: string; key: string }) => {
      await writeFile(tls.certFile, cert);
      await writeFile(tls.keyFile, key);
    };
    return { tls, put };
  };
  const ask = (url: string, agent?: Agent) =>
    new Promise<{ name: string; status: number | undefined }>((resolve, reject) => {
      const asked = request(`${url}/readyz`, { rejectUnauthorized: false, ...(agent && { agent }) }, (response) => {
        const { subject } = (response.socket as TLSSocket).getPeerCertificate();
        response.resume().on("end", () => resolve({ name: String(subject.CN), status: response.statusCode }));
      });
      asked.on("error", reject).end();
    });

  it("uses a new one for new connections as soon as its files change, and drops none that is open", async ({ expect }) => {
    const { tls, put } = await files();
    await put(certificates.one);
    const failures: unknown[] = [];
    const listener = await bindPort({ host: "127.0.0.1", port: 0, tls, tlsLookMs: 20, onTlsFailure: (error) => failures.push(error) });
    onTestFinished(listener.close);
    expect(listener.url).toMatch(/^https:/);
    const app = await buildApp({ log: pino({ level: "silent" }), ...withoutUseCases({ probes: { assertReady: async () => {} } }) });
    onTestFinished(() => app.close());
    listener.serve(app);
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => kept.destroy());
    expect(await ask(listener.url, kept)).toEqual({ name: "one.example", status: 200 });
    // Half of a change is none.
    await writeFile(tls.certFile, certificates.two.cert);
    // It may have been looked at while it was being written, too.
    await expect.poll(() => failures.length).toBeGreaterThan(0);
    expect(String(failures[0])).toContain(tls.keyFile);
    expect(await ask(listener.url, new Agent())).toEqual({ name: "one.example", status: 200 });
    await put(certificates.two);
    await expect.poll(() => ask(listener.url, new Agent())).toEqual({ name: "two.example", status: 200 });
    expect(await ask(listener.url, kept)).toEqual({ name: "one.example", status: 200 });
    // Whoever is on this machine needs no certificate, and nobody else is let in that way.
    expect(listener.localUrl).toMatch(/^http:\/\/127\.0\.0\.1:/);
    expect((await fetch(`${listener.localUrl}/readyz`)).status).toBe(200);
  });

  it("is not opened when the two files don't go together", async ({ expect }) => {
    const { tls, put } = await files();
    await put({ cert: certificates.one.cert, key: certificates.two.key });
    await expect(bindPort({ host: "127.0.0.1", port: 0, tls })).rejects.toThrow(
      /CLAW_TLS_CERT \(.*tls\.crt\) and CLAW_TLS_KEY .* can't be used: /,
    );
  });
});
