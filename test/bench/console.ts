import { execFile } from "node:child_process";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import type { Browser, BrowserContext, CDPSession, Page } from "playwright-core";
import { anEcho, aTenant } from "../support/builders/manifests.ts";
import { startChromium } from "../support/chromium.ts";
import { createEmptyDatabase } from "../support/postgres.ts";
import { cpuSeconds, type ServiceProcess, startServiceProcess } from "../support/service-process.ts";
import { setup } from "../support/services.ts";
import { atMost, type Figure, percentile, shown } from "./figure.ts";

/** `CLAW_BENCH_INSTANCES=5000` for comparison. */
const INSTANCES = Number(process.env["CLAW_BENCH_INSTANCES"] ?? 10_000);
const TENANT = "fleet";
const DESK = { viewport: { width: 1360, height: 850 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
/** A phone of the middle, at the edge of a city: what audits of pages are made with. */
const CPU_SLOWDOWN = 4;
const SLOW_NETWORK = { offline: false, latency: 150, downloadThroughput: (1.6 * 1024 * 1024) / 8, uploadThroughput: (750 * 1024) / 8 };
const COST_SECONDS = 65;
/** An hour at two changes a second. */
const CHANGES = 7_200;
const CHANGES_AT_ONCE = 100;
const LINES_PER_SECOND = 1_000;
const LOG_SECONDS = 15;

/** What people wait for who look at a large fleet, and what their looking costs the service. */
export async function bench(): Promise<Figure[]> {
  const stopServers = await setup();
  const database = await createEmptyDatabase();
  const rows = new Client(database.url);
  await rows.connect();
  await promisify(execFile)(process.execPath, ["--disable-warning=ExperimentalWarning", "deploy/console.ts"]);
  const service = await startServiceProcess({ CLAW_RATE_LIMITS: "off", CLAW_DATABASE_URL: database.url, CLAW_WORKERS: "1" });
  const browser = await startChromium();
  try {
    await populate(service, rows);
    const state = await signIn(browser, service);
    return [
      ...(await largeTable(browser, service, rows, state)),
      ...(await phone(browser, service, state)),
      ...(await logs(browser, service, state)),
    ];
  } finally {
    await browser.close();
    await service.stop();
    await rows.end();
    await database.drop();
    await stopServers();
  }
}

/** One that runs, and copies of one that is settled: nothing is left to be done for them. */
async function populate(service: ServiceProcess, rows: Client): Promise<void> {
  await service.claw().tenants.create(aTenant(TENANT));
  const claw = service.claw(TENANT);
  await claw.instances.create(anEcho("talks", {}));
  await claw.instances.create(anEcho("seed", { running: false }));
  await claw.instances.wait("talks", { until: "Ready" });
  await claw.instances.wait("seed");
  await rows.query(
    `insert into instances select (jsonb_populate_record(null::instances, to_jsonb(i)
       || jsonb_build_object('id', i.id || '-' || n, 'name', 'copy-' || n))).*
     from instances i, generate_series(1, $1::int - 2) n where i.name = 'seed'`,
    [INSTANCES],
  );
  await rows.query("analyze instances");
}

type State = Awaited<ReturnType<BrowserContext["storageState"]>>;

async function signIn(browser: Browser, service: ServiceProcess): Promise<State> {
  const answer = await fetch(`${service.url}/auth/links`, { method: "POST", headers: { authorization: `Bearer ${service.token}` } });
  const { url } = (await answer.json()) as { url: string };
  const context = await browser.newContext(DESK);
  const page = await context.newPage();
  await page.goto(url);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  const state = await context.storageState();
  await context.close();
  return state;
}

async function open(browser: Browser, options: object, storageState: State): Promise<{ page: Page; cdp: CDPSession }> {
  const context = await browser.newContext({ ...options, storageState, serviceWorkers: "block" });
  const page = await context.newPage();
  return { page, cdp: await context.newCDPSession(page) };
}

async function largeTable(browser: Browser, service: ServiceProcess, rows: Client, state: State): Promise<Figure[]> {
  const alone = await shareOfCore(service, COST_SECONDS);
  const { page, cdp } = await open(browser, DESK, state);
  // When the last of the data came, by the page's own clock, and when a row stood there that takes a click.
  await page.addInitScript(`{
    const Inner = WebSocket;
    window.WebSocket = class extends Inner {
      constructor(...given) {
        super(...given);
        this.addEventListener("message", ({ data }) => {
          if (String(data).includes('"synced"')) {
            window.syncedAt ??= performance.now();
          }
        });
      }
    };
    new MutationObserver((_, observer) => {
      if (document.querySelector('[role="row"] a')) {
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => { window.interactiveAt = performance.now(); }));
      }
    }).observe(document, { subtree: true, childList: true });
  }`);
  await page.goto(`${service.url}/t/${TENANT}/instances`);
  await page.locator('[role="row"] a').first().waitFor({ timeout: 60_000 });
  await delay(500);
  const { synced, interactive } = (await page.evaluate("({ synced: window.syncedAt, interactive: window.interactiveAt })")) as {
    synced: number;
    interactive: number;
  };
  const frames = (await page.evaluate(`new Promise((resolve) => {
    const scroller = document.querySelector('[role="table"]');
    const times = [];
    let last;
    const step = (now) => {
      if (last !== undefined) {
        times.push(now - last);
      }
      last = now;
      scroller.scrollTop += 240;
      times.length < 300 ? requestAnimationFrame(step) : resolve(times);
    };
    requestAnimationFrame(step);
  })`)) as number[];
  const before = await heapMegabytes(cdp);
  const changed = await change(rows);
  await delay(3_000);
  const after = await heapMegabytes(cdp);
  const watched = await shareOfCore(service, COST_SECONDS);
  await page.context().close();
  return [
    shown(`${INSTANCES} instances: page asked for → data there`, synced / 1000, "s"),
    atMost(`${INSTANCES} instances: data there → rows take a click`, (interactive - synced) / 1000, "s", 1),
    atMost("scrolling through them, 300 frames: longest", Math.max(...frames), "ms", 50),
    shown("scrolling through them, 300 frames: p95", percentile(frames, 0.95), "ms"),
    atMost(`heap after ${changed} changes beyond before`, after - before, "MB", 10),
    shown("heap before them", before, "MB"),
    shown("service without a console: of a core", 100 * alone, "%"),
    atMost("console open on them: more of a core", 100 * (watched - alone), "%", 2),
  ];
}

/** An hour's worth of changes that people see, in a few minutes. */
async function change(rows: Client): Promise<number> {
  for (let done = 0; done < CHANGES; done += CHANGES_AT_ONCE) {
    await rows.query(
      `update instances set config_version = coalesce(config_version, 0) + 1
       where name in (select 'copy-' || (1 + (($1::int + n) * 37) % $2::int) from generate_series(1, $3::int) n)`,
      [done, INSTANCES - 2, CHANGES_AT_ONCE],
    );
    await delay(200);
  }
  return CHANGES;
}

async function heapMegabytes(cdp: CDPSession): Promise<number> {
  await cdp.send("HeapProfiler.enable");
  await cdp.send("HeapProfiler.collectGarbage");
  await cdp.send("HeapProfiler.collectGarbage");
  const { usedSize } = await cdp.send("Runtime.getHeapUsage");
  return usedSize / 2 ** 20;
}

async function shareOfCore(service: ServiceProcess, seconds: number): Promise<number> {
  const before = await cpuSeconds(service.pid);
  await delay(seconds * 1000);
  return ((await cpuSeconds(service.pid)) - before) / seconds;
}

/** The first load, with nothing kept, and changes of page, on a slow phone. A tenant of one instance: what is measured is the console. */
async function phone(browser: Browser, service: ServiceProcess, state: State): Promise<Figure[]> {
  await service.claw().tenants.create(aTenant("small"));
  await service.claw("small").instances.create(anEcho("one", { running: false }));
  const { page, cdp } = await open(browser, PHONE, state);
  await cdp.send("Network.enable");
  await cdp.send("Network.emulateNetworkConditions", SLOW_NETWORK);
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: CPU_SLOWDOWN });
  await page.addInitScript(`{
    window.largest = 0;
    window.interactions = [];
    new PerformanceObserver((list) => { window.largest = list.getEntries().at(-1).startTime; }).observe({ type: "largest-contentful-paint", buffered: true });
    new PerformanceObserver((list) => {
      window.interactions.push(...list.getEntries().filter(({ interactionId }) => interactionId > 0).map(({ duration }) => duration));
    }).observe({ type: "event", durationThreshold: 16, buffered: true });
  }`);
  await page.goto(`${service.url}/t/small`);
  await page.locator("#content").getByText("Needs attention").waitFor({ timeout: 30_000 });
  await delay(1_000);
  const largest = (await page.evaluate("window.largest")) as number;
  for (const name of ["Instances", "Overview", "Instances", "Overview", "Instances"]) {
    await page.getByRole("navigation").getByRole("link", { name }).last().tap();
    await page.getByRole("heading", { name }).waitFor();
    await delay(300);
  }
  await page.getByRole("link", { name: "one" }).tap();
  await page.getByRole("heading", { name: /one/ }).waitFor();
  await delay(500);
  const interactions = (await page.evaluate("window.interactions")) as number[];
  await page.context().close();
  return [
    atMost("phone, 4 times slower, 1.6 Mbit/s: largest contentful paint", largest / 1000, "s", 2.5),
    atMost("phone, changes of page: longest interaction to its paint", Math.max(16, ...interactions), "ms", 200),
  ];
}

/** Typing into the search of a log that grows by a thousand lines a second. */
async function logs(browser: Browser, service: ServiceProcess, state: State): Promise<Figure[]> {
  const { uid } = (await service.claw(TENANT).instances.get("talks")).metadata;
  const file = join(service.dataDir, "run", uid, "logs", "claw.log");
  const { page } = await open(browser, DESK, state);
  await page.goto(`${service.url}/t/${TENANT}/instances/talks/logs`);
  const search = page.getByRole("searchbox");
  await search.waitFor();
  await page.evaluate(`{
    window.latencies = [];
    addEventListener("keydown", () => {
      const began = performance.now();
      requestAnimationFrame(() => setTimeout(() => window.latencies.push(performance.now() - began)));
    }, true);
  }`);
  const stop = new AbortController();
  const write = async () => {
    for (let n = 0; !stop.signal.aborted; ) {
      const lines = Array.from({ length: LINES_PER_SECOND / 20 }, () => `${new Date().toISOString()} info line ${n++} of what a claw says`);
      await appendFile(file, `${lines.join("\n")}\n`);
      await delay(50);
    }
  };
  const writing = write();
  for (const until = Date.now() + LOG_SECONDS * 1000; Date.now() < until; ) {
    await search.pressSequentially("line", { delay: 60 });
    await search.fill("");
  }
  stop.abort();
  await writing;
  const latencies = (await page.evaluate("window.latencies")) as number[];
  await page.context().close();
  return [
    atMost(`log at ${LINES_PER_SECOND} lines/s: key → paint, p95`, percentile(latencies, 0.95), "ms", 100),
    shown(`log at ${LINES_PER_SECOND} lines/s: key → paint, longest`, Math.max(...latencies), "ms"),
  ];
}
