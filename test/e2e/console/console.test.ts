// One file, though a long one: all that people do in a browser, on one service and in one browser.
import { execFile, spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it, onTestFinished } from "vitest";
import { type PolicyInput, PolicyInputSchema } from "../../../sdk/contract/index.ts";
import { aToken } from "../../support/access.ts";
import { aClusterManifest } from "../../support/builders/cluster.ts";
import { anEcho, aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { startChromium } from "../../support/chromium.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

const root = join(import.meta.dirname, "../../..");
const pictures = join(root, "test-results/console");
const SHEET = "contact-sheet.png";
const DESK = { viewport: { width: 1360, height: 850 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

let service: TestService;
let browser: Browser;
/** A browser that is signed in as the platform's administrator. */
let signedIn: Awaited<ReturnType<BrowserContext["storageState"]>>;

beforeAll(async () => {
  await promisify(execFile)(process.execPath, ["--disable-warning=ExperimentalWarning", join(root, "deploy/console.ts")]);
  await mkdir(pictures, { recursive: true });
  service = await startTestService({ CLAW_RATE_LIMITS: "off" });
  browser = await startChromium();
  await service.claw().tenants.create(aTenant("acme", { quota: { instances: 40, cpu: "16", memory: "24Gi", storage: "200Gi" } }));
  await service.claw().tenants.create(aTenant("globex"));
  const claw = service.claw("acme");
  const variables = [{ name: "reply.prefix", type: "string", default: "Hello", description: "What an answer begins with" }];
  await claw.configs.create(aTemplate("greeter", { description: "Greets people", variables }));
  await claw.configs.publish("greeter", { message: "the first one" });
  await claw.policies.create(aPolicy("small", { rule: { name: "max-replicas", value: "2" } }));
  for (const name of ["assistant-1", "assistant-2"]) {
    await claw.instances.create(anEcho(name, {}, { labels: { team: "red" } }));
  }
  await Promise.all(Array.from({ length: 12 }, (_, index) => claw.instances.create(anEcho(`batch-${index + 1}`, { running: false }))));
  await service.claw("globex").instances.create(anEcho("secret-project", { running: false }));
  await claw.instances.wait("assistant-1", { until: "Ready" });
});
afterAll(async () => {
  if (browser) {
    await writeContactSheet();
  }
  await browser?.close();
  await service?.stop();
});

function aPolicy(name: string, spec: object): PolicyInput {
  return PolicyInputSchema.parse({ apiVersion: "clusterclaw.io/v1", kind: "Policy", metadata: { name }, spec });
}

/** What a page complains of is a fault of ours: a script that failed, or what the security policy refused. */
async function open(options: object = DESK, state: typeof signedIn | null = signedIn): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ ...options, ...(state && { storageState: state }) });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // That a request failed is told in red by the browser, whether it is shown to people or not.
    if (
      message.type() === "error" &&
      !message.text().startsWith("Failed to load resource") &&
      !message.text().includes("WebSocket connection")
    ) {
      complaints.push(message.text());
    }
  });
  return { page, complaints };
}

async function linkFor(token: string): Promise<string> {
  const response = await fetch(`${service.url}/auth/links`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
  return ((await response.json()) as { url: string }).url;
}

/** All pictures on one, for whoever wants to see everything at once. */
async function writeContactSheet(): Promise<void> {
  const names = (await readdir(pictures)).filter((name) => name.endsWith(".png") && name !== SHEET).sort();
  const figures = names.map(
    (name) => `<figure><img src="${name}" alt=""><figcaption>${name.slice(0, -".png".length)}</figcaption></figure>`,
  );
  const style = "body{display:flex;flex-wrap:wrap;gap:12px;font:12px sans-serif}figure{margin:0}img{height:300px;border:1px solid #999}";
  await writeFile(join(pictures, "index.html"), `<!doctype html><meta charset="utf-8"><style>${style}</style>${figures.join("\n")}\n`);
  const page = await browser.newPage({ viewport: { width: 1900, height: 1000 } });
  await page.goto(pathToFileURL(join(pictures, "index.html")).href);
  await page.screenshot({ path: join(pictures, SHEET), fullPage: true });
  await page.close();
}

/** To the processes that run stack operations. */
function signalWorkers(signal: "STOP" | "CONT"): void {
  spawnSync("pkill", [`-${signal}`, "-P", String(process.pid), "-f", "stack-worker"]);
}

/** What axe finds of WCAG 2.2 AA. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = (await page.evaluate(
    `window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ": " + nodes.map(({ target, failureSummary }) => target.join(" ") + " " + failureSummary).join("; ")))`,
  )) as string[];
  return found;
}

describe("signing in", () => {
  it("is one click on the link that the service's host gives out, which is good once and stays in no history", async ({ expect }) => {
    const { page, complaints } = await open(DESK, null);
    expect(await readFile(join(root, "docs/guides/console.md"), "utf8")).toContain("```sh\nclaw-server console\n```");
    const command = [join(root, "service/server/main.ts"), "console"];
    const env = { ...process.env, CLAW_DATA_DIR: service.dataDir };
    const link = (
      await promisify(execFile)(process.execPath, ["--disable-warning=ExperimentalWarning", ...command], { env })
    ).stdout.trim();
    await page.goto(link);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    expect(page.url()).toBe(`${service.url}/t/acme`);
    signedIn = await page.context().storageState();
    const { page: other } = await open(DESK, null);
    await other.goto(link);
    await other.getByText("The link did not work").waitFor();
    expect(other.url()).not.toContain("ticket");
    await other.screenshot({ path: join(pictures, "sign-in-used-link.png") });
    expect(complaints).toEqual([]);
  });

  it("by a token leads back to where one wanted to go", async ({ expect }) => {
    const { page, complaints } = await open(DESK, null);
    await page.goto(`${service.url}/t/acme/instances?q=assistant-2`);
    await page.getByLabel("Access token").fill("clawt_nobody");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await page.screenshot({ path: join(pictures, "sign-in.png") });
    await page.getByLabel("Access token").fill(service.adminToken);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("link", { name: "assistant-2" }).waitFor();
    expect(page.url()).toBe(`${service.url}/t/acme/instances?q=assistant-2`);
    expect(await page.getByRole("link", { name: /^batch-/ }).count()).toBe(0);
    await page.getByRole("button", { name: "admin" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByLabel("Access token").waitFor();
    await page.goto(`${service.url}/t/acme`);
    await page.getByLabel("Access token").waitFor();
    expect(complaints).toEqual([]);
  });

  it("shows somebody of another tenant nothing of this one", async ({ expect }) => {
    const { page } = await open(DESK, null);
    await page.goto(await linkFor(await aToken(service.claw("acme"), { name: "alice", role: "viewer" })));
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.goto(`${service.url}/t/globex/instances/secret-project`);
    await page.getByText("There is no such thing here").waitFor();
    expect(await page.content()).not.toContain("ins_");
    // And what one may not do here is there, and can't be done.
    await page.goto(`${service.url}/t/acme/instances/assistant-1`);
    expect(await page.getByRole("button", { name: "Stop" }).isDisabled()).toBe(true);
  });
});

describe("an instance", () => {
  it("is found by typing, talked to, and looked into", async ({ expect }) => {
    const { page, complaints } = await open();
    await page.goto(`${service.url}/t/acme`);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("assistant-1 chat");
    await page.getByRole("option", { name: "assistant-1: Chat" }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: /Say something/ }).fill("Hello there");
    await page.keyboard.press("Enter");
    await page.getByText(/tokens in/).waitFor();
    expect(await page.getByRole("log").textContent()).toMatch(/Hello there.*Hello there/s);
    await page.getByRole("link", { name: "Logs" }).click();
    await page.getByRole("log", { name: "Logs" }).getByText(/\w/).first().waitFor();
    await page.getByRole("link", { name: "Terminal" }).click();
    await page.getByRole("button", { name: "Open a terminal" }).click();
    await page.locator(".xterm-screen").waitFor();
    await page.locator(".xterm-helper-textarea").waitFor({ state: "attached" });
    await eventually(
      async () => {
        await page.keyboard.type("echo $((6 * 7))-inside\n");
        return page.locator(".xterm-rows").textContent();
      },
      (text) => text?.includes("42-inside") ?? false,
      20_000,
    );
    await page.getByRole("link", { name: "Metrics" }).click();
    await page.getByRole("img", { name: /^CPU: [\d.]+m now/ }).waitFor();
    await page.getByRole("link", { name: "Configuration" }).click();
    await page.getByRole("button", { name: "Files" }).click();
    await page.getByRole("region", { name: /\.json$/ }).waitFor();
    await page.getByRole("button", { name: "Actions" }).click();
    const [own] = await Promise.all([page.waitForEvent("popup"), page.getByRole("menuitem", { name: "Open its own page" }).click()]);
    await own.waitForURL(/^http:\/\/assistant-1-[0-9a-f]+\.localhost/);
    await page.getByRole("link", { name: "Specification" }).click();
    await page.getByText("kind: ClawInstance").waitFor();
    expect(complaints).toEqual([]);
  });

  it("is stopped when its preview has been seen, and started again", async ({ expect }) => {
    const { page, complaints } = await open();
    await page.goto(`${service.url}/t/acme/instances/assistant-2`);
    await page.getByRole("button", { name: "Stop" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("spec.running").first().waitFor();
    await page.screenshot({ path: join(pictures, "instance-stop-preview.png") });
    expect((await service.claw("acme").instances.get("assistant-2")).spec.running).toBe(true);
    await dialog.getByRole("button", { name: "Stop assistant-2" }).click();
    await page.getByRole("status").getByText("Stopping assistant-2").waitFor();
    await page.getByRole("button", { name: "Start", exact: true }).waitFor();
    expect((await service.claw("acme").instances.get("assistant-2")).spec.running).toBe(false);
    await page.getByText("Stopped", { exact: true }).first().waitFor();
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await dialog.getByRole("button", { name: "Start assistant-2" }).click();
    await page.getByText("Running", { exact: true }).first().waitFor();
    expect(complaints).toEqual([]);
  });

  it("whose file somebody changed is found, and the change kept when its preview has been seen", async ({ expect }) => {
    const { page, complaints } = await open();
    const claw = service.claw("acme");
    const { uid } = (await claw.instances.get("assistant-1")).metadata;
    const file = join(service.dataDir, "tenants/acme", uid, "config/config.json");
    await writeFile(file, JSON.stringify({ reply: { prefix: "by hand: ", wordDelayMs: 0 } }));
    await page.goto(`${service.url}/t/acme/consistency?labels=team%3Dred`);
    await page.getByText("Differs", { exact: true }).waitFor();
    await page.getByRole("link", { name: /assistant-1/ }).click();
    await page.getByText("config.json was changed by").waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.screenshot({ path: join(pictures, "instance-consistency.png") });
    await page.getByRole("button", { name: "Adopt", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("spec.config.overrides").first().waitFor();
    await dialog.getByRole("button", { name: "Adopt into assistant-1" }).click();
    await page.getByText("Everything is as declared").waitFor({ timeout: 20_000 });
    const { spec } = await claw.instances.get("assistant-1");
    expect(spec.config.overrides).toEqual([{ key: "reply.prefix", value: "by hand: " }]);
    expect(complaints).toEqual([]);
  });

  it("is destroyed with others in one plan", async ({ expect }) => {
    const { page, complaints } = await open();
    await page.goto(`${service.url}/t/acme/instances?q=batch-1`);
    // Columns and filters are kept under a name, and are in the address.
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByRole("menuitemcheckbox", { name: "Labels" }).click();
    await page.keyboard.press("Escape");
    await page.getByRole("columnheader", { name: "Labels" }).waitFor();
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("menuitem", { name: "Keep this view…" }).click();
    await page.getByLabel("Name", { exact: true }).fill("The batch");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "The batch" }).waitFor();
    await page.getByRole("button", { name: "Clear filters" }).click();
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("menuitem", { name: "The batch" }).click();
    await page.waitForURL(/q=batch-1.*columns=.*labels/);
    await page.getByRole("checkbox", { name: "Select 4 instances" }).check();
    await page.getByRole("toolbar").getByRole("button", { name: "Destroy" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("ClawInstance/batch-12").waitFor();
    await page.screenshot({ path: join(pictures, "instances-destroy-preview.png") });
    await dialog.getByRole("button", { name: "Destroy 4 instances" }).click();
    // What became of each is told while it goes on.
    await page.getByText("4 done").waitFor({ timeout: 30_000 });
    await page.getByText("Each of them").click();
    await page.getByRole("region", { name: "What became of each" }).getByText("batch-12").waitFor();
    await page.screenshot({ path: join(pictures, "instances-destroyed.png") });
    await page.getByText("No instance matches").waitFor();
    expect((await service.claw("acme").instances.list()).items.map(({ metadata }) => metadata.name)).not.toContain("batch-12");
    expect(complaints).toEqual([]);
  });
});

describe("a declaration", () => {
  it("is written by a form, and made when its preview has been seen", async ({ expect }) => {
    const { page, complaints } = await open();
    await page.goto(`${service.url}/t/acme/instances`);
    await page.getByRole("link", { name: "New instance" }).click();
    await page.getByLabel("Type", { exact: true }).selectOption("Echo");
    await page.getByLabel("Config template").selectOption("greeter");
    await page.getByLabel("Name", { exact: true }).fill("assistant-1");
    await page.getByText("There is one of this name.").waitFor();
    expect(await page.getByRole("button", { name: "Preview" }).isDisabled()).toBe(true);
    await page.getByLabel("Name", { exact: true }).fill("made-here");
    await page.getByLabel(/^reply.prefix/).fill("Good day");
    for (const [name, value] of [
      ["CPU", "100m"],
      ["Memory", "64Mi"],
      ["Storage", "1Gi"],
    ] as const) {
      await page.getByLabel(name).fill(value);
    }
    await page.screenshot({ path: join(pictures, "create.png") });
    await page.getByRole("button", { name: "Preview" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("ClawInstance/made-here").waitFor();
    const link = await dialog.getByRole("link", { name: "Link to this preview" }).getAttribute("href");
    await page.screenshot({ path: join(pictures, "create-preview.png") });
    // A colleague sees the same, and does exactly that.
    const { page: colleague } = await open();
    await colleague.goto(`${service.url}${link}`);
    await colleague.getByText("ClawInstance/made-here").waitFor();
    await colleague.screenshot({ path: join(pictures, "preview.png"), fullPage: true });
    await colleague.getByRole("button", { name: "Apply exactly this" }).click();
    // Held where it is, the engine is seen at work: what is done, what is under way.
    const isRunning = async () => {
      const operations = await service
        .claw("acme")
        .instances.operations("made-here")
        .catch(() => ({ items: [] }));
      return operations.items[0]?.resources.find(({ name }) => name === "made-here-process")?.state === "running";
    };
    await expect.poll(isRunning, { interval: 10, timeout: 30_000 }).toBe(true);
    signalWorkers("STOP");
    onTestFinished(() => signalWorkers("CONT"));
    await page.goto(`${service.url}/t/acme/instances/made-here/operations`);
    const resources = page.getByRole("listitem").filter({ hasText: "made-here-process" });
    await resources.getByText("create: under way").first().waitFor();
    await page.getByText("create: done").first().waitFor();
    await page.screenshot({ path: join(pictures, "instance-operations-running.png") });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.screenshot({ path: join(pictures, "instance-operations-running-dark.png") });
    signalWorkers("CONT");
    await resources.getByText("create: done").first().waitFor();
    await page.getByText("Apply generation 1").waitFor();
    await colleague.getByText("Applied: exactly what was shown.").waitFor();
    await page.goto(`${service.url}/t/acme/instances/made-here/config`);
    await page.getByText("Good day").waitFor();
    await page.getByText("Running", { exact: true }).first().waitFor();
    expect(complaints).toEqual([]);
  });

  it("that a policy refuses is not made, and says why and what to do", async ({ expect }) => {
    const { page } = await open();
    await page.goto(`${service.url}/t/acme/instances/assistant-2/spec`);
    await page.getByRole("button", { name: "Edit" }).click();
    const editor = page.getByRole("textbox", { name: "Manifest" });
    await editor.locator(".cm-line", { hasText: "replicas: 1" }).click();
    await page.keyboard.press("End");
    await page.keyboard.press("Backspace");
    await page.keyboard.type("seven");
    // By the schema already while one types.
    await page.locator(".cm-lintRange-error", { hasText: "seven" }).waitFor();
    await page.getByRole("status").getByText("spec.replicas: expected number, received string").waitFor();
    await page.screenshot({ path: join(pictures, "instance-spec-typed.png") });
    await page.getByRole("button", { name: "Preview" }).click();
    // What the service finds wrong stands at its line.
    await page
      .getByRole("dialog")
      .getByText(/replicas/)
      .first()
      .waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".cm-lintRange-error", { hasText: "seven" }).waitFor();
    await page.screenshot({ path: join(pictures, "instance-spec-marked.png") });
    await editor.locator(".cm-line", { hasText: "seven" }).click();
    await page.keyboard.press("End");
    for (const _ of "seven") {
      await page.keyboard.press("Backspace");
    }
    await page.keyboard.type("7");
    await page.getByRole("button", { name: "Preview" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("This can't be applied").waitFor();
    await dialog.getByText(/small/).first().waitFor();
    expect(await dialog.getByRole("button", { name: "Apply to assistant-2" }).isDisabled()).toBe(true);
    await page.screenshot({ path: join(pictures, "instance-spec-refused.png") });
    await page.keyboard.press("Escape");
    // What was typed is still there.
    expect(await editor.textContent()).toContain("replicas: 7");
  });

  it("of a template is published with the instances that it touches, compared and rolled back", async ({ expect }) => {
    const { page, complaints } = await open();
    const claw = service.claw("acme");
    const { spec, ...rest } = await claw.configs.get("greeter");
    await claw.configs.replace("greeter", { ...rest, spec: { ...spec, description: "Greets everybody" } });
    await page.goto(`${service.url}/t/acme/configs/greeter`);
    const dialog = page.getByRole("dialog");
    await page.getByRole("button", { name: "Publish" }).click();
    await dialog.getByRole("button", { name: "Publish greeter" }).click();
    await page.getByText("v2", { exact: true }).first().waitFor();
    // What is delivered is followed by the stack: a preview from before holds no longer.
    await claw.instances.wait("made-here");
    await page.getByRole("button", { name: "Compare" }).last().click();
    await page.getByText("Greets everybody").first().waitFor();
    await page.screenshot({ path: join(pictures, "template.png") });
    await page.getByRole("button", { name: "Roll back to it" }).click();
    await dialog.getByRole("button", { name: "Roll greeter back" }).click();
    await page.getByText("v3", { exact: true }).first().waitFor();
    expect((await service.claw("acme").configs.versions("greeter")).items[0]).toMatchObject({ version: 3, restores: 1 });
    expect(complaints).toEqual([]);
  });

  it("is on record with who made it, and the record is verified", async ({ expect }) => {
    const { page, complaints } = await open();
    await page.goto(`${service.url}/t/acme/audit?action=config.rollback`);
    await page.getByText("config.rollback").first().waitFor();
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText(/records verified/).waitFor();
    expect(complaints).toEqual([]);
  });
});

describe("what keeps a platform going", () => {
  it("is done here: tokens, a quota, a policy that is tried, a stack that is looked into", async ({ expect }) => {
    const { page, complaints } = await open();
    const dialog = page.getByRole("dialog");
    const claw = service.claw("acme");
    await claw.serviceAccounts.create({ apiVersion: "clusterclaw.io/v1", kind: "ServiceAccount", metadata: { name: "robot" } });
    await page.goto(`${service.url}/t/acme/tokens`);
    await page.getByRole("button", { name: "New token" }).click();
    await dialog.getByLabel("Name", { exact: true }).fill("ci");
    await dialog.getByRole("button", { name: "Make ci" }).click();
    await dialog.getByText(/^This is the token/).waitFor();
    await dialog.getByRole("button", { name: "I have kept it" }).click();
    await page.getByRole("button", { name: "Revoke", exact: true }).first().click();
    await dialog.getByRole("button", { name: "Revoke ci" }).click();
    await page.getByText("revoked", { exact: true }).waitFor();
    await page.goto(`${service.url}/t/acme/tenants/acme`);
    await page.getByRole("button", { name: "Change the quota" }).click();
    await page.getByLabel("Instances", { exact: true }).fill("41");
    await page.getByRole("button", { name: "Preview" }).click();
    await dialog.getByText("spec.quota.instances").first().waitFor();
    await dialog.getByRole("button", { name: "Change the quota of acme" }).click();
    await page.getByText("The quota of acme is another now").waitFor();
    expect((await service.claw().tenants.quota("acme")).hard.instances).toBe(41);
    await page.goto(`${service.url}/t/acme/policies/small`);
    await page.getByRole("button", { name: "Try it" }).click();
    await page.getByText(/^None of \d+ instances violates it/).waitFor();
    await page.goto(`${service.url}/t/acme/stacks`);
    await page.getByText("update", { exact: true }).first().waitFor();
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByText(/^\d+ resources$/).waitFor();
    await page.screenshot({ path: join(pictures, "stack.png") });
    expect(complaints).toEqual([]);
  });

  it("is a rollout that is paused, let go on, approved and aborted, each with its preview", async ({ expect }) => {
    const { page, complaints } = await open();
    const dialog = page.getByRole("dialog");
    const claw = service.claw("acme");
    const { spec, ...rest } = await claw.configs.get("greeter");
    await claw.configs.replace("greeter", { ...rest, spec: { ...spec, description: "Held back" } });
    const { version } = await claw.configs.publish("greeter", { message: "for the few", hold: true });
    await claw.instances.create(anEcho("second", { config: { template: "greeter", overrides: [] } }));
    await claw.instances.wait("second", { until: "Ready" });
    const other = anEcho("second", { config: { template: "greeter", overrides: [{ key: "reply.prefix", value: "Hey" }] } });
    const { id } = await claw.previews.create({ manifests: [other] });
    await page.goto(`${service.url}/t/acme/previews/${id}`);
    await page.getByRole("button", { name: "Side by side" }).click();
    await page.getByRole("button", { name: "One under the other" }).waitFor();
    await page.screenshot({ path: join(pictures, "preview-side-by-side.png") });
    const begin = async (name: string) => {
      await claw.rollouts.create({
        apiVersion: "clusterclaw.io/v1",
        kind: "Rollout",
        metadata: { name },
        spec: { change: { config: { template: "greeter", version } }, bakeSeconds: 1, approval: "each-wave" },
      });
      await page.goto(`${service.url}/t/acme/rollouts/${name}`);
    };
    await begin("given-up");
    const act = async (button: string, confirm: string) => {
      await page.getByRole("button", { name: button, exact: true }).click();
      await dialog.getByRole("button", { name: confirm }).click();
      await dialog.waitFor({ state: "detached" });
    };
    await act("Abort", "Abort given-up");
    await page
      .getByText(/^(Aborted|Rolled back)$/)
      .first()
      .waitFor({ timeout: 30_000 });
    await begin("gently");
    await act("Pause", "Pause gently");
    await page.getByText("Paused", { exact: true }).first().waitFor();
    await act("Go on", "Go on with gently");
    await page.getByText("Waits for approval", { exact: true }).first().waitFor({ timeout: 30_000 });
    await page.screenshot({ path: join(pictures, "rollout.png") });
    await act("Approve", "Approve gently");
    await page
      .getByText(/^(Under way|Completed)$/)
      .first()
      .waitFor();
    expect(complaints).toEqual([]);
  });
});

describe("a cluster", () => {
  const { cluster } = useCluster();

  it("shows what it has, and is emptied with what that comes to, closed and opened", async ({ expect }) => {
    const { page, complaints } = await open();
    const { kubeconfig } = cluster();
    const platform = service.claw();
    const tenant = `shipped-${process.pid}`;
    const register = (name: string) =>
      platform.clusters.create(
        aClusterManifest(
          name,
          {
            ...{ credentials: { source: "kubeconfig", kubeconfig }, capacity: { instances: 20 }, namespacePrefix: `${name}-` },
            images: { agent: "claw-agent:test", claws: { Echo: "claw-echo:test" } },
          },
          { labels: { fleet: "console" } },
        ),
      );
    await register("east");
    await platform.tenants.create(aTenant(tenant));
    const claw = service.claw(tenant);
    onTestFinished(async () => {
      await claw.instances.delete("may-move");
      await claw.instances.wait("may-move", { until: "Destroyed" });
    });
    const placement = { selector: { fleet: "console" } };
    await claw.instances.create(anEcho("may-move", { running: false, deletionPolicy: "delete", placement }));
    const isSettled = (on: string) =>
      eventually(
        () => claw.instances.get("may-move"),
        ({ status }) => status.cluster === on && status.phase === "Stopped" && status.observedGeneration > 0,
      );
    await isSettled("east");
    await register("west");
    await page.goto(`${service.url}/t/acme/clusters`);
    await page.getByRole("row", { name: /west/ }).getByText("Ready", { exact: true }).waitFor();
    await page.screenshot({ path: join(pictures, "clusters.png") });
    await page.getByRole("link", { name: "east" }).click();
    await page.getByText(/^\d+ nodes, Kubernetes/).waitFor();
    await page.getByRole("meter", { name: "Instances" }).waitFor();
    await page.screenshot({ path: join(pictures, "cluster.png") });
    expect(await faultsOf(page)).toEqual([]);
    const dialog = page.getByRole("dialog");
    await page.getByRole("button", { name: "Drain" }).click();
    await dialog.getByText(/may-move: its data would be deleted/).waitFor();
    await dialog.getByRole("checkbox").check();
    await dialog.getByText(`${tenant}/may-move → west`).waitFor();
    await page.screenshot({ path: join(pictures, "cluster-drain.png") });
    expect(await faultsOf(page)).toEqual([]);
    // Nothing has happened by looking.
    expect((await platform.clusters.get("east")).status.phase).toBe("Ready");
    await dialog.getByRole("button", { name: "Drain east" }).click();
    await page.getByText("Closed for new instances").first().waitFor();
    await isSettled("west");
    await page.getByRole("button", { name: "Open for new instances" }).click();
    await dialog.getByRole("button", { name: "Open east" }).click();
    await page.getByRole("button", { name: "Close for new instances" }).waitFor();
    expect(complaints).toEqual([]);
  });
});

describe("the console", () => {
  it("goes on while the control plane starts anew, and says that it does not answer", async ({ expect }) => {
    const { page } = await open();
    await page.goto(`${service.url}/t/acme/instances`);
    await page.getByRole("link", { name: "assistant-1" }).waitFor();
    await eventually(() => page.evaluate("navigator.serviceWorker.controller !== null"), Boolean, 15_000);
    await service.restart(undefined, async () => {
      await page.getByText("The control plane does not answer.").waitFor({ timeout: 30_000 });
      // What was shown stays.
      expect(await page.getByRole("link", { name: "assistant-1" }).isVisible()).toBe(true);
      await page.screenshot({ path: join(pictures, "instances-offline.png") });
      // It opens without the service too, of what the browser has kept.
      await page.reload();
      await page.getByText("The control plane does not answer.").first().waitFor({ timeout: 30_000 });
    });
    await page.getByText("The control plane does not answer.").first().waitFor({ state: "detached", timeout: 30_000 });
    await page.getByRole("link", { name: "assistant-1" }).click();
    await page.getByRole("heading", { name: /assistant-1/ }).waitFor();
  });

  const pages: readonly (readonly [name: string, path: string, ready: RegExp])[] = [
    ["overview", "", /Running|运行中/],
    ["instances", "/instances", /assistant-1/],
    ["instances-none", "/instances?q=nothing-is-called-so", /No instance matches|没有匹配的实例/],
    ["instance", "/instances/assistant-1", /AgentConnected/],
    ["instance-metrics", "/instances/assistant-1/metrics", /CPU/],
    ["instance-config", "/instances/assistant-1/config", /Configuration|配置/],
    ["instance-operations", "/instances/assistant-1/operations", /assistant-1-process/],
    ["instance-events", "/instances/assistant-1/events", /PhaseChanged/],
    ["instance-chat", "/instances/assistant-1/chat", /assistant-1/],
    ["instance-logs", "/instances/assistant-1/logs", /assistant-1/],
    ["instance-spec", "/instances/assistant-1/spec", /apiVersion/],
    ["create", "/create-instance", /CPU/],
    ["templates", "/configs", /greeter/],
    ["template", "/configs/greeter", /reply.prefix/],
    ["policies", "/policies", /small/],
    ["roles-empty", "/roles", /None yet|暂无/],
    ["audit", "/audit", /instance.create/],
    ["tenants", "/tenants", /globex/],
    ["tenant", "/tenants/acme", /41/],
    ["tokens", "/tokens", /alice/],
    ["sessions", "/sessions", /127\.0\.0\.1|::1/],
    ["stacks", "/stacks", /update/],
    ["rollout", "/rollouts/gently", /wave|first|rest/],
    ["not-found", "/instances/nobody", /no such thing|未找到/],
  ];

  it.for([
    { name: "desk-light", device: { ...DESK, colorScheme: "light", locale: "en" } },
    { name: "desk-dark", device: { ...DESK, colorScheme: "dark", locale: "zh-CN" } },
    { name: "phone-light", device: { ...PHONE, colorScheme: "light", locale: "zh-CN" } },
    { name: "phone-dark", device: { ...PHONE, colorScheme: "dark", locale: "en" } },
  ])("can be read and used by everybody: $name", async ({ name, device }, { expect }) => {
    const { page, complaints } = await open({ ...device, reducedMotion: "reduce" });
    const faults: string[] = [];
    for (const [pageName, path, ready] of pages) {
      await page.goto(`${service.url}/t/acme${path}`);
      await page.locator("#content").getByText(ready).first().waitFor();
      await page.screenshot({ path: join(pictures, `${pageName}.${name}.png`) });
      faults.push(...(await faultsOf(page)).map((fault) => `${pageName}: ${fault}`));
      const overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      expect([pageName, overflow]).toEqual([pageName, 0]);
    }
    expect(faults).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it("is used with the keyboard alone", async ({ expect }) => {
    const { page, complaints } = await open();
    await page.goto(`${service.url}/t/acme`);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("i");
    await page.getByRole("heading", { name: "Instances" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("assistant-1");
    await page.getByText(/^1 of \d+ instances$/).waitFor();
    expect(page.url()).toContain("?q=assistant-1");
    await page.keyboard.press("Tab");
    await page.evaluate("document.activeElement.blur()");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
    await page.screenshot({ path: join(pictures, "keyboard.png") });
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });
});
