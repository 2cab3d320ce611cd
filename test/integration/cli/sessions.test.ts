// One file, though a long one: all that a terminal is joined to an instance by, on one service with one claw.
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { z } from "zod";
import { Claw, UserAbortError } from "../../../sdk/client/index.ts";
import {
  CHANNEL_WINDOW,
  FRAME_BYTES_MAX,
  type InstanceId,
  STREAMS_PER_TENANT_MAX,
  type Stream,
  webSockets,
} from "../../../sdk/contract/index.ts";
import { aToken } from "../../support/access.ts";
import { until } from "../../support/agent/harness.ts";
import { playAgent, settled } from "../../support/agent/played-agent.ts";
import { aClusterManifest } from "../../support/builders/cluster.ts";
import { anEcho } from "../../support/builders/manifests.ts";
import { type CliResult, runCli } from "../../support/cli.ts";
import { garbageFor } from "../../support/garbage.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await claw(["tenants", "create", "acme"]);
  const { code, stderr } = await claw(["create", "web", "--type", "Echo", "--wait"]);
  if (code !== 0) {
    throw new Error(stderr);
  }
  // On a cluster that does not answer: anywhere else an agent would be there sooner or later.
  await service.claw().clusters.create(aClusterManifest("down"));
  await service.claw("acme").instances.create(anEcho("idle", { placement: { cluster: "down" } }));
});

afterAll(() => service?.stop());

function claw(argv: readonly string[], options: Parameters<typeof runCli>[1] = {}): Promise<CliResult> {
  return runCli(argv, { ...options, url: service.url, env: { CLAW_TOKEN: service.adminToken } });
}

describe("claw console", () => {
  it("runs what is typed inside the instance, and ends with its shell", async ({ expect }) => {
    const { code, stdout } = await claw(["console", "web"], { stdin: "echo $((6 * 7))-from-inside\nexit\n" });
    expect(stdout).toContain("42-from-inside");
    expect(code).toBe(0);
  });

  it("ends with what is piped into it", async ({ expect }) => {
    const { code, stdout } = await claw(["console", "web"], { stdin: "echo $((6 * 7))-piped\n" });
    expect(stdout).toContain("42-piped");
    expect(code).toBe(0);
  });
});

describe("claw connect", () => {
  it("carries requests of this machine to the instance's port", async ({ expect }) => {
    const interrupt = new AbortController();
    let health: Promise<unknown> | undefined;
    const { code } = await claw(["connect", "web"], {
      signal: interrupt.signal,
      onStdout: (url) => {
        health = fetch(new URL("/healthz", url.trim()), { headers: { connection: "close" } })
          .then((response) => response.status)
          .finally(() => interrupt.abort());
      },
    });
    expect(await health).toBe(200);
    expect(code).toBe(130);
  });
});

describe("claw logs -f", () => {
  it("prints lines as they are written, until interrupted", async ({ expect }) => {
    const interrupt = new AbortController();
    const { code, stdout } = await claw(["logs", "web", "-f"], {
      signal: interrupt.signal,
      onStdout: () => interrupt.abort(),
    });
    expect(stdout).toContain("listening");
    expect(code).toBe(130);
  });
});

describe("GET /metrics", () => {
  it("tells what streams are open and what was sent over them, by what they are", async ({ expect }) => {
    const read = async () => {
      const response = await fetch(`${service.url}/metrics`, { headers: { authorization: `Bearer ${service.adminToken}` } });
      const told = [...(await response.text()).matchAll(/^(claw_stream\w+)\{kind="logs"\} (\d+)$/gm)];
      return Object.fromEntries(told.map(([, name, count]) => [name, Number(count)])) as Record<string, number>;
    };
    // Those of tests before end on their own time.
    const before = await eventually(read, (now) => (now["claw_streams_open"] ?? 0) === 0);
    const socket = await dial("/instances/web/logs/stream");
    await once(socket, "message");
    await once(socket, "message");
    const { claw_streams_open: open, claw_streams_opened_total: opened = 0, claw_stream_frames_total: sent = 0 } = await read();
    expect(open).toBe(1);
    expect(opened).toBe((before["claw_streams_opened_total"] ?? 0) + 1);
    expect(sent).toBeGreaterThan(before["claw_stream_frames_total"] ?? 0);
    socket.close();
    await once(socket, "close");
    await eventually(read, (now) => now["claw_streams_open"] === 0);
  });
});

describe("a stream that is refused", () => {
  it("says why: nobody is there to answer", async ({ expect }) => {
    const { code, stderr } = await claw(["logs", "idle", "-f"]);
    expect(code).toBe(1);
    expect(stderr).toContain("instance.unreachable");
  });
});

describe("sessions with an instance that is not there or does not run", () => {
  it.for([
    ["chat", "gone", "hi"],
    ["logs", "gone", "-f"],
    ["console", "gone"],
    ["connect", "gone"],
  ])("exit with 3: claw %s %s", async (argv, { expect }) => {
    expect((await claw(argv)).code).toBe(3);
  });
});

/** A stream of the service, by hand; asked for again while there is none, since an agent that has just come may not be known yet. */
async function dial(path: string): Promise<WebSocket> {
  const dialled = await eventually(
    async () => {
      const socket = new WebSocket(`${service.url.replace("http", "ws")}/api/v1${path}`, {
        headers: { authorization: `Bearer ${service.adminToken}`, "x-claw-tenant": "acme" },
      });
      onTestFinished(() => socket.terminate());
      socket.on("error", () => {});
      // A refusal comes right after the opening: what the socket is by now does not say that there was none.
      const opened = await Promise.race([once(socket, "open").then(() => true), once(socket, "close").then(() => false)]).catch(
        () => false,
      );
      return { opened, socket: () => socket };
    },
    ({ opened }) => opened,
    30_000,
  );
  return dialled.socket();
}

async function ended(socket: WebSocket): Promise<string> {
  const [code, reason] = await once(socket, "close");
  return `${code} ${reason}`;
}

describe("a stream that is sent what it does not take", () => {
  it.for(Object.entries(webSockets) as [keyof typeof webSockets, Stream][])(
    "ends alone, and says what it takes: %s",
    async ([name, stream], { expect }) => {
      const path = stream.path.replace(":id", "web");
      const sound = await dial("/instances/web/console/stream");
      const bytesAreDue = name === "console" || name === "connect";
      const garbage = garbageFor(stream.receives ?? z.never()).filter((frame) => typeof frame === "string" || !bytesAreDue);
      const some = garbage.filter((_, index) => index % Math.ceil(garbage.length / 12) === 0);
      for (const frame of some) {
        const socket = await dial(path);
        const answer = name === "stream" ? once(socket, "message").then(([data]) => JSON.parse(String(data)).type) : ended(socket);
        socket.send(frame);
        expect(await answer).toMatch(name === "stream" ? /^error$/ : /^4422 request.invalid: a frame can't be read: this stream takes/);
        socket.close();
      }
      const huge = await dial(path);
      huge.send(Buffer.alloc(2 * FRAME_BYTES_MAX));
      expect(await ended(huge)).toMatch(/^1009/);
      let text = "";
      sound.on("message", (data) => {
        text += data;
      });
      sound.send(Buffer.from("echo $((6 * 7))-still-here\n"));
      await until(
        () => text.includes("42-still-here"),
        () => `the other stream goes on: ${text}`,
      );
    },
  );
});

describe("a stream as server-sent events", () => {
  const headers = () => ({ authorization: `Bearer ${service.adminToken}`, "x-claw-tenant": "acme" });
  /** The items of a stream, until one passes. */
  const read = async (path: string, passes: (item: { type: string; position?: string }) => boolean, more: Record<string, string> = {}) => {
    const response = await fetch(`${service.url}/api/v1${path}`, { headers: { ...headers(), ...more } });
    const events: { id: string | undefined; data: { type: string; lines?: string[]; position?: string } }[] = [];
    for await (const text of linesOf(response)) {
      const id = /^id: (.*)$/.exec(text)?.[1];
      const data = /^data: (.*)$/.exec(text)?.[1];
      if (id !== undefined) {
        events.push({ id, data: { type: "" } });
      } else if (data !== undefined) {
        const event = { id: events.at(-1)?.data.type === "" ? events.pop()?.id : undefined, data: JSON.parse(data) };
        // They come at the beginning and in between, whenever it is their time.
        if (event.data.type !== "heartbeat") {
          events.push(event);
        }
        if (passes(event.data)) {
          return { events, type: response.headers.get("content-type") };
        }
      }
    }
    return { events, type: response.headers.get("content-type") };
  };
  async function* linesOf({ body }: Response) {
    let rest = "";
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  }

  it("gives a log, and what follows the last event's id", async ({ expect }) => {
    const { events, type } = await read("/instances/web/logs/stream", ({ type: itemType }) => itemType === "lines");
    expect(type).toBe("text/event-stream; charset=utf-8");
    const [first] = events;
    expect(first?.data.lines?.join("\n")).toContain("listening");
    expect(first?.id).toBe(first?.data.position);
    const next = read("/instances/web/logs/stream", ({ type: itemType }) => itemType === "lines", { "last-event-id": first?.id ?? "" });
    const { uid } = (await service.claw("acme").instances.get("web")).metadata;
    appendFileSync(join(service.dataDir, "run", uid, "logs", "claw.log"), "only this\n");
    expect((await next).events.map(({ data }) => data.lines)).toEqual([["only this"]]);
  });

  it("gives how an instance is, with what it takes", async ({ expect }) => {
    const { events } = await read("/instances/web/metrics/stream", ({ type }) => type === "metrics");
    expect(events[0]?.data).toMatchObject({ type: "metrics", phase: "Running", ready: true, restarts: 0 });
  });

  it.for([
    ["/instances/gone/logs/stream", {}, 404],
    ["/instances/idle/logs/stream", {}, 503],
    ["/instances/web/logs/stream", { "last-event-id": "no position" }, 422],
    ["/instances/web/logs/stream", { authorization: "Bearer no" }, 401],
  ] as const)("is refused as any request is: %s %o", async ([path, more, status], { expect }) => {
    const response = await fetch(`${service.url}/api/v1${path}`, { headers: { ...headers(), ...more } });
    expect([response.status, response.headers.get("content-type")]).toEqual([status, expect.stringContaining("application/problem+json")]);
  });
});

describe("instances that are watched together", () => {
  it("are told with each change and each end within a second, those alone that one may see and has asked for", async ({ expect }) => {
    const acme = service.claw("acme");
    await acme.projects.create({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "lab" } });
    const reader = new Claw({
      url: service.url,
      token: await aToken(acme, { name: "lab-reader", role: "viewer", at: { project: "lab" } }),
      tenant: "acme",
    });
    const stop = new AbortController();
    const seen = { all: [] as string[], lab: [] as string[], red: [] as string[] };
    const follow = async (claw: Claw, list: string[], labelSelector?: string) => {
      for await (const change of claw.instances.watchAll({ labelSelector, signal: stop.signal })) {
        list.push(
          change.type === "instances"
            ? change.items.map(({ metadata, spec }) => `${metadata.name}=${JSON.stringify(metadata.labels)}${spec.running}`).join()
            : change.type,
        );
      }
    };
    const following = [follow(acme, seen.all), follow(reader, seen.lab), follow(acme, seen.red, "team=red")].map((each) =>
      each.catch((error: unknown) => expect(error).toBeInstanceOf(UserAbortError)),
    );
    await until(
      () => Object.values(seen).every((list) => list.includes("synced")),
      () => JSON.stringify(seen),
      10_000,
    );
    expect(seen.all.join()).toMatch(/idle=.*web=/);
    expect([seen.lab, seen.red]).toEqual([["synced"], ["synced"]]);
    const manifest = (labels: object) => anEcho("watched", { running: false }, { project: "lab", labels });
    await acme.instances.create(manifest({ team: "red" }));
    const made = 'watched={"team":"red"}false';
    await until(
      () => Object.values(seen).every((list) => list.some((each) => each.includes(made))),
      () => JSON.stringify(seen),
      3_000,
    );
    await acme.instances.replace("watched", manifest({ team: "blue" }));
    await until(
      () => seen.red.includes("gone") && seen.lab.join().includes("blue"),
      () => JSON.stringify(seen),
      3_000,
    );
    await acme.instances.delete("watched");
    await until(
      () => seen.lab.includes("gone") && seen.all.includes("gone"),
      () => JSON.stringify(seen),
      20_000,
    );
    expect(seen.lab.join()).not.toContain("web");
    stop.abort();
    await Promise.all(following);
  });

  it.for([
    ["?labelSelector=%2C%2C", {}, 422],
    ["?tenant=nobody", {}, 404],
    ["", { authorization: "Bearer no" }, 401],
  ] as const)("are refused as a list is: %s %o", async ([query, more, status], { expect }) => {
    const response = await fetch(`${service.url}/api/v1/watch/instances${query}`, {
      headers: { authorization: `Bearer ${service.adminToken}`, ...(query.includes("tenant") ? {} : { "x-claw-tenant": "acme" }), ...more },
    });
    expect([response.status, response.headers.get("content-type")]).toEqual([status, expect.stringContaining("application/problem+json")]);
  });
});

describe("a WebSocket that a page opens", () => {
  it.for([
    ["http://evil.example", 403],
    ["null", 403],
  ] as const)("is refused to pages of other origins: %s", async ([origin, status], { expect }) => {
    const socket = new WebSocket(`${service.url.replace("http", "ws")}/api/v1/instances/web/logs/stream`, {
      origin,
      headers: { authorization: `Bearer ${service.adminToken}`, "x-claw-tenant": "acme" },
    });
    const [, response] = await once(socket, "unexpected-response");
    expect(response.statusCode).toBe(status);
  });

  it("is open to those of its own", async ({ expect }) => {
    const socket = new WebSocket(`${service.url.replace("http", "ws")}/api/v1/instances/web/logs/stream`, {
      origin: service.url,
      headers: { authorization: `Bearer ${service.adminToken}`, "x-claw-tenant": "acme" },
    });
    await once(socket, "open");
    const [data] = await once(socket, "message");
    expect(["lines", "heartbeat"]).toContain(JSON.parse(String(data)).type);
    socket.terminate();
  });
});

describe("a stream between two of which one does not read", () => {
  /** A connection through an agent that is played by hand, which grants so much. */
  const played = async (agent: Awaited<ReturnType<typeof playAgent>>, credit: number) => {
    const dialling = dial("/instances/idle/connect");
    const channel = await agent.accept(credit);
    return { channel, user: await dialling };
  };
  const agentOfIdle = async () => {
    const { metadata } = await service.claw("acme").instances.get("idle");
    return playAgent(service, metadata.uid as InstanceId);
  };
  const goesOn = async (agent: Awaited<ReturnType<typeof playAgent>>, { user, channel }: Awaited<ReturnType<typeof played>>) => {
    const answer = once(user, "message");
    user.send(Buffer.from("ping"));
    await until(() => channel.received() === 8, "the agent gets it");
    agent.send({ type: "data", id: channel.id, data: Buffer.from("pong").toString("base64") });
    return String((await answer)[0]);
  };

  it("holds the instance back when it is the user, and no other stream of the instance", async ({ expect }) => {
    const agent = await agentOfIdle();
    const stuck = await played(agent, CHANNEL_WINDOW);
    let received = 0;
    stuck.user.on("message", (data: Buffer) => {
      received += data.length;
    });
    stuck.user.pause();
    const piece = Buffer.alloc(48 * 1024);
    let sent = 0;
    const pour = () => {
      for (const data = piece.toString("base64"); (sent / 3) * 4 + data.length <= stuck.channel.granted(); sent += piece.length) {
        agent.send({ type: "data", id: stuck.channel.id, data });
      }
      return sent;
    };
    // The systems on the way keep some; then no more is granted, and what the service holds is no more than a window.
    const poured = await settled(pour);
    expect(await goesOn(agent, await played(agent, CHANNEL_WINDOW))).toBe("pong");
    expect(pour()).toBe(poured);
    stuck.user.resume();
    await until(
      () => received === sent,
      () => `all arrives: ${received} of ${sent}`,
    );
    expect(pour()).toBeGreaterThan(poured);
  });

  it("holds the user back when it is the instance, and no other stream of the instance", async ({ expect }) => {
    const agent = await agentOfIdle();
    const stuck = await played(agent, CHANNEL_WINDOW);
    const piece = Buffer.alloc(256 * 1024);
    for (let sent = 0; sent < 64 * 1024 * 1024; sent += piece.length) {
      stuck.user.send(piece);
    }
    const waiting = await settled(() => stuck.user.bufferedAmount);
    expect(waiting).toBeGreaterThan(0);
    // A frame that was begun with credit left is the last.
    expect(stuck.channel.received()).toBeLessThan(CHANNEL_WINDOW * 1.5);
    expect(await goesOn(agent, await played(agent, CHANNEL_WINDOW))).toBe("pong");
    agent.send({ type: "credit", id: stuck.channel.id, credit: 2 ** 30 });
    await until(() => stuck.channel.received() >= (64 * 1024 * 1024 * 4) / 3, "all arrives", 120_000);
  });
});

describe("a session with an instance", () => {
  it("is its user's own, whatever it is called; a shared one is everybody's who may share", async ({ expect }) => {
    const acme = service.claw("acme");
    const { metadata } = await acme.instances.get("idle");
    const agent = await playAgent(service, metadata.uid as InstanceId);
    await acme.roles.create({
      apiVersion: "clusterclaw.io/v1",
      kind: "Role",
      metadata: { name: "talker" },
      spec: { permissions: ["instances.read", "instances.chat"] },
    });
    const tokens = [
      await aToken(acme, { name: "ann", role: "developer" }),
      await aToken(acme, { name: "ben", role: "developer" }),
      await aToken(acme, { name: "cid", role: "talker" }),
    ];
    const sessionOf = async (token: string | undefined, session: string) => {
      const ask = () =>
        fetch(`${service.url}/api/v1/instances/idle/stream`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify({ type: "message", text: "hi", session, turn: "turn-of-mine" }),
        });
      const asking = eventually(ask, ({ status }) => status !== 503, 30_000);
      const refused = await Promise.race([asking.then(({ status }) => status), agent.accept(CHANNEL_WINDOW)]);
      if (typeof refused === "number") {
        return refused;
      }
      agent.send({ type: "data", id: refused.id, data: JSON.stringify({ type: "delta", text: "yes", seq: 1 }) });
      agent.send({ type: "data", id: refused.id, data: JSON.stringify({ type: "done", seq: 2 }) });
      agent.send({ type: "close", id: refused.id });
      const response = await asking;
      expect(await response.text()).toMatch(
        /id: 1\ndata: \{"type":"delta","text":"yes","seq":1\}\n\nid: 2\n[\s\S]*data: \{"type":"end"\}$/m,
      );
      return (refused.open as { session: string }).session;
    };
    const [ann, ben, cid] = tokens;
    const own = await sessionOf(ann, "notes");
    expect(await sessionOf(ann, "notes")).toBe(own);
    expect(await sessionOf(ben, "notes")).not.toBe(own);
    // Nobody gets into another's by naming it as the claw does.
    expect(await sessionOf(ben, String(own))).not.toBe(own);
    const shared = await sessionOf(ann, "shared:team");
    expect(await sessionOf(ben, "shared:team")).toBe(shared);
    expect(await sessionOf(ben, String(shared))).not.toBe(shared);
    expect(await sessionOf(cid, "shared:team")).toBe(403);

    // Whoever comes back, on whichever device, finds the sessions that can be gone on with.
    const listed = async (token: string | undefined) => {
      const { items } = await new Claw({ url: service.url, token, tenant: "acme" }).instances.chatSessions("idle");
      return items.map(({ name }) => name);
    };
    expect(await listed(ann)).toEqual(["shared:team", "notes"]);
    expect(await listed(ben)).toEqual([String(shared), "shared:team", String(own), "notes"]);
    expect(await listed(cid)).toEqual([]);
  });
});

describe("what of streams is kept", () => {
  it("is a session that was opened, and none that was refused", async ({ expect }) => {
    const instances = service.claw("acme").instances;
    await instances.create(anEcho("still", { running: false }));
    expect(await ended(await dial("/instances/still/stream"))).toMatch(/^4409 instance.not_running/);
    expect(await ended(await dial("/instances/still/connect"))).toMatch(/^4409 instance.not_running/);
    const chat = await dial("/instances/web/stream");
    chat.send(JSON.stringify({ type: "message", text: "hello" }));
    await once(chat, "message");
    const reasonsOf = async (name: string) => (await instances.events(name)).items.map(({ reason }) => reason);
    expect(await reasonsOf("still")).not.toEqual(expect.arrayContaining([expect.stringMatching(/ChatOpened|Connected/)]));
    expect(await reasonsOf("web")).toContain("ChatOpened");
  });

  it("is no more than a tenant may have open", async ({ expect }) => {
    const open: WebSocket[] = [];
    for (let count = 0; count < STREAMS_PER_TENANT_MAX; count++) {
      open.push(await dial("/instances/web/stream"));
    }
    expect(await ended(await dial("/instances/web/stream"))).toBe(
      "4429 tenant.too_many_streams: tenant 'acme' has 256 streams open, which is the limit; close some",
    );
    open[0]?.close();
    await once(open[0] as WebSocket, "close");
    const hasPlace = async () => {
      const next = await dial("/instances/web/stream");
      next.send("?");
      return Promise.race([once(next, "message").then(() => true), once(next, "close").then(() => false)]);
    };
    await until(hasPlace, "there is a place again");
  });
});
