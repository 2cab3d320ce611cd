import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, it } from "vitest";
import { CHANNEL_WINDOW, ControlRequestSchema, ControlResponseSchema, parseJson, ServerFrameSchema } from "../../../sdk/contract/index.ts";
import { TestControlPlane } from "../../support/agent/control-plane.ts";
import { aHost, aSpec, isRunning, type SpecChanges, TestAgent, until } from "../../support/agent/harness.ts";
import { freePort } from "../../support/free-port.ts";
import { garbageFor } from "../../support/garbage.ts";

async function connected(changes: SpecChanges = {}, port = 0) {
  const plane = await TestControlPlane.start({ port });
  const agent = await TestAgent.start(aSpec(aHost(), { agentUrl: plane.url, ...changes }));
  const status = await agent.reaches("Ready");
  await plane.said("hello");
  return { plane, agent, status };
}
const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("agent uplink", () => {
  it("presents its token, says hello and reports each change", async ({ expect }) => {
    const { plane, agent, status } = await connected();
    expect(plane.tokens).toEqual(["Bearer agent-s3cret"]);
    expect(plane.frames[0]).toMatchObject({ type: "hello", instanceUid: "ins_test", protocol: 1 });
    await until(() => plane.frames.some((frame) => frame.type === "status" && frame.status.phase === "Ready"), "Ready is reported");
    await agent.call("stop");
    expect(isRunning(status.pid)).toBe(false);
    await agent.ended();
    expect(plane.frames.at(-1)).toMatchObject({ type: "status", status: { phase: "Stopped", lastExitCode: 0 } });
  });

  it("says that the claw is stopped though it is only just connecting", async ({ expect }) => {
    const plane = await TestControlPlane.start();
    const agent = await TestAgent.start(aSpec(aHost(), { agentUrl: plane.url, running: false }));
    await agent.ended();
    expect(plane.frames).toMatchObject([{ type: "hello", status: { phase: "Stopped" } }]);
  });

  it("ends a stopped claw's agent though no control plane is there to be told", async ({ expect }) => {
    const agent = await TestAgent.start(aSpec(aHost()));
    await agent.reaches("Ready");
    await agent.call("stop");
    await agent.ended();
    expect(agent.child.exitCode).toBe(0);
  });

  it("dials again until the control plane is back, and the claw never notices", async ({ expect }) => {
    const port = await freePort();
    const { plane, agent, status } = await connected({}, port);
    plane.stop();
    await delay(1_000);
    const next = await TestControlPlane.start({ port });
    expect(await next.said("hello")).toMatchObject({ status: { phase: "Ready", pid: status.pid, restarts: 0 } });
    expect(isRunning(agent.child.pid)).toBe(true);
  });

  it("goes on whatever it is sent: what can't be read ends the channel that it names", async ({ expect }) => {
    const { plane, agent } = await connected();
    const named = plane.open({ channel: "tcp" }, CHANNEL_WINDOW);
    const sound = plane.open({ channel: "tcp" }, CHANNEL_WINDOW);
    await until(() => named.credit > 0 && sound.credit > 0, "both are open");
    for (const garbage of garbageFor(ServerFrameSchema, named.id)) {
      plane.socket?.send(garbage);
    }
    // Out of order: of channels that never were, and of one that has ended.
    for (const id of [named.id, "never"]) {
      plane.send({ type: "data", id, data: "x" });
      plane.send({ type: "credit", id, credit: 1 });
      plane.send({ type: "resize", id, cols: 1, rows: 1 });
      plane.send({ type: "close", id });
    }
    sound.send(base64("GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
    expect(await sound.ended()).not.toHaveProperty("error");
    expect(sound.text).toContain('{"ready":true}');
    expect(named.end).toMatchObject({ error: "the control plane sent what the agent can't read" });
    expect([plane.connections, (await agent.call("status")).phase]).toEqual([1, "Ready"]);
  });

  it("stores what is delivered and has its claw run with it: as it is, or started anew where that is needed", async ({ expect }) => {
    const { plane, agent, status } = await connected();
    const spec = JSON.parse(readFileSync(`${agent.runDir}/process.json`, "utf8"));
    const hot = { ...spec, configDigest: "files-2", specDigest: "hot" };
    await plane.deliver({ spec: hot, files: { "sub/config.json": "{}" } });
    await plane.stored("hot");
    expect(readFileSync(`${spec.dirs.configDir}/sub/config.json`, "utf8")).toBe("{}");
    await until(async () => (await agent.call("status")).specDigest === "hot", "the claw runs with it");
    expect((await agent.call("status")).pid).toBe(status.pid);
    // As the operation of the engine does that follows.
    await agent.call("apply", hot);
    expect((await agent.reaches("Ready")).pid).toBe(status.pid);
    const cold = { ...hot, runtime: { ...hot.runtime, env: { ...hot.runtime.env, MORE: "1" } }, specDigest: "cold" };
    await plane.deliver({ spec: cold, files: {} });
    await plane.stored("cold");
    await until(async () => (await agent.call("status")).specDigest === "cold", "the claw runs with it");
    const restarted = await agent.reaches("Ready");
    expect(restarted.pid).not.toBe(status.pid);
    await agent.call("apply", cold);
    await delay(500);
    expect(await agent.call("status")).toMatchObject({ pid: restarted.pid, restarts: 0 });
  });

  it("says why it can't store what is delivered, and keeps what it has", async ({ expect }) => {
    const { plane, agent } = await connected();
    const spec = JSON.parse(readFileSync(`${agent.runDir}/process.json`, "utf8"));
    await plane.deliver({ spec: { ...spec, instanceUid: "ins_other", specDigest: "other" }, files: {} });
    await until(
      () => plane.frames.some((frame) => frame.type === "status" && frame.status.unstored?.digest === "other"),
      "it says that it was not stored",
    );
    expect(await agent.call("status")).toMatchObject({ stored: spec.specDigest, unstored: { message: "it is not for this claw" } });
    // Nothing that was not pulled is taken.
    plane.send({ type: "handing", digest: "unasked", content: JSON.stringify({ spec: { ...spec, specDigest: "unasked" }, files: {} }) });
    plane.send({ type: "notice", digest: spec.specDigest });
    await delay(300);
    expect(await agent.call("status")).toMatchObject({ stored: spec.specDigest, phase: "Ready" });
  });

  it("ends a channel that is opened a second time", async ({ expect }) => {
    const { plane } = await connected();
    const tcp = plane.open({ channel: "tcp" });
    plane.send({ type: "open", id: tcp.id, open: { channel: "tcp" } });
    expect(await tcp.ended()).toMatchObject({ error: `channel '${tcp.id}' is open already` });
  });
});

describe("agent channels", () => {
  it("sends the last lines of the log and what follows", async ({ expect }) => {
    const { plane, agent, status } = await connected({ env: { CHATTY_BYTES: "1000" } });
    const tail = plane.open({ channel: "logs", tailLines: 2, follow: false });
    expect(await tail.ended()).not.toHaveProperty("error");
    expect(tail.data.join("")).toBe(`${"x".repeat(99)}\n`.repeat(2));
    const follow = plane.open({ channel: "logs", tailLines: 0, follow: true });
    // Channels are opened in order: once the next one ends, this one follows.
    await plane.open({ channel: "logs", tailLines: 0, follow: false }).ended();
    process.kill(status.pid ?? 0, "SIGTERM");
    await until(() => follow.data.join("").includes("stopping"), "the claw's words arrive");
    follow.close();
    await agent.reaches("Ready");
    expect(follow.end).toBeUndefined();
  });

  it("ends a log that is followed when the claw is stopped, with its last words", async ({ expect }) => {
    const { plane, agent } = await connected();
    const follow = plane.open({ channel: "logs", tailLines: 0, follow: true });
    await plane.open({ channel: "logs", tailLines: 0, follow: false }).ended();
    await agent.call("stop");
    expect(await follow.ended()).not.toHaveProperty("error");
    expect(follow.data.join("")).toBe("stopping\n");
  });

  it("streams a chat turn and its token usage", async ({ expect }) => {
    const { plane } = await connected();
    const chat = plane.open({ channel: "chat", message: "hello there", session: "s1" });
    await chat.ended();
    expect(chat.data.map((data) => JSON.parse(data))).toEqual([
      { type: "delta", text: "s1: " },
      { type: "delta", text: "hello " },
      { type: "delta", text: "there" },
      { type: "done", usage: { inputTokens: 3, outputTokens: 4, totalTokens: 7 } },
    ]);
  });

  it("aborts a chat turn when its channel closes", async () => {
    const { plane, agent } = await connected({ env: { WORD_MS: "10000" } });
    const chat = plane.open({ channel: "chat", message: "one two three four five six seven", session: "s1" });
    await until(() => chat.data.length > 0, "it begins");
    chat.close();
    await until(() => agent.log().includes("chat aborted"), "the claw sees the abort");
  });

  it("goes on with a named turn that broke off, and asks the claw once; what was left is stopped", async ({ expect }) => {
    const { plane, agent } = await connected({ env: { WORD_MS: "100" } });
    const message = "a b c d e f g h i j k l m n o p";
    const open = { channel: "chat", message, session: "s1", turn: "turn-0001" } as const;
    const first = plane.open(open, CHANNEL_WINDOW);
    await until(() => first.data.length > 3, "it begins");
    plane.socket?.terminate();
    const seen = first.data.map((data) => JSON.parse(data));
    await until(() => plane.connections === 2, "the agent dials again");
    await until(() => plane.frames.filter(({ type }) => type === "hello").length === 2, "it says hello");
    const rest = plane.open({ ...open, message: "", after: seen.length }, CHANNEL_WINDOW);
    await rest.ended();
    const all = [...seen, ...rest.data.map((data) => JSON.parse(data))];
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
    expect(all.map(({ text }) => text ?? "").join("")).toBe(`s1: ${message}`);
    expect(all.at(-1)).toMatchObject({ type: "done" });
    // It is kept, for the last words may be lost too; and it is another's in another session.
    const again = plane.open({ ...open, message: "", after: all.length - 1 }, CHANNEL_WINDOW);
    await again.ended();
    expect(again.data.map((data) => JSON.parse(data))).toEqual([all.at(-1)]);
    const other = plane.open({ ...open, message: "", session: "s2", after: 0 }, CHANNEL_WINDOW);
    await other.ended();
    expect(other.data.map((data) => JSON.parse(data).type)).toEqual(["gap", "error"]);
    expect(agent.log().match(/chat finished/g)).toHaveLength(1);
    const left = plane.open({ ...open, turn: "turn-0002" }, CHANNEL_WINDOW);
    await until(() => left.data.length > 1, "another begins");
    left.close();
    await until(() => agent.log().includes("chat aborted"), "the claw sees the abort");
  });

  it("answers a chat with an error when the claw refuses or is down", async ({ expect }) => {
    const wrong = { protocol: "openai-chat-completions" as const, path: "/v1/chat/completions", model: "fixture" };
    const { plane, agent, status } = await connected({ runtime: { chat: wrong } });
    const refused = plane.open({ channel: "chat", message: "x", session: "s" });
    await refused.ended();
    expect(refused.data.map((data) => JSON.parse(data))).toEqual([{ type: "error", message: "wrong token" }]);
    process.kill(status.pid ?? 0, "SIGKILL");
    await agent.reaches("BackOff");
    const down = plane.open({ channel: "chat", message: "x", session: "s" });
    expect(await down.ended()).toMatchObject({ error: "the instance is not running: BackOff (Crashed)" });
  });

  it("relays a TCP connection to the claw's port both ways", async ({ expect }) => {
    const { plane } = await connected();
    const tcp = plane.open({ channel: "tcp" });
    tcp.send(base64("GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
    await tcp.ended();
    expect(tcp.text).toContain('{"ready":true}');
  });

  it("sends a long log in pieces", async ({ expect }) => {
    const { plane } = await connected({ env: { CHATTY_BYTES: String(6 * 1024 * 1024) } });
    const logs = plane.open({ channel: "logs", tailLines: 100_000, follow: false });
    await logs.ended();
    expect(logs.data.join("").length).toBeGreaterThan(6_000_000);
    expect(Math.max(...logs.data.map((data) => data.length))).toBeLessThanOrEqual(64 * 1024);
  });

  it("holds the claw back while the control plane does not read", async ({ expect }) => {
    const { plane, agent } = await connected();
    const tcp = plane.open({ channel: "tcp" });
    plane.socket?.pause();
    tcp.send(base64("GET /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
    await delay(1_000);
    const rssKb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${agent.child.pid}/status`, "utf8"))?.[1]);
    expect(rssKb).toBeLessThan(160_000);
    plane.socket?.resume();
    await tcp.ended();
    expect(tcp.text.length).toBeGreaterThan(100_000_000);
  });

  it("holds a terminal that prints without end to what is granted, and serves other channels meanwhile", async ({ expect }) => {
    const { plane } = await connected();
    const endless = plane.open({ channel: "console", cols: 80, rows: 24 }, CHANNEL_WINDOW);
    endless.send(base64("exec yes\n"));
    const sent = () => endless.data.join("").length;
    await until(() => sent() >= CHANNEL_WINDOW, "it has sent a window");
    const other = plane.open({ channel: "tcp" }, CHANNEL_WINDOW);
    other.send(base64("GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
    await other.ended();
    expect(other.text).toContain('{"ready":true}');
    const window = sent();
    // What it had begun to send is the last.
    expect(window).toBeLessThan(CHANNEL_WINDOW * 1.5);
    endless.grant(CHANNEL_WINDOW);
    await until(() => sent() >= 2 * CHANNEL_WINDOW, "it goes on");
    expect(sent()).toBeLessThan(CHANNEL_WINDOW * 2.5);
  });

  it.for(["tcp", "console"] as const)(
    "takes no more than a window of what is poured into a %s that does not read",
    async (channel, { expect }) => {
      const { plane, agent } = await connected();
      const stuck =
        channel === "tcp" ? plane.open({ channel }, CHANNEL_WINDOW) : plane.open({ channel, cols: 80, rows: 24 }, CHANNEL_WINDOW);
      await until(() => stuck.credit > 0, "it is open");
      if (channel === "tcp") {
        stuck.send(base64("POST /deaf HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999\r\n\r\n"));
      } else {
        // Raw: of a line without end a terminal drops what it can't keep.
        stuck.send(base64("stty raw -echo; echo deaf''ness; exec sleep 600\n"));
        await until(() => stuck.text.includes("deafness"), "nobody reads the terminal");
      }
      const piece = base64("x".repeat(48 * 1024));
      let sent = 0;
      // What systems keep between two processes is taken too: at some point no more is.
      for (let silent = 0; silent < 20; ) {
        const before = stuck.credit;
        while (sent + piece.length < stuck.credit) {
          stuck.send(piece);
          sent += piece.length;
        }
        await delay(50);
        silent = stuck.credit === before ? silent + 1 : 0;
      }
      const other = plane.open({ channel: "logs", tailLines: 1, follow: false }, CHANNEL_WINDOW);
      expect(await other.ended()).not.toHaveProperty("error");
      expect(stuck.end).toBeUndefined();
      // Who pours on all the same loses the channel, and no other.
      for (let more = 0; more < CHANNEL_WINDOW * 2; more += piece.length) {
        stuck.send(piece);
      }
      expect(await stuck.ended()).toMatchObject({ error: expect.stringContaining("more was sent than was granted") });
      expect([plane.connections, (await agent.call("status")).phase]).toEqual([1, "Ready"]);
    },
  );

  it("gives an interactive terminal inside the instance", async ({ expect }) => {
    const { plane } = await connected();
    const console = plane.open({ channel: "console", cols: 100, rows: 30 });
    console.send(base64("stty size; pwd; echo token=$CLAW_TOKEN; echo é\n"));
    await until(
      () => /token=s3cret-token\r\n.*é\r\n/s.test(console.text),
      () => `the shell answers; it says ${console.text}`,
    );
    expect(console.text).toMatch(/30 100\r\n.*\/ins_test\/data\r\n/s);
    console.resize(120, 40);
    console.send(base64("stty size; exit 3\n"));
    expect(await console.ended()).toMatchObject({ exitCode: 3 });
    expect(console.text).toContain("40 120");
  });

  it("ends the terminal's processes when the connection is lost", async () => {
    const { plane, agent } = await connected();
    const console = plane.open({ channel: "console", cols: 80, rows: 24 });
    console.send(base64("echo pid=$$\n"));
    await until(() => /pid=\d+\r\n/.test(console.text), "the shell runs");
    const pid = Number(/pid=(\d+)/.exec(console.text)?.[1]);
    plane.stop();
    await until(() => !isRunning(pid), "the shell is gone");
    await agent.reaches("Ready");
  });

  it("says why a terminal can't be had", async ({ expect }) => {
    const { plane } = await connected({ runtime: { console: ["/no/such/program"] } });
    const console = plane.open({ channel: "console", cols: 80, rows: 24 });
    const end = await console.ended();
    expect(JSON.stringify([end, console.text])).toMatch(/no\/such\/program/);
  });

  it("restarts and kills on request", async ({ expect }) => {
    const { plane, agent, status } = await connected();
    await plane.open({ channel: "signal", action: "restart" }).ended();
    await until(async () => (await agent.call("status")).pid !== status.pid, "another process");
    const second = await agent.reaches("Ready");
    await plane.open({ channel: "signal", action: "kill" }).ended();
    await until(() => !isRunning(second.pid), "it is dead");
    expect((await agent.reaches("Ready")).restarts).toBe(0);
  });
});

describe("agent control socket", () => {
  it("answers what is not of its protocol with an error, and goes on", async ({ expect }) => {
    const { agent } = await connected();
    const lines = garbageFor(ControlRequestSchema)
      .map((garbage) => String(garbage))
      .filter((line) => !line.includes("\n") && !ControlRequestSchema.safeParse(parseJson(line)).success);
    const answers = await exchange(agent, `${lines.join("\n")}\n`, (text) => text.split("\n").length > lines.length);
    const responses = answers
      .trim()
      .split("\n")
      .map((line) => ControlResponseSchema.parse(JSON.parse(line)));
    expect(new Set(responses.map(({ ok }) => ok))).toEqual(new Set([false]));
    expect((await agent.call("status")).phase).toBe("Ready");
  });

  it("gives up a line without end", async ({ expect }) => {
    const { agent } = await connected();
    const answer = await exchange(agent, "x".repeat(3 * 1024 * 1024), (text) => text.includes("\n"));
    expect(JSON.parse(answer)).toMatchObject({ ok: false, error: expect.stringContaining("a line is longer than") });
    expect((await agent.call("status")).phase).toBe("Ready");
  });
});

/** What the control socket answers until that is enough. */
async function exchange(agent: TestAgent, text: string, isEnough: (answer: string) => boolean): Promise<string> {
  const socket = createConnection(agent.address?.socket ?? "");
  let answer = "";
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.write(text);
  await until(
    () => isEnough(answer),
    () => `it answers; it says ${answer.slice(-500)}`,
  );
  socket.destroy();
  return answer;
}
