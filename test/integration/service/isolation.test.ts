import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { confinementOf } from "../../../adapters/confinement/confinement.ts";
import { API_VERSION } from "../../../sdk/contract/index.ts";
import { aToken } from "../../support/access.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { consoleOf } from "../../support/console.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

/** A tenant's token: all that an attacker has here. */
let stolen: string;
const attacker = () => ({ url: service.url, token: stolen });
let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await service.claw().tenants.create(aTenant("mallory"));
  await service.claw().tenants.create(aTenant("victim"));
  stolen = await aToken(service.claw("mallory"), { name: "mallory" });
});
afterAll(() => service.stop());

/** As the tenant; what the client's own types would refuse goes out all the same. */
async function post(
  path: string,
  spec: object,
  kind = "ClawInstance",
  token = stolen,
): Promise<{ status: number; [key: string]: unknown }> {
  const response = await fetch(`${service.url}/api/v1${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "x-claw-tenant": "mallory" },
    body: JSON.stringify({ apiVersion: API_VERSION, kind, metadata: { name: `m${Math.random().toString(36).slice(2, 8)}` }, spec }),
  });
  return { ...((await response.json()) as object), status: response.status };
}

describe("what is held of the database", () => {
  it("is a plain login in the service, and in a worker one that has nothing of the platform's", async ({ expect, onTestFinished }) => {
    const echo = await service.claw("victim").instances.create({ ...anEcho("held"), spec: { type: "Echo", running: false } });
    await eventually(
      () => service.claw("victim").instances.get(echo.metadata.uid),
      ({ status }) => status.phase === "Stopped",
    );
    const database = new Client(service.databaseUrl);
    await database.connect();
    onTestFinished(() => database.end());
    const { rows } = await database.query<{ application: string; login: string }>(
      `select distinct application_name as application, usename as login from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() order by 1`,
    );
    expect(rows).toEqual([
      { application: expect.stringMatching(/^claw 0\.0\.0-test \S+$/), login: expect.stringMatching(/^claw_service_\d+$/) },
      { application: "claw stack worker", login: expect.stringMatching(/^claw_worker_\d+$/) },
      { application: "claw wake-ups", login: expect.stringMatching(/^claw_service_\d+$/) },
    ]);
    const worker = readdirSync("/proc").find((pid) => /^\d+$/.test(pid) && isOurWorker(pid));
    const given = Object.fromEntries(
      readFileSync(`/proc/${worker}/environ`, "utf8")
        .split("\0")
        .flatMap((line) => (/^CLAW_\w+=/.test(line) ? [line.split(/=(.*)/s)] : [])),
    );
    expect(Object.keys(given).sort()).toEqual(["CLAW_DATABASE_URL", "CLAW_ENGINE", "CLAW_STACK_KEY", "CLAW_TOOLS_DIR"]);
    const held = new Client(given["CLAW_DATABASE_URL"]);
    await held.connect();
    onTestFinished(() => held.end());
    await expect(held.query("set role claw_platform")).rejects.toMatchObject({ code: "42501" });
    await expect(held.query("select from instances")).rejects.toMatchObject({ code: "42501" });
  });
});

/** Whether a process is a worker of the service in this process. */
function isOurWorker(pid: string): boolean {
  try {
    const parent = / \S (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/s, ""))?.[1];
    return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("stack-worker");
  } catch {
    return false;
  }
}

describe("a version that is a path", () => {
  it("is refused by name, and nothing that it leads to is run by a preview", async ({ expect }) => {
    const evil = mkdtempSync(join(tmpdir(), "claw-evil-"));
    const program = join(evil, "node_modules", "openclaw");
    mkdirSync(program, { recursive: true });
    writeFileSync(join(program, "openclaw.mjs"), `import { writeFileSync } from "node:fs"; writeFileSync("${evil}/ran", "");`);
    const version = relative(join(service.dataDir, "software", "openclaw"), evil);
    expect(version).toMatch(/^\.\.\//);
    for (const path of ["/instances?preview=true", "/instances"]) {
      const refusal = await post(path, { type: "OpenClaw", version });
      expect({ ran: existsSync(join(evil, "ran")), ...refusal }).toMatchObject({
        ran: false,
        status: 422,
        code: "request.invalid",
        errors: [{ path: "spec.version", message: expect.stringContaining("not a version") }],
      });
    }
    await rm(evil, { recursive: true });
    expect((await post("/instances?preview=true", { type: "OpenClaw", version: ".." })).status).toBe(422);
    expect((await post("/instances?preview=true", { type: "../OpenClaw" })).status).toBe(422);
  });
});

describe("a variable that names something of the host", () => {
  const overrides = (...given: object[]) => ({ type: "NanoClaw", config: { overrides: given } });

  it("is not a tenant's, at whatever depth it is set", async ({ expect }) => {
    for (const override of [
      { key: "software.dir", value: "/tmp/evil" },
      { key: "software", value: { dir: "/tmp/evil" } },
      { key: "docker.host", value: "unix:///run/other.sock" },
      { key: "software.dir.deeper", value: "/tmp/evil" },
    ]) {
      expect(await post("/instances?preview=true", overrides(override)), override.key).toMatchObject({
        status: 403,
        code: "auth.forbidden",
        detail: expect.stringMatching(/'(software\.dir|docker\.host)' names something of the host.*platform administrator/),
        errors: [{ path: "spec.config.overrides[0].key", fix: expect.stringContaining("platform administrator") }],
      });
    }
    const variables = [{ name: "software", type: "object", default: { dir: "/tmp/evil" } }];
    expect(await post("/configs", { adapter: "NanoClawAdapter", variables }, "ConfigTemplate")).toMatchObject({
      status: 403,
      errors: [{ path: "spec.variables[0].default" }],
    });
  });

  it("is a platform administrator's, and a tenant may keep what such a one has set", async ({ expect }) => {
    const set = overrides({ key: "software.dir", value: "/opt/nanoclaw" }, { key: "docker.image", value: "agent" });
    const made = await post("/instances", { ...set, running: false }, "ClawInstance", service.adminToken);
    expect(made).toMatchObject({ status: 202, kind: "ClawInstance" });
    const { name } = made["metadata"] as { name: string };
    const replace = (spec: object) =>
      fetch(`${service.url}/api/v1/instances/${name}?preview=true`, {
        method: "PUT",
        headers: { authorization: `Bearer ${stolen}`, "content-type": "application/json" },
        body: JSON.stringify({ apiVersion: API_VERSION, kind: "ClawInstance", metadata: { name }, spec }),
      }).then(({ status }) => status);
    expect(await replace({ ...set, running: false, deletionPolicy: "delete" })).toBe(200);
    expect(await replace(overrides({ key: "software.dir", value: "/tmp/evil" }))).toBe(403);
  });
});

describe("a console of an instance on the control plane's host", () => {
  it("reaches nothing of the control plane's, of its agent's or of another tenant's, and is on record", async ({ expect }) => {
    const mine = await running("mallory", "mine");
    const theirs = await running("victim", "theirs");
    const [dataDir, agent] = [service.dataDir, await agentOf(mine)];
    if (confinementOf(dataDir).kind === "none") {
      // A checkout that is closed to others, and Node.js in it: then no tenant gets in.
      await expect(consoleOf(attacker(), "mallory", "mine", [])).rejects.toThrow("403");
      return;
    }
    const folders = { mine: join(dataDir, "tenants/mallory", mine), theirs: join(dataDir, "tenants/victim", theirs) };
    await writeFile(join(folders.theirs, "data/secret.txt"), "theirs");
    const answer = await consoleOf(attacker(), "mallory", "mine", [
      "id -u",
      "id -G",
      "cat data.txt; echo kept > data.txt; cat data.txt",
      ...[
        `cat ${dataDir}/access.json ${dataDir}/master.key ${dataDir}/*key*`,
        `ls ${dataDir}`,
        `ls ${dataDir}/run`,
        `ls ${dataDir}/tenants`,
        `ls ${folders.theirs}/data`,
        `cat ${folders.theirs}/data/secret.txt ${folders.theirs}/config/config.json`,
        `cat ${dataDir}/run/${mine}/process.json`,
        `cat ${dataDir}/run/${mine}/agent.json ${dataDir}/run/${mine}/state.json ${dataDir}/run/${mine}/logs/agent.log`,
        `cat /proc/${agent.pid}/environ /proc/${process.pid}/environ`,
        `kill -9 ${agent.pid}`,
        `kill -9 ${process.pid}`,
        `${process.execPath} -e 'require("net").connect("${agent.socket}").on("connect", () => process.exit(0)).on("error", () => process.exit(7))'`,
        `touch ${dataDir}/software/x ${dataDir}/x ${folders.mine}/../x`,
      ].map(
        (attempt) =>
          `(${attempt}) >out 2>&1 </dev/null && echo REACHED "${attempt.slice(0, 60).replaceAll('"', "'")}"; cat out | grep -c theirs`,
      ),
      "echo done-$((40 + 2))",
    ]);
    expect(answer).toContain("done-42");
    expect(answer.match(/^REACHED .*$/gm)).toBeNull();
    expect(answer).toContain("kept");
    // The groups of whoever started the agent are not the terminal's.
    const [uid, groups] = answer.split(/\r?\n/).filter((line) => /^\d+$/.test(line));
    expect(groups).toBe(uid);
    expect(uid).not.toBe("0");
    const { items } = await service.claw("mallory").instances.events("mine");
    expect(items.find(({ reason }) => reason === "ConsoleOpened")).toMatchObject({
      actor: "serviceaccount:mallory/mallory",
      type: "Normal",
    });
  });

  it("follows no link of a claw when its files are written or removed", async ({ expect }) => {
    const uid = await running("mallory", "linker", {
      storage: { configDir: "/data/sub/config", dataDir: "/data" },
      deletionPolicy: "delete",
    });
    const outside = mkdtempSync(join(tmpdir(), "claw-outside-"));
    mkdirSync(join(outside, "config"));
    const data = join(service.dataDir, "tenants/mallory", uid, "data");
    await rename(join(data, "sub"), join(data, "former"));
    await symlink(outside, join(data, "sub"));
    const claw = service.claw("mallory");
    const { spec } = await claw.instances.get("linker");
    await claw.instances.replace("linker", anEcho("linker", { ...spec, config: { overrides: [{ key: "reply.prefix", value: "x" }] } }));
    await eventually(
      () => claw.instances.get("linker"),
      ({ status }) => status.conditions.some(({ message }) => message.includes("is no folder but a link")),
    );
    expect(readdirSync(join(outside, "config"))).toEqual([]);
    expect(existsSync(join(outside, "config"))).toBe(true);
    await rm(outside, { recursive: true });
  });
});

async function running(tenant: string, name: string, spec: object = {}): Promise<string> {
  const claw = service.claw(tenant);
  const { metadata } = await claw.instances.create(anEcho(name, spec));
  await eventually(
    () => claw.instances.get(name),
    ({ status }) => status.phase === "Running",
  );
  return metadata.uid;
}

async function agentOf(uid: string): Promise<{ pid: number; socket: string }> {
  return JSON.parse(await readFile(join(service.dataDir, "run", uid, "agent.json"), "utf8"));
}
