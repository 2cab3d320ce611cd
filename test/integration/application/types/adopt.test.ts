import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "vitest";
import { adoptOpenClaw } from "../../../../adapters/claws/openclaw/adopt.ts";
import { anApplication } from "../../../support/application.ts";
import { aTenant } from "../../../support/builders/manifests.ts";
import { wholeConfigs } from "../../../support/claws/whole-configs.ts";
import { runCli, tempDir } from "../../../support/cli.ts";
import { startServer } from "../../../support/http-server.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme", { allowLocal: true }));
const claw = app.as({ tenant: "acme" });

describe("an OpenClaw that is adopted", () => {
  it("is rendered as it was told, and applied again is as it is", async ({ expect }) => {
    const config = {
      models: {
        providers: {
          own: { baseUrl: "http://127.0.0.1:1", apiKey: "own-s3cret-planted", api: "ollama", models: [{ id: "m", name: "m" }] },
        },
      },
      agents: { defaults: { model: { primary: "own/m" } } },
      channels: { telegram: { botToken: "${TELEGRAM_BOT_TOKEN}" } },
      gateway: { port: 18789 },
    };
    const found = {
      config,
      env: { TELEGRAM_BOT_TOKEN: "1:bot-planted" },
      own: [],
      stateDir: "/home/node/.openclaw",
      homeDir: "/home/node",
    };
    const { manifests } = adoptOpenClaw("mine", found);
    const plan = await claw.previews.create({ manifests: [...manifests] });
    await plan.apply();
    await app.settle();
    const made = app.stacks.made("acme", "mine");
    expect(made).toMatchObject({ running: false, runtime: { port: { fixed: 18789 } } });
    const file = JSON.parse(made?.runtime.files.find(({ path }) => path === "openclaw.json")?.content ?? "{}");
    expect(file).toMatchObject({
      agents: { defaults: { model: { primary: "own/m" } } },
      models: { providers: { own: { baseUrl: "http://127.0.0.1:1" } } },
    });
    const { secretEnv = {} } = made?.runtime ?? {};
    const variable = /^\$\{(\w+)\}$/.exec(file.models.providers.own.apiKey)?.[1] ?? "";
    expect([secretEnv[variable], secretEnv["TELEGRAM_BOT_TOKEN"]]).toEqual(["own-s3cret-planted", "1:bot-planted"]);
    expect(file.channels.telegram.botToken).toBe("${TELEGRAM_BOT_TOKEN}");
    expect(await app.tablesWith("own-s3cret-planted")).toEqual([]);
    const again = await claw.previews.create({ manifests: [...manifests] });
    expect(again.summary).toMatchObject({ create: 0, update: 0 });
  });

  it.for(wholeConfigs.map((whole) => [whole.name, whole] as const))(
    "is taken as it is: %s",
    async ([, { config, variables }], { expect }) => {
      const env = Object.fromEntries(variables.map((name) => [name, `value-of-${name}`]));
      const { manifests } = adoptOpenClaw("whole", { config, env, own: [], stateDir: "/home/node/.openclaw", homeDir: "/home/node" });
      // What the platform would refuse of it would be thrown.
      const plan = await claw.previews.create({ manifests: [...manifests] });
      const created: string[] = [];
      for await (const { kind, op } of plan.changes()) {
        created.push(...(op === "create" ? [kind] : []));
      }
      expect(created.sort()).toEqual(manifests.map(({ kind }) => kind).sort());
    },
  );
});

describe("claw adopt", () => {
  it("that dies at any of its steps leaves nothing or all of it, and comes to the same when it is run again", { timeout: 60_000 }, async ({
    expect,
  }) => {
    await app.admin().tenants.create(aTenant("adopting", { allowLocal: true }));
    const adopting = app.as({ tenant: "adopting" });
    const cwd = await tempDir();
    const provider = { baseUrl: "http://127.0.0.1:1", apiKey: "own-s3cret", api: "ollama", models: [{ id: "m", name: "m" }] };
    await writeFile(join(cwd, "openclaw.json"), JSON.stringify({ models: { providers: { own: provider } } }));
    const fetch = app.fetchAs({ tenant: "adopting" });
    let dying: { step: number; readonly abort: AbortController } | undefined;
    await using server = await startServer(async ({ method, path, query, headers, body }, response) => {
      const init = {
        method,
        headers: new Headers(headers as Record<string, string>),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      };
      const answer = await fetch(`http://in-process${path}?${query}`, init);
      if (dying && --dying.step === 0) {
        dying.abort.abort();
      } else {
        response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
      }
    });
    const adopt = (name: string, signal?: AbortSignal) =>
      runCli(["adopt", cwd, "--name", name, "--yes"], {
        url: server.url,
        cwd,
        env: { CLAW_TENANT: "adopting" },
        ...(signal && { signal }),
      });
    const made = async (name: string) => {
      const isOf = ({ metadata }: { readonly metadata: { readonly name: string } }) => metadata.name.startsWith(name);
      const { configs, secrets, instances } = adopting;
      const all = [await configs.list(), await secrets.list(), await instances.list()].flatMap(({ items }) => items.filter(isOf));
      return all.map(({ kind, metadata, spec }) => [kind, metadata.name, JSON.stringify(spec)].join(" ").replaceAll(name, "NAME"));
    };
    await adopt("whole");
    const whole = await made("whole");
    expect(whole.length).toBe(3);
    const left: number[] = [];
    for (let step = 1; ; step++) {
      const abort = new AbortController();
      dying = { step, abort };
      const { code } = await adopt(`at-${step}x`, abort.signal);
      dying = undefined;
      if (code === 0) {
        break;
      }
      left.push((await made(`at-${step}x`)).length);
      expect(await adopt(`at-${step}x`)).toMatchObject({ code: 0 });
      expect(await made(`at-${step}x`)).toEqual(whole);
    }
    // Both before it was applied and after are steps that it died at.
    expect([...new Set(left)]).toEqual([0, 3]);
    await adopting.instances.start("whole");
    expect((await adopt("whole")).stderr).toContain("Sum: 3 unchanged");
    expect((await adopting.instances.get("whole")).spec.running).toBe(true);
  });
});
