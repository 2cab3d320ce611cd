import { setTimeout } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Claw } from "../../../sdk/client/index.ts";
import { aToken } from "../../support/access.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { type CliResult, runCli } from "../../support/cli.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
let claw: Claw;
let database: Client;

beforeAll(async () => {
  service = await startTestService();
  database = new Client(service.databaseUrl);
  await database.connect();
  await service.claw().tenants.create(aTenant("acme", { consoles: { record: true } }));
  claw = service.claw("acme");
  await claw.instances.create(anEcho("web"));
  await claw.instances.wait("web", { until: "Ready" });
});
/** It takes a minute, in which the rest goes on. */
let idle: Promise<unknown>;
let beganMs = 0;
let endedMs = 0;

beforeAll(async () => {
  await service.claw().tenants.create(aTenant("quiet", { consoles: { idleMinutes: 1 } }));
  const quiet = service.claw("quiet");
  await quiet.instances.create(anEcho("web"));
  await quiet.instances.wait("web", { until: "Ready" });
  const terminal = await quiet.instances.terminal("web", { cols: 80, rows: 24 });
  beganMs = Date.now();
  const watched = async () => {
    await terminal.send(Buffer.from("while sleep 1; do echo tick; done\n"));
    for await (const _ of terminal) {
      // Shown, and not typed.
    }
  };
  idle = watched()
    .catch((error: unknown) => error)
    .finally(() => {
      endedMs = Date.now();
    });
});
afterAll(async () => {
  await database?.end();
  await service?.stop();
});

const run = (argv: readonly string[], options: Parameters<typeof runCli>[1] = {}): Promise<CliResult> =>
  runCli(argv, { ...options, url: service.url, env: { CLAW_TOKEN: service.adminToken, CLAW_TENANT: "acme" } });

/** The newest recording, once its terminal has ended. */
const newest = (after?: string) =>
  eventually(
    async () => (await claw.recordings.list({ limit: 1 })).items[0],
    (recording) => recording?.endedAt !== undefined && recording.id !== after,
    20_000,
  );

async function castOf(id: string) {
  const { code, stdout } = await run(["recordings", "get", id]);
  const [header, ...events] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return { code, header, events, stdout };
}

describe("a terminal of a tenant that records them", () => {
  it("says so, and is recorded as it was shown", async ({ expect }) => {
    const terminal = await claw.instances.terminal("web", { cols: 100, rows: 40 });
    let shown = "";
    const decoder = new TextDecoder();
    const watching = (async () => {
      for await (const bytes of terminal) {
        shown += decoder.decode(bytes, { stream: true });
      }
    })();
    const type = async (text: string, answer: string) => {
      await terminal.send(Buffer.from(text));
      await eventually(
        async () => shown,
        (all) => all.includes(answer),
      );
    };
    await type("", "$ ");
    await type("read -rs secret && echo got-$((6 * 7))\n", "read -rs");
    await setTimeout(500);
    await type("hunter2\n", "got-42");
    terminal.resize(120, 50);
    await type("printf '4%s-gr\\303\\274\\303\\237e' 2\n", "42-grüße");
    await terminal.send(Buffer.from("exit\n"));
    await watching;
    expect(shown).toMatch(/^This terminal is recorded: what it shows, and not what is typed\./);

    const recording = await newest();
    expect(recording).toMatchObject({ instance: { name: "web" }, actor: "admin" });
    const { header, events, ...cast } = await castOf(recording?.id ?? "");
    expect(header).toMatchObject({ version: 2, width: expect.any(Number), height: expect.any(Number), title: "web, opened by admin" });
    const outputs = events.filter(([, kind]) => kind === "o").map(([, , text]) => text);
    expect(outputs.join("")).toBe(shown);
    expect(events.filter(([, kind]) => kind === "r").map(([, , size]) => size)).toContain("120x50");
    const times = events.map(([time]) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(Buffer.byteLength(cast.stdout)).toBe(recording?.bytes);
    // What was typed where the terminal showed nothing is nowhere.
    expect(cast.stdout).not.toContain("hunter2");
    expect((await run(["recordings", "play", recording?.id ?? "", "--speed", "1000"])).stdout).toContain("42-grüße");
  });

  it("is on record in the audit log, with the digest of what was kept", async ({ expect }) => {
    const recording = await newest();
    const { stdout } = await castOf(recording?.id ?? "");
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(stdout));
    const { items } = await claw.audit.list({ action: "recording" });
    expect(items.map(({ action }) => action)).toEqual(["recording.end", "recording.begin"]);
    expect(items[0]).toMatchObject({
      actor: "admin",
      resource: { kind: "ClawInstance", name: "web" },
      details: { recording: recording?.id, sha256: Buffer.from(digest).toString("hex"), bytes: String(recording?.bytes) },
    });
    expect((await claw.audit.verify()).valid).toBe(true);
    expect(await run(["recordings", "verify", recording?.id ?? ""])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("is as it was recorded"),
    });
  });

  it("keeps it sealed, and lets nobody of the service change or take it away", async ({ expect }) => {
    const { rows } = await database.query("select sealed from recording_parts");
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.map(({ sealed }) => sealed).join("")).not.toMatch(/recorded|grüße/);
    const granted = await database.query(
      `select table_name, privilege_type, grantee from information_schema.role_table_grants
       where table_name like 'recording%' and grantee like 'claw_%' order by 1, 2, 3`,
    );
    expect(granted.rows.map((row) => Object.values(row).join(" "))).toEqual([
      "recording_parts INSERT claw_app",
      "recording_parts SELECT claw_app",
      "recordings INSERT claw_app",
      "recordings SELECT claw_app",
    ]);
  });

  it("is nobody's to read but an auditor's of that tenant", async ({ expect }) => {
    const { id = "" } = (await newest()) ?? {};
    await service.claw().tenants.create(aTenant("other"));
    await expect(service.claw("other").recordings.read(id)).rejects.toMatchObject({ code: "recording.not_found", status: 404 });
    const as = (token: string) => new Claw({ url: service.url, token, tenant: "acme" });
    const developer = await aToken(claw, { name: "developer", role: "developer" });
    await expect(as(developer).recordings.read(id)).rejects.toMatchObject({ code: "auth.forbidden" });
    const auditor = await aToken(claw, { name: "auditor", role: "auditor" });
    expect((await as(auditor).recordings.read(id)).text).toContain("42-gr");
  });

  it("is recorded however much it shows, and ends where a recording may hold no more", async ({ expect }) => {
    const before = await newest();
    const { code, stdout, stderr } = await run(["console", "web"], { stdin: "yes 0123456789 | head -c 20000000\n" });
    expect(code).not.toBe(0);
    expect(stderr).toContain("has shown what 16 MiB of recording hold");
    const recording = await newest(before?.id);
    expect(recording?.bytes).toBeGreaterThan(10_000_000);
    expect(recording?.bytes).toBeLessThanOrEqual(16 * 1024 * 1024);
    const cast = await castOf(recording?.id ?? "");
    const shown = cast.events.map(([, kind, text]) => (kind === "o" ? text : "")).join("");
    // What is not kept is not shown.
    expect(shown.startsWith(stdout)).toBe(true);
  });

  it("is not, where the tenant says nothing of it", async ({ expect }) => {
    const before = await newest();
    await service.claw().tenants.replace("acme", aTenant("acme"));
    const { stdout } = await run(["console", "web"], { stdin: "echo $((6 * 7))-unseen\nexit\n" });
    expect(stdout).toContain("42-unseen");
    expect(stdout).not.toContain("recorded");
    expect((await newest())?.id).toBe(before?.id);
  });
});

describe("a terminal into which nothing is typed", () => {
  it("ends after the tenant's minutes, and says why", { timeout: 120_000 }, async ({ expect }) => {
    const error = await idle;
    expect(error).toMatchObject({ code: "console.idle", message: expect.stringContaining("nothing was typed for 1 min") });
    expect(endedMs - beganMs).toBeGreaterThan(58_000);
  });
});
