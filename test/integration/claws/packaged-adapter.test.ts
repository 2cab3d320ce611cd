import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { openPackagedType } from "../../../adapters/claws/packaged/packaged-adapter.ts";
import { InstanceSpecSchema } from "../../../sdk/contract/index.ts";
import type { ParsedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { testClawType } from "../../../service/roots/adapter-kit/test-claw-type.ts";

const PROGRAM = `
import { createServer } from "node:http";
createServer((req, res) => res.setHeader("content-type", "application/json").end('{"ok":true}')).listen(Number(process.argv[2]), "127.0.0.1");
`;

/** What is to be undone: tests run beside each other, so each does not do it itself. */
const made: (() => void)[] = [];
afterAll(() => {
  for (const undo of made.reverse()) {
    undo();
  }
});

/** A package that exports an adapter, as an organisation would write one; a fault by its code. */
function aPackage(fault: { readonly parse?: string; readonly load?: string; readonly render?: string } = {}): string {
  const folder = join(mkdtempSync(join(tmpdir(), "claw-package-")), "node_modules", "weather-claw");
  made.push(() => rmSync(join(folder, "../.."), { recursive: true, force: true }));
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "weather-claw", version: "1.0.0", type: "module", exports: { ".": "./adapter.js" } }),
  );
  writeFileSync(join(folder, "word.js"), 'export const KEY = "city";\n');
  writeFileSync(
    join(folder, "adapter.js"),
    `import { KEY } from "./word.js";
${fault.load ?? ""}
const probe = (path) => ({ path, expect: { ok: true }, periodSeconds: 0.1, failureThreshold: 1 });
const kept = [];
export const adapter = {
  type: "Weather", name: "WeatherAdapter", defaultVersion: "1.0.0", description: "Says what it is like",
  defaults: { [KEY]: "Oslo", token: null }, secretKeys: ["token"], capabilities: { health: { how: "GET /healthz" } },
  async parseConfig({ token, ...native }, secrets) {
    ${fault.parse ?? ""}
    const unknown = Object.keys(native).filter((key) => key !== KEY).map((path) => ({ path, message: "unknown key", fix: "remove it" }));
    return { native, env: {}, secretEnv: token === undefined ? {} : { TOKEN: token }, issues: unknown };
  },
  validate: (config) => config.issues,
  injectRuntime(config, { spec, instanceToken }) {
    ${fault.render ?? ""}
    const content = JSON.stringify(config.native);
    return {
      software: { source: "inline", version: "1.0.0" }, command: ["\${node}", "\${configDir}/run.mjs", "\${port}"], env: {}, secretEnv: config.secretEnv,
      files: [{ path: "run.mjs", content: ${JSON.stringify(PROGRAM)} }, { path: "config.json", content }],
      restartDigest: content, port: { span: 1 },
      probes: { startup: probe("/a"), readiness: probe("/b"), liveness: probe("/c") },
      startup: { timeoutSeconds: 20, heavy: false }, stop: { signal: "SIGTERM", graceSeconds: 5 }, exitCodes: {},
    };
  },
};
`,
  );
  return folder;
}

async function opened(folder: string) {
  const packaged = await openPackagedType(folder);
  made.push(packaged.close);
  return packaged.type;
}

const info = { instanceId: "ins_a", name: "a", tenant: "t", project: "p", instanceToken: "instance-t0ken" };
const spec = InstanceSpecSchema.parse({ type: "Weather" });

describe.concurrent("an adapter of a package", () => {
  it("answers from a process of its own, and holds what the platform relies on", async ({ expect }) => {
    const folder = aPackage();
    const type = await opened(folder);
    expect(type).toMatchObject({ type: "Weather", origin: "built-in", defaults: { city: "Oslo" }, secretKeys: ["token"] });
    const parsed = await type.parseConfig({ city: "Rome", token: "s3cret-token" }, new Set(["token"]));
    expect(parsed).toMatchObject({ native: { city: "Rome" }, secretEnv: { TOKEN: "s3cret-token" } });
    expect(await type.injectRuntime(parsed, { ...info, spec })).toMatchObject({ restartDigest: '{"city":"Rome"}' });
    const failed: unknown[] = [];
    for await (const verdict of testClawType(folder)) {
      failed.push(...(verdict.result === "passed" ? [] : [verdict]));
    }
    expect(failed).toEqual([]);
  });

  it.for([
    { name: "hangs", parse: "for (;;);", why: "did not answer within 2 s" },
    { name: "never answers", parse: "await new Promise(() => {});", why: "did not answer within 2 s" },
    { name: "throws", parse: 'throw new Error("no weather today");', why: "failed: no weather today" },
    { name: "fills its memory", parse: "for (;;) kept.push(new Array(1e6).fill({}));", why: "ended by itself|did not answer" },
    {
      name: "keeps what lies beside its heap",
      parse: "kept.push(Buffer.alloc(300 * 1024 * 1024, 1));",
      why: "took more than 256 MB|did not answer",
    },
    { name: "ends its process", parse: "process.exit(3);", why: "ended by itself .exit code 3" },
    { name: "answers with something else", parse: 'return "weather";', why: "answers 'parseConfig' with what can't be used" },
    { name: "answers with too much", parse: 'return { native: { a: "x".repeat(5e6) }, env: {}, secretEnv: {} };', why: "more than 4 MB" },
    { name: "shows a secret", parse: "return { native: { token }, env: {}, secretEnv: {} };", why: "writes a secret to its configuration" },
    {
      name: "reads what is not its own",
      parse: '(await import("node:fs")).readFileSync("/etc/passwd");',
      why: "Access to this API has been restricted",
    },
    {
      name: "starts a program",
      parse: '(await import("node:child_process")).execSync("true");',
      why: "Access to this API has been restricted",
    },
    // On a busy machine its time is over first.
  ])("that $name ends as an issue of whatever is of its type", async ({ parse, why }, { expect }) => {
    const type = await opened(aPackage({ parse }));
    const asked = async () => type.parseConfig({ city: "Rome", token: "s3cret-token" }, new Set(["token"]));
    await expect(asked()).rejects.toMatchObject({
      name: "ClawAdapterError",
      issue: { path: "spec.type", message: expect.stringMatching(why), fix: expect.stringContaining("mend its package") },
    });
  });

  it("that hangs is not waited for by the next", async ({ expect }) => {
    const type = await opened(aPackage({ parse: "for (;;);" }));
    const asked = async () => type.parseConfig({}, new Set());
    await expect(asked()).rejects.toThrow("did not answer");
    const since = Date.now();
    await expect(asked()).rejects.toThrow("did not answer");
    expect(Date.now() - since).toBeLessThan(500);
  });

  it("has nothing of the service's environment, and no secret in a file of the claw's", async ({ expect }) => {
    const bare = await opened(aPackage({ parse: "return { native: { names: Object.keys(process.env) }, env: {}, secretEnv: {} };" }));
    expect(await bare.parseConfig({}, new Set())).toMatchObject({
      native: { names: [] },
    });
    const leaky = await opened(aPackage({ render: "config.native.x = instanceToken;" }));
    const parsed: ParsedConfig = { native: {}, env: {}, secretEnv: {} };
    await expect(Promise.resolve(leaky.injectRuntime(parsed, { ...info, spec }))).rejects.toThrow("writes a secret to a file");
  });

  it.for([
    { name: "fails when it is loaded", load: 'throw new Error("broken");', why: "ended by itself" },
    { name: "never is loaded", load: "await new Promise(() => {});", why: "ended by itself" },
  ])("is not taken when it $name", async ({ load, why }, { expect }) => {
    await expect(openPackagedType(aPackage({ load }))).rejects.toMatchObject({
      name: "ClawManifestError",
      message: expect.stringContaining(why),
    });
  });
});
