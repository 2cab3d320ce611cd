import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { startChromium } from "../support/chromium.ts";
import { softwareDir } from "../support/claws/open-claw-software.ts";
import { type InstalledPackage, installPackage, installRuntimes } from "../support/installed-package.ts";
import { startTestService, type TestService } from "../support/service.ts";
import { stopAgents } from "../support/service-process.ts";
import { shellEnvironment } from "../support/shell-environment.ts";
import { type Snippet, snippetsOf } from "../support/snippets.ts";
import { describeOwnPrograms } from "./own-programs.ts";

const run = promisify(execFile);
const tsc = resolve(import.meta.dirname, "../../node_modules/typescript/bin/tsc");
const subpaths = Object.keys(packageJson.exports).filter((name) => name !== "./package.json");
const importName = (subpath: string) => subpath.replace(/^\./, packageJson.name);

let installed: InstalledPackage;
let runtimes: Awaited<ReturnType<typeof installRuntimes>>;
let snippets: readonly Snippet[];
beforeAll(async () => {
  [installed, runtimes, snippets] = await Promise.all([installPackage(), installRuntimes(), snippetsOf("sdk")]);
}, 600_000);
afterAll(() => installed?.remove());

/** A module of the project, run by a program that has nothing of this process's environment. */
async function runModule(program: readonly string[], name: string, code: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  await writeFile(join(installed.dir, name), code);
  const [command = "", ...args] = program;
  const { stdout } = await run(command, [...args, name], {
    cwd: installed.dir,
    env: { PATH: process.env["PATH"], HOME: installed.dir, ...env },
    timeout: 240_000,
  });
  return stdout;
}

describe("the installed package", () => {
  it("has types for each of its subpaths, by the two ways in which compilers of today look for them", async ({ expect }) => {
    const lines = subpaths.map(
      (subpath, index) => `import * as part${index} from ${JSON.stringify(importName(subpath))};\nvoid part${index};\n`,
    );
    await writeFile(join(installed.dir, "subpaths.ts"), lines.join(""));
    for (const { file, code } of snippets) {
      await writeFile(join(installed.dir, file), code);
    }
    for (const module of ["nodenext", "preserve"]) {
      const compilerOptions = {
        module,
        target: "es2024",
        lib: ["es2024", "dom"],
        types: ["node"],
        strict: true,
        skipLibCheck: true,
        noEmit: true,
      };
      const project = { compilerOptions, files: ["subpaths.ts", ...snippets.map(({ file }) => file)] };
      await writeFile(join(installed.dir, "tsconfig.json"), JSON.stringify(project));
      const said = await run(process.execPath, [tsc], { cwd: installed.dir }).catch((error: { stdout: string }) => error);
      expect(said.stdout, module).toBe("");
    }
  });

  it("loads with a subpath what that needs, and nothing else", async ({ expect }) => {
    const recorder = `
      import { registerHooks } from "node:module";
      const packages = new Set();
      registerHooks({
        resolve(specifier, context, next) {
          const found = next(specifier, context);
          const name = /.*\\/node_modules\\/((@[^/]+\\/)?[^/]+)/.exec(found.url)?.[1];
          if (name && name !== "${packageJson.name}") packages.add(name);
          return found;
        },
      });
      const { default: subpath } = await import("./subpath.mjs");
      await import(subpath);
      console.log(JSON.stringify([...packages]));`;
    const loaded: Record<string, string[]> = {};
    for (const subpath of subpaths) {
      await writeFile(join(installed.dir, "subpath.mjs"), `export default ${JSON.stringify(importName(subpath))};`);
      loaded[subpath] = JSON.parse(await runModule([process.execPath], "recorder.mjs", recorder));
    }
    expect(loaded["."]).toEqual([]);
    expect(loaded["./contract"]).toEqual(["zod"]);
    expect(loaded["./components"]).toContain("@pulumi/kubernetes");
    expect(loaded["./components"]).not.toContain("@grpc/proto-loader");
    expect(loaded["./automation"]).toContain("@pulumi/pulumi");
    expect(loaded["./adapter"]?.filter((name) => name.startsWith("@pulumi/"))).toEqual([]);
    const heavy = ["@kubernetes/client-node", "typeorm", "pg", "fastify", "ws", "@nats-io/transport-node"];
    for (const [subpath, packages] of Object.entries(loaded)) {
      expect(
        packages.filter((name) => heavy.includes(name)),
        subpath,
      ).toEqual([]);
    }
  });

  it("has its programs, whichever Node starts them", async ({ expect }) => {
    const cache = await mkdtemp(join(tmpdir(), "claw-cache-"));
    try {
      const env = { ...process.env, XDG_CACHE_HOME: cache };
      const { stdout } = await run(runtimes.node20, [installed.bin("claw-server"), "version"], { env, timeout: 240_000 });
      expect(stdout).toMatch(new RegExp(`^claw-server ${packageJson.version} on Node.js 24\\.`));
    } finally {
      await rm(cache, { recursive: true, force: true });
    }
    expect((await run(installed.bin("claw"), ["version", "--client"])).stdout).toBe(`claw ${packageJson.version}\n`);
    const doctor = await run(installed.bin("claw-server"), ["doctor"], { env: { ...process.env, CLAW_PORT: "0", CLAW_DATA_DIR: cache } });
    expect(doctor.stdout).toMatch(/^ok {4}Node\.js[\s\S]*^ok {4}data folder[\s\S]*^ok {4}database/m);
    const wrong = { ...process.env, CLAW_PORT: "http", CLAW_ENGINE: "none" };
    await expect(run(installed.bin("claw-server"), ["doctor"], { env: wrong })).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/fail {2}settings +CLAW_ENGINE: .*\n +fix: .*\nfail {2}settings +CLAW_PORT: /),
    });
    await expect(run(installed.bin("claw-server"), ["stat"])).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("start") });
  });

  it("gives the tour without a checkout", { timeout: 600_000 }, async ({ expect }) => {
    const dataDir = await mkdtemp(join(tmpdir(), "claw-quickstart-"));
    await chmod(dataDir, 0o755);
    const settings = { CLAW_DATA_DIR: dataDir, CLAW_PORT: "0", CLAW_SOFTWARE_CACHE: softwareDir };
    try {
      const { stdout } = await run("npx", ["--no-install", packageJson.name, "quickstart", "--once"], {
        cwd: installed.dir,
        env: { ...shellEnvironment(), ...settings },
        maxBuffer: 2 ** 24,
      });
      expect(stdout).toContain("[8/8] Done");
      expect(stdout).toContain(`npx --package ${packageJson.name} claw get instances`);
    } finally {
      await stopAgents(dataDir);
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    }
  });
});

// docs/guides/sdk.md: its programs leave nothing behind, so each kind of runtime goes through all of them.
describe("the client's guide", () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
    await service.claw().tenants.create({ apiVersion: "clusterclaw.io/v1", kind: "Tenant", metadata: { name: "acme" }, spec: {} });
  });
  afterAll(() => service?.stop());
  const access = () => ({ CLAW_URL: service.url, CLAW_TOKEN: service.adminToken, CLAW_TENANT: "acme" });

  it("runs on Node 24, and prints what it says", { timeout: 300_000 }, async ({ expect }) => {
    let printed = "";
    for (const { file, code } of snippets) {
      printed += await runModule([process.execPath], file, code, access());
    }
    expect(printed).toContain("Running");
    expect(printed).toContain("there?");
    expect(printed).toContain("Running, as is declared: stop it");
    expect(printed).toContain("update hello hot-reload");
    expect(printed).toContain('+    "prefix": "I heard: "');
    expect(printed).toMatch(/gone\n/);
    expect(printed).toContain("instance.not_found");
  });

  it.for([
    ["Bun", () => [runtimes.bun]],
    ["Deno", () => [runtimes.deno, "run", "--allow-net", "--allow-env=CLAW_URL,CLAW_TOKEN,CLAW_TENANT"]],
  ] as const)("runs on %s", { timeout: 300_000 }, async ([, program]) => {
    for (const { file, code } of snippets) {
      await runModule(program(), file, code, access());
    }
  });

  it("runs on Node 20, with a WebSocket handed over", { timeout: 300_000 }, async () => {
    for (const { file, code } of snippets) {
      const handed = `import { WebSocket } from "ws";\n${stripTypeScriptTypes(code).replaceAll("new Claw()", "new Claw({ WebSocket })")}`;
      await runModule([runtimes.node20], file.replace(/\.ts$/, ".mjs"), handed, access());
    }
  });

  it("runs in a browser, on a page of the control plane's own origin", { timeout: 300_000 }, async ({ expect }) => {
    const browser = await startChromium();
    try {
      // What is answered there may run nothing: the program stands for one of a page that may.
      const page = await browser.newPage({ bypassCSP: true });
      // Any page of its origin will do; one that a test makes up is taken for a public site, which may not connect to this machine.
      await page.goto(`${service.url}/readyz`);
      const options = JSON.stringify({ url: service.url, token: service.adminToken, tenant: "acme" });
      for (const { file, code, source } of snippets) {
        const entry = join(installed.dir, file.replace(/\.ts$/, ".browser.mjs"));
        await writeFile(
          entry,
          stripTypeScriptTypes(code).replaceAll(/new Claw\((?:\{)?/g, (whole) =>
            whole.endsWith("{") ? `new Claw({ ...${options},` : `new Claw(${options}`,
          ),
        );
        const bundle = await rolldown({ input: entry, platform: "browser" });
        const { output } = await bundle.generate({ format: "esm" });
        await bundle.close();
        // As a text: what the test runner makes of an `import()` is none in a browser.
        const program = `URL.createObjectURL(new Blob([${JSON.stringify(output[0].code)}], { type: "text/javascript" }))`;
        const failure = await page.evaluate(`import(${program}).then(() => undefined, String)`);
        expect(failure, source).toBeUndefined();
      }
    } finally {
      await browser.close();
    }
  });
});

describeOwnPrograms(() => installed.dir);
