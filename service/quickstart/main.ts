import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { accessFile, readAccess } from "../../adapters/identity/access-file.ts";
import { Claw } from "../../sdk/client/index.ts";
import { readEnvironment } from "../config/environment.ts";
import { makeConsoleLink } from "../server/console-link.ts";
import { startModelServer } from "./model-server.ts";
import { prepareConsole } from "./prepare-console.ts";
import { prepareSoftware } from "./prepare-software.ts";
import { exitOf, headline, say, shell, withProgress } from "./screen.ts";
import { type TourModel, tourManifests } from "./tour-manifests.ts";

const STEPS = 8;
const START_TIMEOUT_MS = 60_000;
const root = resolve(fileURLToPath(import.meta.url), "../../..");
/** Sources in a checkout, compiled in the package. */
const extension = extname(import.meta.url);
const isCheckout = extension === ".ts";
const program = (path: string) => [process.execPath, "--disable-warning=ExperimentalWarning", join(root, `${path}${extension}`)] as const;
const dataDir = isCheckout
  ? resolve(process.env["CLAW_DATA_DIR"] || join(root, ".claw", "quickstart"))
  : readEnvironment({
      CLAW_DATA_DIR: `${readEnvironment({ XDG_DATA_HOME: process.env["XDG_DATA_HOME"] }).dataDir}-quickstart`,
      ...process.env,
    }).dataDir;
/** How a person types the CLI. */
const clawCommand = isCheckout ? "npm run claw --" : "npx --package open-cluster-claw claw";
/** How they get into the console again. */
const consoleCommand = `CLAW_DATA_DIR=${dataDir} ${isCheckout ? "npm run console" : "npx --package open-cluster-claw claw-server console"}`;
const port = process.env["CLAW_PORT"] || "8787";
const once = process.argv.includes("--once");

/** Ends what was started, whatever the tour came to. */
type Closers = (() => Promise<void>)[];

/** The service as a process of its own, so that the tour can kill it. */
interface Service {
  readonly child: ChildProcess;
  readonly url: string;
  readonly token: string;
}

async function startService(closers: Closers): Promise<Service> {
  const [node, ...args] = program("service/main");
  const child = spawn(node, args, {
    env: { ...process.env, CLAW_DATA_DIR: dataDir, CLAW_PORT: port, CLAW_LOG_LEVEL: process.env["CLAW_LOG_LEVEL"] ?? "warn" },
    // A group of its own: Ctrl-C ends the tour first, which then ends the service in order.
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
  });
  closers.push(() => stopService(child, "SIGTERM"));
  const ended = exitOf(child).then((code) => {
    throw new Error(`the service ended with exit code ${code} while it was starting`);
  });
  const ready = withProgress("starting PostgreSQL and the service", async () => {
    for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await delay(100)) {
      const access = await readAccess(dataDir);
      if (access && access.pid === child.pid && (await isReady(access.url))) {
        if (access.token === undefined) {
          throw new Error(
            `the administrator's token of ${dataDir} is retired, and the tour needs one: make another by 'claw-server token reset'`,
          );
        }
        return { child, url: access.url, token: access.token };
      }
    }
    throw new Error(`the service did not become ready within ${START_TIMEOUT_MS / 1000} s; its output is above`);
  });
  return Promise.race([ready, ended]);
}

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function stopService(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = exitOf(child);
    child.kill(signal);
    await ended;
  }
}

/** The paid model when a key is there, else the stand-in. */
async function chooseModel(closers: Closers): Promise<TourModel> {
  const { ANTHROPIC_API_KEY: anthropic, OPENAI_API_KEY: openai } = process.env;
  if (anthropic) {
    return { provider: "anthropic", name: "claude-haiku-4-5", apiKey: anthropic };
  }
  if (openai) {
    return { provider: "openai", name: "gpt-5-mini", apiKey: openai };
  }
  // The same port every time: a second run then finds nothing to change.
  const standinPort = Number(port) === 0 ? 0 : Number(port) + 1;
  const server = await startModelServer({ port: standinPort }).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "EADDRINUSE" ? "it is in use" : cause.message;
    throw new Error(
      `the stand-in for the model can't listen on port ${standinPort}, the one after CLAW_PORT: ${reason}; ` +
        "set CLAW_PORT to another, or to 0 for any free ones",
      { cause },
    );
  });
  say(`neither ANTHROPIC_API_KEY nor OPENAI_API_KEY is set: a local stand-in answers for the model at ${server.url}`);
  closers.push(server.close);
  return { provider: "standin", name: "standin-1", apiKey: "no-key-needed", baseUrl: server.url };
}

/** @returns the control plane's process */
async function tour(closers: Closers): Promise<ChildProcess> {
  await mkdir(dataDir, { recursive: true });
  say(`Open Cluster Claw quickstart; everything it makes is in ${dataDir}`);

  headline(1, STEPS, "Start the control plane, and install the claw's software (once per version, from the npm registry)");
  const installed = withProgress("installing openclaw", (note) => prepareSoftware(dataDir, note));
  // Beside everything else: it takes a core for seconds, and is looked at in the end.
  const built = isCheckout ? prepareConsole(root) : Promise.resolve();
  const consoleFault = built.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  // Whichever of the two fails first is told.
  installed.catch(() => {});
  let service = await startService(closers);
  say(`PostgreSQL, API, reconciler and engine are ready at ${service.url}`);
  const model = await chooseModel(closers);
  await installed;
  say("OpenClaw is installed");

  const env = () => ({ ...process.env, CLAW_URL: service.url, CLAW_TOKEN: service.token, CLAW_TENANT: "acme" });
  const claw = (...args: string[]) =>
    shell(
      `${clawCommand} ${args.map((arg) => (/[^\w./=-]/.test(arg) ? `"${arg}"` : arg)).join(" ")}`,
      [...program("sdk/cli/main"), ...args],
      env(),
      args[0] === "chat" ? "waiting for the answer" : undefined,
    );
  const manifests = join(dataDir, "tour.yaml");
  const diff = async () => /--plan (\w+)/.exec(await claw("diff", "-f", manifests))?.[1];
  /** Exactly what was previewed; without a plan there is nothing to change, only to wait for. */
  const apply = (plan: string | undefined) =>
    claw("apply", ...(plan === undefined ? ["-f", manifests] : ["--plan", plan]), "--yes", "--wait", "--timeout", "300");

  headline(2, STEPS, "Preview a tenant with a real OpenClaw and an echo claw");
  await writeFile(manifests, tourManifests(model, 100_000), { mode: 0o600 });
  const plan = await diff();

  headline(3, STEPS, "Apply exactly this, and wait until both are ready");
  await apply(plan);
  await claw("get", "instances", "-o", "wide");

  headline(4, STEPS, "Talk to them through the control plane");
  await claw("chat", "assistant-1", "Hello from the control plane!");
  await claw("chat", "echo-1", "Hello, echo!");

  headline(5, STEPS, "Change a setting, with the diff first");
  await writeFile(manifests, tourManifests(model, 120_000), { mode: 0o600 });
  await apply(await diff());

  headline(6, STEPS, "Stop and start");
  await claw("stop", "echo-1", "--wait");
  await claw("start", "echo-1", "--wait");

  headline(7, STEPS, "Kill the control plane with SIGKILL: the instances never notice");
  const sdk = () => new Claw({ url: service.url, token: service.token, tenant: "acme" });
  const before = await sdk().instances.get("assistant-1");
  await stopService(service.child, "SIGKILL");
  say("the control plane is dead; starting another");
  service = await startService(closers);
  await withProgress("waiting for the instances to be seen again", () => reconnected(sdk));
  const after = await sdk().instances.get("assistant-1");
  say(`assistant-1 was ${before.status.phase}, is ${after.status.phase}, restarts: ${after.status.restarts}`);
  if (after.status.phase !== "Running" || after.status.restarts !== before.status.restarts) {
    throw new Error("the instance did not survive the control plane");
  }
  await claw("chat", "assistant-1", "Are you still there?");

  headline(8, STEPS, "Done");
  const fault = await consoleFault;
  const link = await makeConsoleLink(service.url, service.token);
  process.stdout.write(`
  Console  ${fault === undefined ? link.url : `could not be built: ${fault}`}
           (signs one browser in, within ten minutes; another link: ${consoleCommand})
  API      ${service.url}/api/v1   (OpenAPI: ${service.url}/api/v1/openapi.json)
  Token    in ${accessFile(dataDir)}

  Next, in another terminal:
${isCheckout ? `    cd ${root}\n` : ""}    export CLAW_URL=${service.url} CLAW_TENANT=acme CLAW_TOKEN=$(node -p 'require("${accessFile(dataDir)}").token')
    ${clawCommand} get instances
    ${clawCommand} logs -f assistant-1
    ${clawCommand} console echo-1
    ${clawCommand} connect assistant-1
    ${clawCommand} destroy echo-1 --yes

`);
  if (once) {
    say("--once: stopping the instances and the control plane");
    await claw("stop", "assistant-1", "echo-1", "--wait");
  }
  return service.child;
}

/** Waits until both instances can be reached through their agents again. */
async function reconnected(sdk: () => Claw): Promise<void> {
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await delay(200)) {
    const reads = ["assistant-1", "echo-1"].map((name) => sdk().instances.logs(name, { tailLines: 1 }));
    if ((await Promise.allSettled(reads)).every(({ status }) => status === "fulfilled")) {
      return;
    }
  }
  throw new Error("the instances' agents did not connect again");
}

const closers: Closers = [];
const signalled = new Promise<void>((resolveSignal) => {
  // Not once: a second Ctrl-C would end this process before the control plane, which goes on then with nobody to stop it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => resolveSignal());
  }
  // Nobody reads on: the terminal was closed, or a `| head` has seen enough.
  for (const output of [process.stdout, process.stderr]) {
    output.on("error", () => resolveSignal());
  }
});
try {
  const controlPlane = await Promise.race([tour(closers), signalled]);
  process.exitCode = controlPlane ? 0 : 130;
  if (controlPlane && !once) {
    say("the control plane keeps running; press Ctrl-C to stop it (instances go on; run the quickstart again to get back to them)");
    await Promise.race([signalled, exitOf(controlPlane).then(() => say("the control plane has ended"))]);
  }
} catch (error) {
  process.stderr.write(`\nThe quickstart failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.stderr.write(`Running it again is safe; what was made is in ${dataDir}\n`);
  process.exitCode = 1;
}
for (const close of closers.reverse()) {
  await close();
}
process.exit();
