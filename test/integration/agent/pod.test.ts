import { once } from "node:events";
import { existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, it } from "vitest";
import { TestControlPlane } from "../../support/agent/control-plane.ts";
import { until } from "../../support/agent/harness.ts";
import { TestPod } from "../../support/agent/pod-agent.ts";

async function aConnectedPod(env: Record<string, string> = {}) {
  const plane = await TestControlPlane.start();
  const pod = await TestPod.create({ agentUrl: plane.url });
  await pod.startAgent();
  const claw = pod.startClaw(env);
  await pod.starts();
  const reports = (phase: string, reason: string) =>
    until(
      () => plane.frames.some((frame) => frame.type === "status" && frame.status.phase === phase && frame.status.reason === reason),
      () => `${phase} ${reason} is reported; there is ${JSON.stringify(plane.frames)}`,
    );
  return { plane, pod, claw, reports };
}

describe("the agent of a pod", () => {
  it("has written the config as regular files before it answers the kubelet, so before the claw starts", async ({ expect }) => {
    const pod = await TestPod.create();
    await pod.startAgent();
    const path = join(pod.boot.dirs.configDir, "config.json");
    expect(lstatSync(path).isFile()).toBe(true);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(existsSync(join(pod.boot.dirs.dataDir, "home"))).toBe(true);
  });

  it("takes over a changed boot file: writes what differs, removes what is no more, and reports its digest", async ({ expect }) => {
    const { plane, pod, claw } = await aConnectedPod();
    const { configDir } = pod.boot.dirs;
    const path = join(configDir, "config.json");
    pod.mount({ ...pod.boot, files: { ...pod.boot.files, "sub/more.json": "{}" }, specDigest: "boot-2" });
    await until(() => existsSync(join(configDir, "sub", "more.json")), "a further file");
    const { mtimeMs } = lstatSync(path);
    pod.mount({ ...pod.boot, files: { "config.json": '{"mode":"one"}' }, specDigest: "boot-3" });
    await until(() => !existsSync(join(configDir, "sub", "more.json")), "it is gone");
    expect(lstatSync(path).mtimeMs).toBe(mtimeMs);
    pod.mount({ ...pod.boot, files: { "config.json": '{"mode":"two"}' }, specDigest: "boot-4" });
    await until(() => readFileSync(path, "utf8").includes("two"), "it is written");
    await until(() => plane.frames.some((frame) => frame.type === "status" && frame.status.specDigest === "boot-4"), "it says so");
    expect(claw.exitCode).toBeNull();
  });

  it("takes what is delivered, and no mounted file that is older, for as long as its control plane says which is", async ({ expect }) => {
    const { plane, pod, claw } = await aConnectedPod();
    const path = join(pod.boot.dirs.configDir, "config.json");
    const bootOf = (mode: string) => ({ ...pod.boot, files: { "config.json": `{"mode":"${mode}"}` }, specDigest: mode });
    const [older, newer, newest] = [bootOf("two"), bootOf("three"), bootOf("four")];
    await plane.deliver({ boot: newer });
    await plane.stored("three");
    expect(readFileSync(path, "utf8")).toBe('{"mode":"three"}');
    pod.mount(older);
    await until(() => plane.frames.some((frame) => frame.type === "pull" && frame.digest === "two"), "it asks which is newer");
    plane.send({ type: "notice", digest: "three" });
    await delay(1_500);
    expect(readFileSync(path, "utf8")).toBe('{"mode":"three"}');
    pod.mount(newer);
    await delay(1_000);
    plane.stop();
    pod.mount(newest);
    await until(() => readFileSync(path, "utf8").includes("four"), "it takes the mounted one when there is nobody to ask");
    expect(claw.exitCode).toBeNull();
  });

  it("takes over a boot file that is exchanged while it starts", async () => {
    const pod = await TestPod.create();
    const path = join(pod.boot.dirs.configDir, "config.json");
    pod.spawnAgent();
    await until(() => existsSync(path), "it has written the first one's config");
    pod.mount({ ...pod.boot, files: { "config.json": '{"mode":"two"}' }, specDigest: "boot-2" });
    await until(() => readFileSync(path, "utf8").includes("two"), "it is written");
  });

  it("removes files that an agent before it wrote, or was writing", async ({ expect }) => {
    const pod = await TestPod.create({ files: { "old.json": "{}", "kept.json": "{}" } });
    await pod.startAgent();
    pod.agent?.kill("SIGKILL");
    await once(pod.agent as NonNullable<typeof pod.agent>, "exit");
    writeFileSync(join(pod.boot.dirs.configDir, "kept.json.1.new"), "half");
    pod.mount({ ...pod.boot, files: { "new.json": "{}", "kept.json": "{}" }, specDigest: "boot-2" });
    await pod.startAgent();
    await until(() => !existsSync(join(pod.boot.dirs.configDir, "old.json")), "it is gone");
    expect(existsSync(join(pod.boot.dirs.configDir, "kept.json.1.new"))).toBe(false);
  });

  it("answers the kubelet with what the claw's body says, not with its status", async ({ expect }) => {
    const pod = await TestPod.create();
    await pod.startAgent();
    expect(await pod.ask("/probes/startup")).toMatchObject({ status: 503, text: expect.stringContaining("ECONNREFUSED") });
    pod.startClaw();
    await pod.starts();
    expect(await pod.ask("/probes/readiness")).toMatchObject({ status: 200 });
    expect((await pod.ask("/probes/nothing")).status).toBe(404);
    pod.mount({
      ...pod.boot,
      probes: { ...pod.boot.probes, liveness: { ...pod.boot.probes.liveness, expect: { ok: "other" } } },
      specDigest: "boot-2",
    });
    await until(async () => (await pod.ask("/probes/liveness")).status === 503, "another body is no life");
  });

  it("reports start, readiness and a restart as the kubelet's questions show them", async ({ expect }) => {
    const { plane, pod, claw, reports } = await aConnectedPod();
    await reports("Ready", "Started");
    claw.kill("SIGKILL");
    await once(claw, "exit");
    await pod.ask("/probes/readiness");
    await pod.ask("/probes/readiness");
    await reports("Unready", "ReadinessFailed");
    // It takes longer to start than the kubelet may be silent of a claw that runs.
    pod.startClaw({ READY_AFTER_MS: "4000" });
    await pod.starts();
    await until(
      () => plane.frames.some((frame) => frame.type === "status" && frame.status.phase === "Ready" && frame.status.restarts > 0),
      "it is ready again",
    );
    const told = plane.frames.flatMap((frame) => (frame.type === "status" ? [frame.status] : []));
    expect(told.at(-1)).toMatchObject({ phase: "Ready", restarts: 1 });
    expect(told.map(({ reason }) => reason)).not.toContain("NotRunning");
    // Nobody asks any more.
    await pod.ask("/probes/readiness");
    await reports("Unready", "NotRunning");
    const ended = once(pod.agent as NonNullable<typeof pod.agent>, "exit");
    pod.agent?.kill("SIGTERM");
    await reports("Stopped", "Stopped");
    expect(await ended).toEqual([0, null]);
  });

  it("relays chat and the claw's port, and says whose the rest is", async ({ expect }) => {
    const { plane } = await aConnectedPod();
    await plane.said("hello");
    const chat = plane.open({ channel: "chat", message: "hello there", session: "s1" });
    await chat.ended();
    expect(chat.data.map((data) => JSON.parse(data))).toContainEqual({ type: "delta", text: "there" });
    const tcp = plane.open({ channel: "tcp" });
    tcp.send(Buffer.from("GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").toString("base64"));
    await tcp.ended();
    expect(tcp.text).toContain('{"ready":true}');
    for (const channel of [
      plane.open({ channel: "logs", tailLines: 1, follow: true }),
      plane.open({ channel: "console", cols: 80, rows: 24 }),
      plane.open({ channel: "signal", action: "kill" }),
    ]) {
      expect(await channel.ended()).toMatchObject({ error: expect.stringContaining("its cluster has") });
    }
  });

  it("lets the outside in while the claw is exposed, and no longer", async ({ expect }) => {
    const pod = await TestPod.create({ isExposed: true });
    await pod.startAgent();
    pod.startClaw();
    await pod.starts();
    const { exposed, ...ports } = pod.boot.ports;
    const url = `http://127.0.0.1:${exposed}/readyz`;
    expect(await (await fetch(url)).json()).toEqual({ ready: true });
    pod.mount({ ...pod.boot, ports, specDigest: "boot-2" });
    await until(async () => (await fetch(url).catch(() => undefined)) === undefined, "it is closed");
  });
});
