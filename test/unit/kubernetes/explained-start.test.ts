import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "vitest";
import { explainedStart } from "../../../components/kubernetes/explained-start.ts";
import { tempDir } from "../../support/cli.ts";

const startup = { timeoutSeconds: 60, heavy: true };
const says = (answer: unknown) => ["node", "-e", `process.stdout.write("a banner\\n" + ${JSON.stringify(JSON.stringify(answer))})`];

/** Runs a claw as a container does. */
async function run(claw: string, answer: unknown, whenOut: (kill: () => void) => void = () => {}) {
  const file = join(await tempDir(), "termination-log");
  const explain = { command: says(answer), ignore: [] };
  const [command = "", ...args] = explainedStart({ explain, startup }, ["node", "-e", claw], (text) => text, ["TOKEN"], file);
  const child = spawn(command, args, { env: { PATH: process.env["PATH"], TOKEN: "a-token" }, stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.once("data", () => whenOut(() => child.kill("SIGTERM")));
  child.stdout.resume();
  const [code] = await once(child, "exit");
  return { code, said: await readFile(file, "utf8").catch(() => undefined) };
}

const issue = { path: "tools.web.search.provider", message: "unknown provider: a-token" };

describe("a claw's container whose claw can be asked why it failed", () => {
  it("leaves the claw's own word, the key in it and no secret, and ends as the claw does", async ({ expect }) => {
    expect(await run("process.exit(78)", { issues: [issue] })).toEqual({
      code: 78,
      said: "It says: tools.web.search.provider: unknown provider: [secret]",
    });
  });

  it("says nothing of one that its program has nothing against, nor of one that prints anything", async ({ expect }) => {
    for (const answer of [{ issues: [] }, { issues: 1 }, 7]) {
      expect(await run("process.exit(1)", answer)).toEqual({ code: 1, said: undefined });
    }
  });

  it("hands a stop on, waits for the claw's own end, and asks nothing then", async ({ expect }) => {
    const slow = "process.on('SIGTERM', () => setTimeout(() => process.exit(3), 300)); console.log('up'); setInterval(() => {}, 1000)";
    expect(await run(slow, { issues: [issue] }, (kill) => kill())).toEqual({ code: 3, said: undefined });
  });

  it("is as its command says where nobody can be asked", ({ expect }) => {
    expect(explainedStart({ startup }, ["node", "cli.mjs"], (text) => text, [])).toEqual(["node", "cli.mjs"]);
  });
});
