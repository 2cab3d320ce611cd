import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { stringify } from "yaml";
import { readClawType } from "../../../adapters/claws/check-claw-type.ts";
import { type ClawTypeTestOptions, testClawType } from "../../../service/roots/adapter-kit/test-claw-type.ts";
import { runCli } from "../../support/cli.ts";
import { aClawType } from "../../support/sample-requests.ts";

/** A claw with one fault, which BAD names: it answers on every path, and reads its one key from a file. */
const PROGRAM = `
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
const [port, data] = process.argv.slice(2);
const bad = process.env.BAD;
const { word } = JSON.parse(readFileSync(new URL("config.json", import.meta.url), "utf8"));
const here = data + "/here";
if (bad === "start" || (bad === "change" && word !== "one")) {
  console.error("no: " + word);
  process.exit(1);
}
if ((bad === "kill" || bad === "restart") && existsSync(here)) {
  console.error("another one is here");
  process.exit(1);
}
writeFileSync(here, "");
const since = Date.now();
createServer((req, res) => {
  const isSick = (bad === "health" && req.url === "/healthz" && Date.now() > since + 1300) || (bad === "ready" && req.url === "/readyz");
  res.writeHead(isSick ? 503 : 200, { "content-type": "application/json" }).end(JSON.stringify({ ok: !isSick }));
}).listen(Number(port), "127.0.0.1");
process.on("SIGTERM", () => {
  if (bad === "stop") return;
  if (bad !== "restart") { (await import("node:fs")).rmSync(here, { force: true }); }
  process.exit(0);
});
`.replace('process.on("SIGTERM", () => {', 'process.on("SIGTERM", async () => {');

/** A manifest of it. */
function aManifest(bad: string, changes: object = {}): string {
  const probe = (path: string) => ({ path, expect: { ok: true }, periodSeconds: 0.05, failureThreshold: 1 });
  const manifest = aClawType("tried");
  const spec = {
    ...manifest.spec,
    software: { source: "inline", files: [{ path: "run.mjs", content: PROGRAM }] },
    command: ["${node}", "${configDir}/run.mjs", "${port}", "${dataDir}"],
    env: { BAD: bad },
    files: [{ path: "config.json", format: "json" }],
    variables: [{ name: "word", type: "string", default: "one" }],
    probes: { startup: probe("/startupz"), readiness: probe("/readyz"), liveness: probe("/healthz") },
    startup: { timeoutSeconds: 5 },
    stop: { graceSeconds: 1 },
    ...changes,
  };
  return aFile(stringify({ ...manifest, spec }));
}

/** Tests run beside each other, so each does not remove them itself. */
const made: string[] = [];
afterAll(() => {
  for (const dir of made) {
    rmSync(dir, { recursive: true, force: true });
  }
});

function aFile(text: string): string {
  const dir = mkdtempSync(join(tmpdir(), "claw-kit-"));
  made.push(dir);
  writeFileSync(join(dir, "claw-type.yaml"), text);
  return join(dir, "claw-type.yaml");
}

async function verdictsOf(...args: Parameters<typeof testClawType>) {
  const verdicts: Record<string, string> = {};
  let failure = "";
  for await (const { rule, result, detail } of testClawType(...args)) {
    verdicts[rule] = result;
    failure = result === "failed" ? detail : failure;
  }
  return {
    failed: Object.entries(verdicts)
      .filter(([, result]) => result === "failed")
      .map(([rule]) => rule),
    failure,
    verdicts,
  };
}

describe.concurrent("the conformance kit", () => {
  it.for<{ name: string; options?: ClawTypeTestOptions; skipped?: string[] }>([
    { name: "Echo" },
    { name: "a manifest of one's own, which restarts for a change" },
  ])("passes $name", async ({ name }, { expect }) => {
    const { verdicts, failure } = await verdictsOf(name === "Echo" ? name : aManifest("nothing"));
    expect(failure).toBe("");
    expect(new Set(Object.values(verdicts))).toEqual(new Set(["passed"]));
    expect(Object.keys(verdicts)).toEqual([
      "parse",
      "generate",
      "validate",
      "install",
      "start",
      "ready",
      "health",
      "change",
      "restart",
      "kill",
      "stop",
    ]);
  });

  it.for<{ rule: string; why: string; spec?: object; bad?: string }>([
    { rule: "generate", spec: { command: ["${node}", "${prot}"] }, why: "spec.command[1]: ${prot} is no placeholder; use one of" },
    { rule: "validate", spec: { variables: [{ name: "word", type: "string", required: true }] }, why: "word: is required; set it" },
    {
      rule: "install",
      spec: { software: { source: "archive", url: "http://127.0.0.1:9/x.tgz", sha256: "0".repeat(64) } },
      why: "ArchiveUnavailable: http://127.0.0.1:9/x.tgz can't be fetched",
    },
    { rule: "start", bad: "start", why: "not seen that it has started. ExitedAtOnce: " },
    { rule: "ready", bad: "ready", why: "not seen that it is ready" },
    { rule: "health", bad: "health", why: "it does not stay ready. " },
    { rule: "change", bad: "change", why: "not seen that it is ready with another 'word'. ExitedAtOnce: " },
    { rule: "restart", bad: "restart", spec: { reload: "watch" }, why: "not seen that it is ready after a restart" },
    { rule: "kill", bad: "kill", why: "not seen that it is ready after it was killed" },
    { rule: "stop", bad: "stop", why: "it did not end within the 1 s after SIGTERM, and was killed" },
  ])("fails one that does not hold '$rule', and says why", async ({ rule, bad = "", spec = {}, why }, { expect }) => {
    const { failed, failure } = await verdictsOf(aManifest(bad, spec));
    expect(failed).toEqual([rule]);
    expect(failure).toContain(why);
  });

  it("fails what is no manifest, and an adapter in code that takes any key", async ({ expect }) => {
    expect(await verdictsOf(aFile("kind: Nothing"))).toMatchObject({ failed: ["parse"], failure: expect.stringContaining("kind") });
    expect(await verdictsOf("Weather")).toMatchObject({
      failed: ["parse"],
      failure: expect.stringContaining("'Weather' is no claw type"),
    });
    const careless = readClawType(aManifest(""));
    const taking = { ...careless, validate: async () => [] };
    expect(await verdictsOf(taking)).toMatchObject({ failed: ["validate"], failure: expect.stringContaining("is taken without a word") });
  });

  it("says what a change does not reach", async ({ expect }) => {
    const deaf = readClawType(aManifest(""));
    const same = {
      ...deaf,
      injectRuntime: (...args: Parameters<typeof deaf.injectRuntime>) => ({
        ...deaf.injectRuntime(...args),
        files: deaf.injectRuntime(deaf.parseConfig({ word: "one" }, new Set()), args[1]).files,
      }),
    };
    expect(await verdictsOf(same)).toMatchObject({
      failed: ["change"],
      failure: "another value of 'word' reaches neither a file nor a variable",
    });
  });

  it("is a command, which says what does not hold and exits with 1", async ({ expect }) => {
    const path = aManifest("", { command: ["${node}", "${prot}"] });
    const { code, stdout, stderr } = await runCli(["adapter", "test", path]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^✔ parse +tried 1\.0\.0\n✖ generate +spec\.command\[1\]: .*\n- validate +'generate' comes before it\n/);
    expect(stderr).toContain("does not hold: generate");
    const asked = await runCli(["adapter", "test", path, "-o", "json"]);
    expect(
      JSON.parse(asked.stdout)
        .items.map(({ result }: { result: string }) => result)
        .slice(0, 3),
    ).toEqual(["passed", "failed", "skipped"]);
  });
});
