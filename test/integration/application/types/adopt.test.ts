import { describe, it } from "vitest";
import { adoptOpenClaw } from "../../../../adapters/claws/openclaw/adopt.ts";
import { anApplication } from "../../../support/application.ts";
import { aTenant } from "../../../support/builders/manifests.ts";
import { wholeConfigs } from "../../../support/claws/whole-configs.ts";

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
