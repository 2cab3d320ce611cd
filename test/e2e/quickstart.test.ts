import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { isRunning, until } from "../support/agent/harness.ts";
import { softwareDir } from "../support/claws/open-claw-software.ts";
import { freePort } from "../support/free-port.ts";
import { stopAgents } from "../support/service-process.ts";
import { shellEnvironment } from "../support/shell-environment.ts";

/** It installs OpenClaw where nobody has, beside another file that does: it took 251 s of the usual 300 then. */
const TOUR_TIMEOUT_MS = 600_000;
const root = resolve(import.meta.dirname, "../..");
/** The commands of a page, by block: they run as they stand. */
const blocksOf = async (page: "README.md" | "docs/guides/quickstart.md") =>
  [...(await readFile(join(root, page), "utf8")).matchAll(/```sh\n([\s\S]*?)\n```/g)].map(([, block = ""]) => block);
let dataDir: string;
let port: number;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "claw-quickstart-"));
  // PostgreSQL's user must be able to enter.
  await chmod(dataDir, 0o755);
  port = await freePort();
});
afterAll(async () => {
  await stopAgents(dataDir);
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

interface Run {
  readonly child: ChildProcess;
  /** All that it printed so far, stdout and stderr as a person sees them. */
  output(): string;
  /** Resolves once the text was printed. @throws when it ends without */
  prints(text: string | RegExp): Promise<void>;
  readonly ended: Promise<number | null>;
  /** What a terminal sends to all of its foreground: SIGINT at Ctrl-C, SIGHUP when it is closed. */
  signal(signal: "SIGINT" | "SIGHUP"): void;
}

/** A command as a person types it, in an environment without settings and model keys. */
function run(line: string, input = ""): Run {
  const settings = { CLAW_DATA_DIR: dataDir, CLAW_PORT: String(port), CLAW_SOFTWARE_CACHE: softwareDir };
  const child = spawn("bash", ["-c", line], {
    cwd: root,
    env: { ...shellEnvironment(), ...settings },
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let text = "";
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      for (const listener of listeners) {
        listener();
      }
    });
  }
  child.stdin.end(input);
  const ended = new Promise<number | null>((done) => child.once("close", done));
  return {
    child,
    output: () => text,
    ended,
    prints: (wanted) =>
      new Promise((done, fail) => {
        const look = () => text.search(wanted) >= 0 && done();
        listeners.add(look);
        look();
        void ended.then((code) => fail(new Error(`'${line}' ended with ${code} before it printed ${wanted}:\n${text}`)));
      }),
    signal: (signal) => process.kill(-(child.pid ?? 0), signal),
  };
}

const processOf = async (file: string) => JSON.parse(await readFile(join(dataDir, file), "utf8"));

// One data folder and one start of OpenClaw for all of it, in the order of a person's first half hour.
describe("npm run quickstart", () => {
  let tour: Run;
  let openClaw: { readonly runDir: string; readonly pid: number };

  it("goes all the way on a new folder, each step said, and keeps running", { timeout: TOUR_TIMEOUT_MS }, async ({
    expect,
    onTestFailed,
  }) => {
    const [command = ""] = await blocksOf("README.md");
    expect((await blocksOf("docs/guides/quickstart.md"))[0]).toBe(command);
    tour = run(command);
    // Where it stood still is nowhere else to be seen: a test that runs out of time shows nothing of it.
    onTestFailed(() => void process.stderr.write(`the tour printed:\n${tour.output()}\n`));
    await tour.prints("press Ctrl-C to stop it");
    const text = tour.output();
    const steps = [...text.matchAll(/\[(\d)\/8\]/g)].map(([, step]) => Number(step));
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);

    const preview = between(text, "[2/8]", "[3/8]");
    expect(preview).toContain("+ instance/assistant-1 in acme  starts");
    expect(preview).toContain('+    "mode": "local",');
    expect(preview).toContain("spec.config.overrides[model.apiKey].value: [secret]");
    expect(preview).toContain("✔ quota instances: 2 of 5 instances used");
    expect(preview).toContain("Stack resources: 12 created");

    const applied = between(text, "[3/8]", "[4/8]");
    expect(applied).toContain(`claw -- apply --plan ${/--plan (\w+)/.exec(preview)?.[1]} --yes`);
    expect(applied).toMatch(/assistant-1 +OpenClaw +2026\.9\.6 +Running +1\/1 +0 /);

    const chats = between(text, "[4/8]", "[5/8]");
    expect(chats).toContain('You said: "Hello from the control plane!"');
    expect(chats).toMatch(/^\d+ tokens in, \d+ out$/m);
    expect(chats).toMatch(/^Hello, echo!$/m);

    const change = between(text, "[5/8]", "[6/8]");
    expect(change).toContain("~ instance/assistant-1 in acme  reloads its config, keeps running");
    expect(change).toContain('-            "contextTokens": 100000,');
    expect(change).toContain('+            "contextTokens": 120000,');
    expect(change).toContain("instance/assistant-1 updated");

    expect(between(text, "[6/8]", "[7/8]")).toMatch(/instance\/echo-1 stopped[\s\S]*instance\/echo-1 started/);
    const killed = between(text, "[7/8]", "[8/8]");
    expect(killed).toContain("assistant-1 was Running, is Running, restarts: 0");
    expect(killed).toContain('You said: "Are you still there?"');
    // No line of a log, and nothing secret.
    expect(text).not.toMatch(/^\{"level"/m);
    expect(text).not.toContain((await processOf("access.json")).token);
  });

  it("leaves commands that work as they stand", async ({ expect }) => {
    const [cd = "", login = "", ...commands] = between(tour.output(), "Next, in another terminal:", "the control plane keeps")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => /^(cd|export|npm) /.test(line));
    const next = (end: string, input?: string) => {
      const found = commands.filter((command) => command.startsWith(`npm run claw -- ${end}`));
      expect(found, end).toHaveLength(1);
      return run([cd, login, ...found].join("\n"), input);
    };
    const list = next("get instances");
    expect(await list.ended, list.output()).toBe(0);
    expect(list.output()).toContain("assistant-1");
    const uid = /"uid": "(ins_\w+)"/.exec(
      await outputOf(run([cd, login, "npm run claw -- get instance assistant-1 -o json"].join("\n"))),
    )?.[1];
    const runDir = `run/${uid}`;
    openClaw = { runDir, pid: (await processOf(`${runDir}/state.json`)).claw.pid };

    const console = next("console", "echo $((6 * 7))-inside\nexit\n");
    expect(await console.ended, console.output()).toBe(0);
    expect(console.output()).toContain("42-inside");
    for (const [command, first] of [
      ["logs -f", /\[gateway\]/],
      ["connect", /http:\/\/127\.0\.0\.1:\d+/],
    ] as const) {
      const session = next(command);
      await session.prints(first);
      session.signal("SIGINT");
      await session.ended;
    }
    const [token = "", connect = ""] = (await blocksOf("docs/guides/quickstart.md"))[1]?.split("\n") ?? [];
    expect(await outputOf(run([cd, login, token].join("\n")))).toMatch(/token: [\w-]{20,}/);
    expect(commands).toContain(connect);
    const destroy = next("destroy");
    expect(await destroy.ended, destroy.output()).toBe(0);
    expect(commands).toHaveLength(5);
  });

  it("is left alone by another start on its data folder, which says where it is", async ({ expect }) => {
    const { url, pid } = await processOf("access.json");
    for (const command of ["npm start", "npm run quickstart"]) {
      const second = run(command);
      expect(await second.ended).toBe(1);
      expect(second.output()).toContain(`runs at ${url} (pid ${pid})`);
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
    }
  });

  it("ends at Ctrl-C, however often it is pressed, and leaves the instance running", async ({ expect }) => {
    const { pid } = await processOf("access.json");
    tour.signal("SIGINT");
    tour.signal("SIGINT");
    // npm's own exit code is of no meaning then.
    await tour.ended;
    await until(() => !isRunning(pid), "the control plane has ended");
    expect(isRunning(openClaw.pid)).toBe(true);
  });

  it("is safe to run again: it finds what is there, and changes only what differs", async ({ expect }) => {
    const again = run("npm run quickstart -- --once");
    await again.prints("[3/8]");
    expect((await processOf(`${openClaw.runDir}/state.json`)).claw.pid).toBe(openClaw.pid);
    expect(await again.ended, again.output()).toBe(0);
    const preview = between(again.output(), "[2/8]", "[3/8]");
    expect(preview).toContain("tenant/acme unchanged");
    expect(preview).toContain("~ instance/assistant-1 in acme  reloads its config, keeps running");
    expect(preview).toContain("+ instance/echo-1 in acme  starts");
    expect(again.output()).toContain("assistant-1 was Running, is Running, restarts: 0");
    expect(again.output()).toMatch(/instance\/assistant-1 stopped\ninstance\/echo-1 stopped/);
    expect(isRunning(openClaw.pid)).toBe(false);
  });

  it.each([
    { name: "its terminal is closed", command: "npm run quickstart", end: (started: Run) => started.signal("SIGHUP") },
    { name: "nobody reads its output any more", command: "npm run quickstart | sed /ready.at/q", end: () => undefined },
  ])("ends its control plane when $name", async ({ command, end }) => {
    const started = run(command);
    await started.prints("are ready at");
    const { pid } = await processOf("access.json");
    end(started);
    await started.ended;
    await until(() => !isRunning(pid), "the control plane has ended");
  });

  it("runs as a service: npm start", async ({ expect }) => {
    const command = (await blocksOf("README.md")).find((block) => block === "npm start");
    const service = run(`exec ${command}`);
    await service.prints("the control plane is ready");
    const { url, token } = await processOf("access.json");
    const answer = await fetch(`${url}/api/v1/instances`, { headers: { authorization: `Bearer ${token}`, "x-claw-tenant": "acme" } });
    expect(answer.status).toBe(200);
    service.signal("SIGINT");
    await service.ended;
  });

  it("says what is wrong, and ends, when its port is taken", async ({ expect }) => {
    const blocker = run(blockerOf(port));
    await blocker.prints("taken");
    const refused = run("npm run quickstart -- --once");
    expect(await refused.ended).not.toBe(0);
    blocker.signal("SIGINT");
    expect(refused.output()).toContain(`port ${port} is in use; set CLAW_PORT`);
    expect(refused.output()).toContain("Running it again is safe");
  });

  it("says what is wrong, and ends, when the port of the model's stand-in is taken", async ({ expect }) => {
    const blocker = run(blockerOf(port + 1));
    await blocker.prints("taken");
    const refused = run("npm run quickstart -- --once");
    expect(await refused.ended).toBe(1);
    blocker.signal("SIGINT");
    expect(refused.output()).toContain(
      `the stand-in for the model can't listen on port ${port + 1}, the one after CLAW_PORT: it is in use`,
    );
  });

  it("takes any free ports with CLAW_PORT=0", async () => {
    const anywhere = run("CLAW_PORT=0 exec npm run quickstart");
    await anywhere.prints(/a local stand-in answers for the model at http:\/\/127\.0\.0\.1:\d{4,}/);
    anywhere.signal("SIGINT");
    await anywhere.ended;
  });
});

/** A command that has a port until it is interrupted. */
function blockerOf(taken: number): string {
  return `exec ${process.execPath} -e 'require("net").createServer().listen(${taken}, "127.0.0.1", () => console.log("taken"))'`;
}

async function outputOf(started: Run): Promise<string> {
  await started.ended;
  return started.output();
}

function between(text: string, start: string, end: string): string {
  const from = text.slice(text.indexOf(start));
  return from.slice(0, from.indexOf(end));
}
