import fc from "fast-check";
import { Client } from "pg";
import { pino } from "pino";
import { describe, it, type TestContext } from "vitest";
import { Claw } from "../../../sdk/client/index.ts";
import { aToken } from "../../support/access.ts";
import { aClusterManifest, aKubeconfig } from "../../support/builders/cluster.ts";
import { anEcho, anInstance, aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { aRegistry } from "../../support/npm-registry.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

/** In every seed and nothing else: a part of one is a leak too. */
const MARK = "hunter2";

/** A program of OpenClaw's name that serves; or one that says all that it was given, on its way out. */
const SERVES = `import { createServer } from "node:http";
const answers = { "/startupz": { status: "started" }, "/readyz": { ready: true }, "/healthz": { status: "live" } };
if (process.argv[2] !== "gateway") process.exit(1);
createServer((req, res) => res.end(JSON.stringify(answers[req.url] ?? {}))).listen(Number(process.argv[4]), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const TELLS = `if (process.argv[2] !== "gateway") process.exit(1);
const given = Object.entries(process.env).filter(([name]) => name.startsWith("CLAW_SECRET"));
console.error("can't go on with " + given.map((one) => one.join(" is ")).join(", ") + " " + "so ".repeat(128));
process.exit(1);
`;
const openClaw = (version: string, program: string) => ({
  name: "openclaw",
  version,
  bin: { openclaw: "openclaw.mjs" },
  files: { "openclaw.mjs": program },
});

const NAMES = ["apiKey", "botToken", "client_secret", "OPENAI_API_KEY", "password", "privateKey", "Authorization"];
const step = fc.oneof(fc.constantFrom("a", "deep", "settings", "x-1"), fc.constant(0));
/** Where a secret is put: at a name that says so, somewhere within objects and lists. */
const place = fc.tuple(fc.constantFrom(...NAMES), fc.array(step, { maxLength: 5 }));
const KEYS = ["plugins.own.config", "tools.own", "mcp.servers.own", "channels.own", "hooks.own"];

/** A text that tells where it was put. */
const seed = (where: string) => `planted-${where}-${MARK}`;
const plant = (where: string, [name, path]: readonly [string, readonly (string | number)[]]): unknown =>
  path.reduce<unknown>((inner, key) => (key === 0 ? [1, inner] : { [key]: inner, beside: "b" }), { [name]: seed(where), beside: 1 });

/** The service, with everything that leaves it kept: answers, log lines, and each row as it was ever written. */
async function aWatchedService(
  test: TestContext,
): Promise<{ service: TestService; claw: Claw; told: string[]; rows: () => Promise<string[]> }> {
  const told: string[] = [];
  const log = pino({ level: "trace" }, { write: (line: string) => void told.push(`log ${line}`) });
  const service = await startTestService({}, log);
  const database = new Client(service.databaseUrl);
  await database.connect();
  test.onTestFinished(async () => {
    await database.end();
    await service.stop();
  });
  await database.query(`
    create schema watched;
    create table watched.rows (relation text, row text);
    create function watched.keep() returns trigger language plpgsql security definer as $$
      begin insert into watched.rows values (tg_table_name, to_jsonb(new)::text); return null; end $$;
    do $$ declare name text; begin
      for name in select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace loop
        execute format('create trigger watched after insert or update on %I for each row execute function watched.keep()', name);
      end loop;
    end $$;`);
  const claw = new Claw({
    url: service.url,
    token: service.adminToken,
    tenant: "acme",
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      void told.push(`answer ${init?.method} ${url} ${await response.clone().text()}`);
      return response;
    },
  });
  const rows = async () =>
    (await database.query<{ text: string }>("select relation || ' ' || row as text from watched.rows")).rows.map(({ text }) => text);
  return { service, claw, told, rows };
}

describe("secrets planted anywhere", () => {
  it("are in no answer, stack, checkpoint, event, log line or row that was ever written", { timeout: 300_000 }, async (test) => {
    await aRegistry(openClaw("2.0.0", SERVES), openClaw("2.0.1", TELLS));
    const { service, claw, told, rows } = await aWatchedService(test);
    await service.claw().tenants.create(aTenant("acme"));
    const sample = fc.sample(fc.tuple(place, place, place, fc.constantFrom(...KEYS)), { numRuns: 3, seed: 11 });

    for (const [index, [override, byDefault, base, key]] of sample.entries()) {
      const name = `claw-${index}`;
      const spec = {
        adapter: "OpenClawAdapter",
        variables: [
          { name: "tools.extra", type: "object", default: { own: plant("default", byDefault) } },
          { name: "agent.persona", type: "string", secret: true },
        ],
        base: { hooks: { base: plant("base", base) } },
      };
      await claw.configs.create(aTemplate(name, spec));
      await claw.configs.publish(name);
      const overrides = [
        { key, value: plant("override", override) },
        { key: "agent.persona", value: seed("declared") },
        { key: "proxy.proxyUrl", value: `http://me:${seed("url")}@proxy:3128` },
        { key: "env.vars", value: { MY_API_KEY: seed("variable") } },
      ];
      const manifest = anInstance(name, {
        type: "OpenClaw",
        version: "2.0.0",
        config: { template: name, overrides },
        running: index === 0,
      });
      const preview = await claw.previews.create({ manifests: [manifest] });
      await claw.previews.get(preview.planId ?? "");
      await claw.instances.create(manifest, { allowUnchecked: true });
    }
    // It says what it was given when it fails, and it fails at once.
    const lines = ["planted-told", "first", "second", "third", "last"].map((line) => `${line}-${MARK}`).join("\n");
    const lengthy = [{ key: "plugins.own.config", value: { password: lines } }];
    await claw.instances.create(anInstance("teller", { type: "OpenClaw", version: "2.0.1", config: { overrides: lengthy } }), {
      allowUnchecked: true,
    });
    const prefix = { name: "reply.prefix", type: "string", required: true, secret: true };
    await claw.configs.create(aTemplate("keyed", { variables: [prefix] }));
    await claw.configs.publish("keyed");
    const declared = { template: "keyed", overrides: [{ key: "reply.prefix", value: seed("echo") }] };
    await claw.instances.create(anEcho("echo", { config: declared }));
    const kubeconfig = aKubeconfig("https://127.0.0.1:1", seed("kubeconfig"));
    await claw.clusters.create(aClusterManifest("away", { credentials: { source: "kubeconfig", kubeconfig } }));
    await claw.instances.list();
    for (const name of ["claw-0", "claw-1", "claw-2", "teller", "echo"]) {
      await eventually(
        () => claw.instances.get(name),
        ({ status, metadata }) => status.observedGeneration === metadata.generation && status.phase !== "Creating",
        120_000,
      );
      await claw.instances.events(name, {});
    }
    await eventually(
      () => claw.instances.get("teller"),
      ({ status }) => status.conditions.some(({ reason }) => reason === "ExitedAtOnce" || reason === "CrashLoop"),
    );
    // What is refused is told too, and must not quote what was given.
    const refused = [{ key: "plugins.own.config", value: { token: seed("refused"), list: [{ apiKey: seed("refused") }] } }];
    await claw.instances.create(anInstance("claw-0", { type: "OpenClaw", config: { overrides: refused } })).catch(() => undefined);
    await claw.instances.create(anInstance("no", { type: "Absent", config: { overrides: refused } })).catch(() => undefined);
    const wrong = {
      adapter: "EchoAdapter",
      variables: [{ name: "reply.prefix", type: "number", default: seed("wrong"), secret: true }],
    };
    await claw.configs.create({ ...aTemplate("wrong"), spec: wrong as never }).catch(() => undefined);
    // Who may not have it, and by whom a policy is violated: both are on record with what they asked for.
    const viewer = new Claw({
      url: service.url,
      token: await aToken(service.claw("acme"), { name: "viewer", role: "viewer" }),
      tenant: "acme",
    });
    await viewer.instances.create(anEcho("denied", { config: declared })).catch(() => undefined);
    await viewer.instances.stop(`denied?apiKey=${seed("named")}`).catch(() => undefined);
    const expression = "object.metadata.name == 'nobody'";
    const policy = {
      apiVersion: "clusterclaw.io/v1",
      kind: "Policy",
      metadata: { name: "nobody" },
      spec: { mode: "audit", expression },
    } as const;
    await claw.policies.create(policy);
    await claw.instances.create(anEcho("somebody", { config: declared, running: false }));
    await claw.instances.delete("claw-1");
    const records = (await claw.audit.list({ limit: 500 })).items.map(({ action, result }) => `${action} ${result}`);
    test
      .expect(records)
      .toEqual(
        test.expect.arrayContaining([
          "instance.create refused",
          "instance.stop refused",
          "instance.violate success",
          "token.new-place success",
        ]),
      );
    await claw.stacks.export("acme", {});
    await claw.stacks.history("acme", {});
    const everything = [...told, ...(await rows())];
    test.expect(everything.filter((text) => text.includes(MARK)).map(excerpt)).toEqual([]);
    // They were there to be found: each table and each kind of answer that could have held one.
    for (const seen of [
      "engine_resources ",
      "outbox ",
      "plans ",
      "instances ",
      "config_versions ",
      "instance_events ",
      "audit_records ",
      "log ",
      "/export",
    ]) {
      test.expect([seen, everything.some((text) => text.startsWith(seen) || text.includes(seen))]).toEqual([seen, true]);
    }
  });
});

function excerpt(text: string): string {
  const at = text.indexOf(MARK);
  return `${text.slice(0, 60)} … ${text.slice(Math.max(0, at - 120), at + MARK.length)}`;
}
