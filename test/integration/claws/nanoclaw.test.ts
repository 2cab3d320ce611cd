import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, onTestFinished } from "vitest";
import { called, ownTypes } from "../../../adapters/claws/own-types.ts";
import { InstanceSpecSchema } from "../../../sdk/contract/index.ts";
import { testClawType } from "../../../service/roots/adapter-kit/test-claw-type.ts";
import { until } from "../../support/agent/harness.ts";
import { freePort } from "../../support/free-port.ts";

const attend = join(import.meta.dirname, "../../../adapters/claws/manifest/nanoclaw/attend.mjs");

/** What stands for NanoClaw, which is in no registry: a host process that opens its command socket once the file `go` is there. */
const STAND_IN = `
const { existsSync, mkdirSync, rmSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:net");
process.on("SIGTERM", () => process.exit(existsSync("fail") ? 3 : 0));
mkdirSync("data", { recursive: true });
writeFileSync("seen.json", JSON.stringify({ cwd: process.cwd(), ...process.env }));
const wait = setInterval(() => {
  if (existsSync("go")) {
    clearInterval(wait);
    rmSync("data/ncl.sock", { force: true });
    createServer((socket) => socket.once("data", () => socket.end('{"id":"health","ok":true,"data":{}}\\n'))).listen("data/ncl.sock");
  }
}, 20);
`;

async function attended({ isBuilt = true, files = {} as Readonly<Record<string, unknown>> } = {}) {
  const dir = mkdtempSync(join(tmpdir(), "claw-nanoclaw-"));
  const [checkout, data] = [join(dir, "checkout"), join(dir, "data")];
  mkdirSync(join(checkout, "dist"), { recursive: true });
  mkdirSync(join(data, "data"), { recursive: true });
  writeFileSync(join(data, "data/circuit-breaker.json"), "{}");
  mkdirSync(join(data, "groups/kept"), { recursive: true });
  writeFileSync(join(data, "groups/kept/CLAUDE.local.md"), "What I have learnt.");
  if (isBuilt) {
    writeFileSync(join(checkout, "dist/index.js"), STAND_IN);
  }
  const port = await freePort();
  const env = { PATH: process.env["PATH"], NANOCLAW_DIR: checkout, ASSISTANT_NAME: "Ada" };
  for (const [name, value] of Object.entries(files)) {
    writeFileSync(join(dir, name), JSON.stringify(value));
  }
  const args = [attend, String(port), data, dir];
  const child: ChildProcess = spawn(process.execPath, args, { env: { ...env, HOME: join(dir, "home") }, stdio: "ignore" });
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(dir, { recursive: true });
  });
  const ask = (path: string) =>
    fetch(`http://127.0.0.1:${port}${path}`)
      .then((response) => response.json() as Promise<Record<string, unknown>>)
      .catch(() => undefined);
  return { child, ended, data, port, ask };
}

describe("NanoClaw's host process", () => {
  it("has started once its command socket answers, and runs in the instance's data directory", async ({ expect }) => {
    const { data, port, ask } = await attended();
    await until(async () => (await ask("/startupz"))?.["status"] === "starting", "it is starting");
    expect(await ask("/readyz")).toEqual({ ready: false });
    writeFileSync(join(data, "go"), "");
    await until(async () => (await ask("/startupz"))?.["status"] === "started", "it has started");
    expect(await ask("/readyz")).toEqual({ ready: true });
    expect(await ask("/healthz")).toEqual({ status: "live" });
    const seen = JSON.parse(readFileSync(join(data, "seen.json"), "utf8"));
    expect(seen).toMatchObject({ cwd: data, ASSISTANT_NAME: "Ada", WEBHOOK_PORT: String(port + 1) });
    expect(existsSync(join(data, "data/circuit-breaker.json"))).toBe(false);
  });

  it("finds its groups and what its agents may mount where it looks for them, and keeps what they have written", async ({ expect }) => {
    const allowed = { allowedRoots: [{ path: "/srv/shared", allowReadWrite: false }] };
    const groups = { family: { instructions: "Be brief.", container: { skills: ["weather"] } }, kept: { instructions: "Forget." } };
    const { data } = await attended({ files: { "mount-allowlist.json": allowed, "groups.json": groups } });
    await until(() => existsSync(join(data, "seen.json")), "it runs");
    const read = (path: string) => readFileSync(join(data, path), "utf8");
    expect(JSON.parse(read("../home/.config/nanoclaw/mount-allowlist.json"))).toEqual(allowed);
    expect([read("groups/family/CLAUDE.local.md"), read("groups/family/container.json")]).toEqual(["Be brief.", '{"skills":["weather"]}']);
    expect(read("groups/kept/CLAUDE.local.md")).toBe("What I have learnt.");
  });

  it("is not started with a group that leads elsewhere", async ({ expect }) => {
    const { ended } = await attended({ files: { "groups.json": { "../x": {} } } });
    expect((await ended)[0]).toBe(78);
  });

  it("is stopped by the signal that its attendant gets, and its exit code passed on", async ({ expect }) => {
    const { child, data, ended } = await attended();
    await until(() => existsSync(join(data, "seen.json")), "it runs");
    writeFileSync(join(data, "fail"), "");
    child.kill("SIGTERM");
    expect(await ended).toEqual([3, null]);
  });

  it("is not started, nor again, where no NanoClaw is built", async ({ expect }) => {
    const { ended } = await attended({ isBuilt: false });
    expect((await ended)[0]).toBe(78);
  });
});

describe("the claw type NanoClaw", () => {
  it("holds what the platform relies on", { timeout: 60_000 }, async ({ expect }) => {
    const checkout = mkdtempSync(join(tmpdir(), "claw-nanoclaw-"));
    onTestFinished(() => rmSync(checkout, { recursive: true, force: true }));
    mkdirSync(join(checkout, "dist"));
    writeFileSync(join(checkout, "dist/index.js"), STAND_IN.replace('existsSync("go")', "true"));
    // Its claws are users of their own.
    chmodSync(checkout, 0o755);
    // What stands for the Docker engine's: whoever may write to it may connect.
    const socket = join(checkout, "docker.sock");
    const engine = createServer().listen(socket);
    await once(engine, "listening");
    onTestFinished(() => void engine.close());
    chmodSync(socket, 0o666);
    const failed: unknown[] = [];
    for await (const verdict of testClawType("NanoClaw", {
      set: { "software.dir": checkout, "docker.host": `unix://${socket}` },
      change: { "assistant.name": "Bo" },
    })) {
      failed.push(...(verdict.result === "passed" ? [] : [verdict]));
    }
    expect(failed).toEqual([]);
  });

  it("hands its variables over in the environment, its secret apart", async ({ expect }) => {
    const type = called(ownTypes(), "NanoClaw");
    const config = type?.parseConfig({ onecli: { apiKey: "k3y" }, docker: { host: "tcp://engine:2375" } }, new Set());
    const info = { instanceId: "ins_a", name: "a", tenant: "t", project: "p", instanceToken: "x" };
    const runtime = config && type?.injectRuntime(config, { ...info, spec: InstanceSpecSchema.parse({ type: "NanoClaw" }) });
    expect(runtime).toMatchObject({
      env: { DOCKER_HOST: "tcp://engine:2375" },
      secretEnv: { ONECLI_API_KEY: "k3y" },
      software: { source: "inline", version: "2.0.64" },
    });
    expect(JSON.stringify(runtime?.files)).not.toContain("k3y");
  });
});
