// One file, though a long one: one OpenClaw, installed and started once, is what all of it is about.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { Claw } from "../../sdk/client/index.ts";
import { type ClawInstanceInput, ClawInstanceInputSchema } from "../../sdk/contract/index.ts";
import { removeAt, setAt } from "../../service/domain/configs/config-path.ts";
import { type ModelServer, startModelServer } from "../../service/quickstart/model-server.ts";
import { anInstance, aTemplate, aTenant } from "../support/builders/manifests.ts";
import { startChromium } from "../support/chromium.ts";
import { OPENCLAW_VERSION } from "../support/claws/open-claw-software.ts";
import { wholeConfigs } from "../support/claws/whole-configs.ts";
import { runCli, tempDir } from "../support/cli.ts";
import { eventually, startTestService, type TestService } from "../support/service.ts";
import { startTelegram } from "../support/telegram.ts";

/** With an empty npm cache, on a slow network. */
const INSTALL_TIMEOUT_MS = 540_000;

const root = join(import.meta.dirname, "../..");
const pictures = join(root, "test-results/console");
const BOT = "100001:the-token-of-a-bot";
const UNKNOWN_BOT = "channels.telegram.accounts.unknown";

let service: TestService;
let claw: Claw;
let model: ModelServer;
let telegram: Awaited<ReturnType<typeof startTelegram>>;
let program: string;

beforeAll(async () => {
  model = await startModelServer({ wordDelayMs: 300 });
  // Its data folder is new, and so is the software: it installs OpenClaw itself, as everybody's first service does.
  service = await startTestService();
  program = join(service.dataDir, "software", "openclaw", OPENCLAW_VERSION, "node_modules", "openclaw", "openclaw.mjs");
  await service.claw().tenants.create(aTenant("acme", { policies: [{ name: "allowed-models", value: "standin/*" }] }));
  claw = service.claw("acme");
  telegram = await startTelegram(BOT);
  // One of its bots can't get in.
  await claw.instances.create(aGateway({ "model.name": "standin-1", ...twoBots(telegram.url) }), { maxRetries: 5 });
  await settled("Running", INSTALL_TIMEOUT_MS);
}, 600_000);
afterAll(async () => {
  await service?.stop();
  await model?.close();
  telegram?.close();
});

const twoBots = (apiRoot: string) => ({
  "channels.telegram.apiRoot": apiRoot,
  "channels.telegram.accounts.known.botToken": BOT,
  [`${UNKNOWN_BOT}.botToken`]: "100002:a-wrong-token",
});

function aGateway(settings: Readonly<Record<string, unknown>>): ClawInstanceInput {
  const all = { "model.provider": "standin", "model.baseUrl": model.url, "model.apiKey": "no-key-needed", ...settings };
  return ClawInstanceInputSchema.parse({
    apiVersion: "clusterclaw.io/v1",
    kind: "ClawInstance",
    metadata: { name: "gateway" },
    spec: { type: "OpenClaw", config: { overrides: Object.entries(all).map(([key, value]) => ({ key, value })) } },
  });
}

/** Talks to the claw on its own web console, in a real browser. */
async function talkInBrowser(url: string, message: string): Promise<void> {
  const browser = await startChromium();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(120_000);
    await page.goto(url);
    await page.getByText("Connected").waitFor();
    const input = page.getByPlaceholder("Message Assistant");
    await input.fill(message);
    await input.press("Enter");
    // The end of the answer, which quotes the message.
    // On a slow machine the page shows it twice for a while: as it streams, and done.
    await page.getByText(`${message}"`).first().waitFor();
  } finally {
    await browser.close();
  }
}

/** The instance, once its newest generation is carried out. */
const settled = (phase: string, timeoutMs = 120_000) =>
  eventually(
    () => claw.instances.get("gateway"),
    ({ status, metadata }) =>
      status.phase === phase && status.observedGeneration === metadata.generation && isReady(status) !== (phase === "Stopped"),
    timeoutMs,
  );
const isReady = (status: Awaited<ReturnType<Claw["instances"]["get"]>>["status"]) =>
  status.conditions.some(({ type, status: value, reason }) => type === "Ready" && (value === "True" || reason === "ConfigError"));

const tellsOfChannels =
  (wanted: string | undefined, text = "") =>
  ({ status, metadata }: Awaited<ReturnType<Claw["instances"]["get"]>>) => {
    const said = status.conditions.find(({ type }) => type === "ChannelsReady");
    return status.observedGeneration === metadata.generation && said?.status === wanted && (said?.message ?? "").includes(text);
  };

/** What its agent has written down of the claw that runs. */
async function runDir(): Promise<string> {
  return join(service.dataDir, "run", (await claw.instances.get("gateway")).metadata.uid);
}
async function running(): Promise<{ pid: number; startTime: string; port: number }> {
  return JSON.parse(await readFile(join(await runDir(), "state.json"), "utf8")).claw;
}

async function environmentOf(pid: number): Promise<Record<string, string>> {
  const entries = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0").map((entry) => /^([^=]*)=(.*)$/s.exec(entry));
  return Object.fromEntries(entries.flatMap((match) => (match ? [[match[1], match[2]]] : [])));
}

function cli(argv: readonly string[], options: Parameters<typeof runCli>[1] = {}) {
  return runCli(argv, { ...options, url: service.url, env: { CLAW_TOKEN: service.adminToken } });
}

async function say(text: string): Promise<{ answer: string; deltas: number; totalTokens: number | undefined }> {
  const chat = await claw.instances.chat("gateway");
  let answer = "";
  let deltas = 0;
  let totalTokens: number | undefined;
  for await (const event of chat.send(text)) {
    if (event.type === "error") {
      throw new Error(event.message);
    }
    deltas += event.type === "delta" ? 1 : 0;
    answer += event.type === "delta" ? event.text : "";
    totalTokens = event.type === "done" ? event.usage?.totalTokens : totalTokens;
  }
  chat.close();
  return { answer, deltas, totalTokens };
}

// One gateway for all of them, in order: a start costs ten CPU-seconds.
describe(`a real OpenClaw ${OPENCLAW_VERSION} behind the control plane`, () => {
  let token = "";

  it("tells which of its channels work, and why others don't, and is ready all the same", async ({ expect }) => {
    const { status } = await eventually(
      () => claw.instances.get("gateway"),
      tellsOfChannels("False", "connected: telegram/known"),
      120_000,
    );
    expect(status.conditions.find(({ type }) => type === "ChannelsReady")).toMatchObject({
      reason: "ChannelFailed",
      message: expect.stringMatching(/^telegram\/unknown: .*token unauthorized.*; connected: telegram\/known$/),
    });
    expect(isReady(status)).toBe(true);
    expect((await cli(["describe", "gateway"])).stdout).toContain("token unauthorized");
    expect((await cli(["get", "instances", "-o", "wide"])).stdout).toContain("ChannelFailed");

    const oneIsOff = { "model.name": "standin-1", ...twoBots(telegram.url), [`${UNKNOWN_BOT}.enabled`]: false };
    await claw.instances.replace("gateway", aGateway(oneIsOff));
    await eventually(() => claw.instances.get("gateway"), tellsOfChannels("True", "telegram"), 120_000);
    await claw.instances.replace("gateway", aGateway({ "model.name": "standin-1" }));
    await eventually(() => claw.instances.get("gateway"), tellsOfChannels(undefined), 120_000);
    await settled("Running");
  });

  it("streams an answer, with its token usage at the end", async ({ expect }) => {
    const { answer, deltas, totalTokens } = await say("Hello");
    expect(answer).toContain('You said: "Hello"');
    expect(deltas).toBeGreaterThan(1);
    expect(totalTokens).toBeGreaterThan(0);
  });

  it("writes nothing of its own over what was declared: a refresh finds no drift, and what it takes", async ({ expect }) => {
    expect(await service.claw().stacks.refresh("acme")).toMatchObject({ drift: [], skipped: [] });
    const { status } = await eventually(
      () => claw.instances.get("gateway"),
      (instance) => instance.status.usage !== undefined,
      60_000,
    );
    expect(Number.parseInt(status.usage?.memory ?? "", 10)).toBeGreaterThan(100);
  });

  it("gives a terminal inside the instance: claw console", async ({ expect }) => {
    const { code, stdout } = await cli(["console", "gateway"], {
      stdin: 'echo "[$OPENCLAW_STATE_DIR][$OPENCLAW_GATEWAY_TOKEN]"\nopenclaw --version\nexit\n',
    });
    const [, stateDir = "", secret = ""] = /\[(\/[^\]]*)\]\[([\w-]+)\]/.exec(stdout) ?? [];
    token = secret;
    expect(stateDir.startsWith(join(service.dataDir, "tenants", "acme"))).toBe(true);
    expect(stdout).toContain(`OpenClaw ${OPENCLAW_VERSION}`);
    expect(code).toBe(0);
  });

  it("refuses a model that its tenant's policy does not allow, whoever chats", async ({ expect }) => {
    const { port } = await running();
    const body = JSON.stringify({ model: "openclaw", messages: [{ role: "user", content: "Hello" }] });
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "x-openclaw-model": "openai/gpt-5" };
    const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, { method: "POST", headers, body });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("is not allowed for agent");
  });

  it("shows its log as it is written: claw logs -f", async ({ expect }) => {
    const interrupt = new AbortController();
    const { code, stdout } = await cli(["logs", "gateway", "-f"], {
      signal: interrupt.signal,
      onStdout: (text) => text.includes("[gateway]") && interrupt.abort(),
    });
    expect(stdout).toMatch(/\[gateway\] .*(ready|listening)/);
    expect(code).toBe(130);
  });

  it("takes over a setting without a restart, as the preview said", async ({ expect }) => {
    const before = await running();
    const preview = await claw.previews.create({ manifests: [aGateway({ "model.name": "standin-2" })] });
    expect(preview.items[0]).toMatchObject({ op: "update", effect: "hot-reload" });
    await claw.previews.apply(preview.planId ?? "");
    await settled("Running");
    await eventually(
      () => say("Who are you?"),
      ({ answer }) => answer.includes("I am standin-2"),
      120_000,
    );
    const { pid, startTime } = await running();
    expect({ pid, startTime }).toEqual({ pid: before.pid, startTime: before.startTime });
    expect(await uptimeMs()).toBeGreaterThan(5_000);
  });

  it("is refused at the write what only the program knows to be wrong, and goes on as it was", async ({ expect }) => {
    const file = join(await tempDir(), "gateway.json");
    // A rule of the plugins that it has.
    const wrong = aGateway({ "model.name": "standin-2", "native.tools.web.search.provider": "nobody" });
    await writeFile(file, JSON.stringify(wrong));
    const refused = await cli(["apply", "-f", file, "--tenant", "acme", "--yes", "--wait", "--timeout", "120"]);
    expect(refused.stderr).toContain("unknown web_search provider: nobody");
    expect(refused.code).not.toBe(0);
    const { conditions } = (await claw.instances.get("gateway")).status;
    expect(conditions).toContainEqual(expect.objectContaining({ type: "ConfigSynced", status: "True", reason: "Applied" }));
    expect((await say("Are you well?")).answer).toContain("I am standin-2");
  });

  it("goes on with its former configuration when it refuses one that nobody could check", async ({ expect }) => {
    const file = join(await tempDir(), "gateway.json");
    await writeFile(file, JSON.stringify(aGateway({ "model.name": "standin-3", "native.tools.web.search.provider": "somebody" })));
    const before = await running();
    // Without its program it can't be asked; the one that runs has been loaded.
    await rename(program, `${program}.away`);
    const argv = ["apply", "-f", file, "--tenant", "acme", "--yes", "--allow-unchecked", "--wait", "--timeout", "120"];
    const applied = await cli(argv).finally(() => rename(`${program}.away`, program));
    expect(applied.code).not.toBe(0);
    expect(applied.stdout + applied.stderr).toContain("unknown web_search provider: somebody");
    const { conditions } = (await claw.instances.get("gateway")).status;
    expect(conditions).toContainEqual(expect.objectContaining({ type: "ConfigSynced", status: "False", reason: "Refused" }));
    expect((await say("Are you still the same?")).answer).toContain("I am standin-2");
    const { pid, startTime } = await running();
    expect({ pid, startTime }).toEqual({ pid: before.pid, startTime: before.startTime });
    await claw.instances.replace("gateway", aGateway({ "model.name": "standin-2" }));
    await settled("Running");
  });

  it("says itself what it runs with: what somebody changes in its file is found in both, and undone without a restart", async ({
    expect,
  }) => {
    const before = await running();
    const consistency = () => claw.instances.consistency("gateway");
    expect(await consistency()).toMatchObject({ state: "consistent", live: "applied", differences: [] });
    const { OPENCLAW_CONFIG_PATH: file = "" } = await environmentOf(before.pid);
    await writeFile(file, (await readFile(file, "utf8")).replaceAll("standin-2", "standin-3"));
    const { differences } = await eventually(
      consistency,
      (found) => found.differences.some(({ disk, live }) => disk !== undefined && live === disk),
      60_000,
    );
    expect(differences).toContainEqual(
      expect.objectContaining({
        declared: expect.stringContaining("standin-2"),
        disk: expect.stringContaining("standin-3"),
        live: expect.stringContaining("standin-3"),
        state: "differs",
      }),
    );
    await claw.instances.revert("gateway");
    await eventually(consistency, ({ state, live }) => state === "consistent" && live === "applied", 60_000);
    expect((await say("Who are you now?")).answer).toContain("I am standin-2");
    const { pid, startTime } = await running();
    expect({ pid, startTime }).toEqual({ pid: before.pid, startTime: before.startTime });
  });

  it("restarts in the same process for a setting that needs it, as the preview said", async ({ expect }) => {
    const before = await running();
    const changed = aGateway({ "model.name": "standin-2", "native.gateway.controlUi.basePath": "/ui" });
    const preview = await claw.previews.create({ manifests: [changed] });
    expect(preview.items[0]).toMatchObject({ op: "update", effect: "restart" });
    const uptimeBeforeMs = await uptimeMs();
    await claw.previews.apply(preview.planId ?? "");
    // What was last said of it may be older than the restart.
    await eventually(
      () => uptimeMs().catch(() => Number.POSITIVE_INFINITY),
      (uptime) => uptime < uptimeBeforeMs,
      120_000,
    );
    await settled("Running");
    expect(await running()).toMatchObject({ pid: before.pid, port: before.port });
    expect((await claw.instances.get("gateway")).status.restarts).toBe(0);
    expect(await (await fetch(`http://127.0.0.1:${before.port}/ui/`)).text()).toContain("<title>OpenClaw");
  });

  it("finishes the turn in flight when it is stopped", async ({ expect }) => {
    const { pid } = await running();
    const chat = await claw.instances.chat("gateway");
    const turn = chat.send("Take your time");
    await turn.next();
    await claw.instances.stop("gateway");
    let last: unknown;
    for await (const event of turn) {
      last = event;
    }
    chat.close();
    expect(last).toMatchObject({ type: "done" });
    await settled("Stopped");
    expect(() => process.kill(pid, 0)).toThrow();
  });

  it("is reached by its own clients through claw connect, which need no token of its, and listens on the loopback interface only", async ({
    expect,
  }) => {
    await claw.instances.start("gateway");
    await settled("Running");
    const interrupt = new AbortController();
    let address: (url: string) => void = () => {};
    const url = new Promise<string>((resolve) => {
      address = resolve;
    });
    const connection = cli(["connect", "gateway"], { signal: interrupt.signal, onStdout: (text) => address(text.trim()) });
    try {
      // Its command line.
      const { origin, host, hash } = new URL(await url);
      const pass = hash.replace("#token=", "");
      expect(pass).not.toBe(token);
      const call = async (method: string, presented: string) => {
        const args = [program, "gateway", "call", method, "--url", `ws://${host}`, "--token", presented, "--json"];
        const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH: process.env["PATH"], HOME: await tempDir() } });
        return JSON.parse(stdout);
      };
      expect(await call("health", pass)).toMatchObject({ ok: true, configReload: { hotReloadStatus: "active" } });
      expect(await call("health", token)).toMatchObject({ ok: true });
      await expect(call("health", `${pass}x`)).rejects.toThrow();
      // What takes rights of an operator's, and its HTTP.
      expect(await call("config.get", pass)).toMatchObject({ valid: true });
      const models = (presented: string) => fetch(`${origin}/v1/models`, { headers: { authorization: `Bearer ${presented}` } });
      expect([(await models(pass)).status, (await models(`${pass}x`)).status]).toEqual([200, 401]);

      // Its web console, in a real browser.
      await talkInBrowser(`${origin}/ui/${hash}`, "Hello from a browser");
    } finally {
      interrupt.abort();
      expect((await connection).code).toBe(130);
    }

    const { port } = await running();
    for (const { address: host } of Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ internal, family }) => !internal && family === "IPv4")) {
      const socket = connect({ host, port });
      await expect(once(socket, "connect")).rejects.toThrow("ECONNREFUSED");
    }
    const refused = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, { method: "POST", body: "{}" });
    expect(refused.status).toBe(401);
  });

  it("is opened by claw open at an origin of its own, where its own web console is signed in", async () => {
    const { stdout } = await cli(["open", "gateway", "--print", "--path", "/ui/"]);
    await talkInBrowser(stdout.trim(), "Hello from an origin of its own");
  });

  it("is talked to in the console, which shows how it does and what it runs with", async ({ expect }) => {
    await promisify(execFile)(process.execPath, ["--disable-warning=ExperimentalWarning", join(root, "deploy/console.ts")]);
    const headers = { authorization: `Bearer ${service.adminToken}` };
    const { url } = (await (await fetch(`${service.url}/auth/links`, { method: "POST", headers })).json()) as { url: string };
    const browser = await startChromium();
    try {
      const page = await browser.newPage({ viewport: { width: 1360, height: 850 } });
      page.setDefaultTimeout(60_000);
      await page.goto(url);
      await page.getByRole("heading", { name: "Overview" }).waitFor();
      await page.goto(`${service.url}/t/acme/instances/gateway/chat`);
      await page.getByRole("textbox", { name: /Say something/ }).fill("Hello from the console");
      await page.keyboard.press("Enter");
      await page.getByText(/tokens in/).waitFor();
      expect(await page.getByRole("log").textContent()).toContain('You said: "Hello from the console"');
      await mkdir(pictures, { recursive: true });
      await page.screenshot({ path: join(pictures, "openclaw-chat.png") });
      await page.getByRole("link", { name: "Logs" }).click();
      await page
        .getByRole("log", { name: "Logs" })
        .getByText(/gateway/)
        .first()
        .waitFor();
      await page.screenshot({ path: join(pictures, "openclaw-logs.png") });
      await page.getByRole("link", { name: "Metrics" }).click();
      await page.getByRole("img", { name: /^CPU: [\d.]+m now/ }).waitFor();
      await page.goto(`${service.url}/t/acme/instances/gateway/consistency`);
      await page.getByText("It says that it uses its file as it is.").waitFor();
      await page.screenshot({ path: join(pictures, "openclaw-consistency.png") });
    } finally {
      await browser.close();
    }
  });

  it("is failed and not started again when it refuses its configuration", async ({ expect }) => {
    await claw.instances.kill("gateway");
    const { metadata } = await settled("Stopped");
    const config = join(service.dataDir, "tenants", "acme", metadata.uid, "config", "openclaw.json");
    await writeFile(config, "{}");
    await claw.instances.start("gateway");
    const { status } = await settled("Failed");
    expect(status.restarts).toBe(0);
    const ready = status.conditions.find(({ type }) => type === "Ready");
    expect(ready).toMatchObject({ status: "False", reason: "ConfigError" });
    expect(ready?.message).toContain("gateway.mode");
    expect((await cli(["describe", "gateway"])).stdout).toContain("ConfigError");
    expect((await cli(["get", "instances", "-o", "wide"])).stdout).toContain("ConfigError");
  });
});

describe("whole configurations, as people have them", () => {
  let whole: Claw;
  beforeAll(async () => {
    await service.claw().tenants.create(aTenant("whole"));
    whole = service.claw("whole");
  });

  it.for(wholeConfigs.map((each, index) => ({ ...each, id: `whole-${index}` })))(
    "are refused with the keys named, and once corrected rendered for the program: $name",
    async ({ id, config, variables, refused, unusable, corrections, plugins }, { expect }) => {
      expect((await validated(config)).map(({ path }) => path)).toEqual(refused);
      const template = (base: unknown) => aTemplate(id, { adapter: "OpenClawAdapter", base });
      const issuesOf = ({ issues }: { issues: readonly { path: string }[] }) =>
        issues.map(({ path }) => path.replace("manifests[0].", "")).sort();
      const refusal = await whole.previews.create({ manifests: [template(config)] }).catch((error) => error);
      expect(refusal).toMatchObject({ code: "config.invalid" });
      expect(issuesOf(refusal)).toEqual(unusable);

      const corrected = structuredClone(config) as Record<string, unknown>;
      for (const [key, value] of Object.entries(corrections)) {
        removeAt(corrected, key);
        setAt(corrected, key, value);
      }
      const overrides = variables.map((name) => ({ key: `environment.${name}`, value: `a-${name.toLowerCase()}` }));
      const instance = anInstance(id, { type: "OpenClaw", running: false, config: { template: id, overrides } });
      const { planId } = await whole.previews.create({ manifests: [template(corrected), instance] });
      await whole.previews.apply(planId ?? "");
      const { metadata } = await eventually(
        () => whole.instances.get(id),
        ({ status, metadata: { generation } }) => status.phase === "Stopped" && status.observedGeneration === generation,
        120_000,
      );
      const file = join(service.dataDir, "tenants", "whole", metadata.uid, "config", "openclaw.json");
      const text = await readFile(file, "utf8");
      // A key is a secret, whatever it says.
      expect(text).not.toContain("ollama-local");
      const rendered = JSON.parse(text.replaceAll(/"\$\{CLAW_SECRET_\w*_OLLAMA_API_KEY\}"/g, '"ollama-local"'));
      expect(rendered).toMatchObject(JSON.parse(JSON.stringify({ ...corrected, plugins: rendered.plugins })));
      for (const plugin of plugins) {
        expect(rendered.plugins.entries[plugin]).toEqual({ enabled: true });
      }
      expect(JSON.stringify(rendered)).not.toContain("a-telegram");
    },
  );

  /** What the program itself says of a configuration. */
  async function validated(config: unknown): Promise<readonly { path: string }[]> {
    const home = await tempDir();
    const file = join(home, "openclaw.json");
    await writeFile(file, JSON.stringify(config));
    const env = {
      PATH: process.env["PATH"],
      HOME: home,
      OPENCLAW_STATE_DIR: home,
      OPENCLAW_CONFIG_PATH: file,
      OPENCLAW_GATEWAY_TOKEN: "t",
    };
    const asked = promisify(execFile)(process.execPath, [program, "config", "validate", "--json"], { env });
    const { stdout } = await asked.catch((error: { stdout: string }) => error);
    return JSON.parse(stdout).issues ?? [];
  }
});

async function uptimeMs(): Promise<number> {
  const { port } = await running();
  const answer = (await (await fetch(`http://127.0.0.1:${port}/startupz`)).json()) as { uptimeMs: number };
  return answer.uptimeMs;
}
