import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, it } from "vitest";
import { until } from "../support/agent/harness.ts";
import { findProgram } from "../support/find-program.ts";
import { useCluster } from "../support/kubernetes/use-cluster.ts";
import { ownProject, programsOf } from "../support/own-project.ts";
import { createEmptyDatabase } from "../support/postgres.ts";

const programs = { ...programsOf("docs/guides/components.md"), ...programsOf("docs/guides/engine.md") };

/** Takes back what `up.ts` made, or looks at it. */
const DESTROY = (programs["up.ts"] ?? "")
  .replace(/const \{ changeSummary \}[\s\S]*?(?=await engine)/, "console.log((await stack.destroy()).summary.result);\n")
  .replace(/await stack.setAllConfig.*\n/, "");

/** What the claw answers; nothing while nobody does. */
async function said(port: number): Promise<string | undefined> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer s3cret", "content-type": "application/json" },
    body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "hello" }] }),
  }).catch(() => undefined);
  if (!answer?.ok) {
    return undefined;
  }
  const { choices } = (await answer.json()) as { choices: [{ message: { content: string } }] };
  return choices[0].message.content;
}

/** The programs of the guides of components and engine, each in a project of its own below the one where the package is `installed`. */
export function describeOwnPrograms(installed: () => string): void {
  describe("a program of one's own on this host", () => {
    it("makes a claw that talks, changes it while it runs, and takes it back", { timeout: 300_000 }, async ({ expect }) => {
      const project = await ownProject(installed(), { ...programs, "destroy.ts": DESTROY });
      const first = await project.run(["up.ts"]);
      expect(first).toContain("would do { create: 7 }");
      expect(first).toContain("succeeded");
      await until(async () => (await said(project.port)) === "> hello", "the claw answers");
      expect(first).not.toContain("s3cret");

      const changed = readFileSync(join(project.dir, "up.ts"), "utf8").replace('value: "> "', 'value: "= "');
      writeFileSync(join(project.dir, "up.ts"), changed);
      expect(await project.run(["up.ts"])).toMatch(/would do { same: 5, update: 2 }[\s\S]*files\["config.json"\]/);
      await until(async () => (await said(project.port)) === "= hello", "it has taken the change over");
      expect(await project.run(["up.ts"])).toContain("would do { same: 7 }");

      expect(await project.run(["destroy.ts"])).toContain("succeeded");
      await until(async () => (await said(project.port)) === undefined, "the claw is gone");
    });

    it("goes on at once where an up was killed in the middle", { timeout: 300_000 }, async ({ expect }) => {
      const project = await ownProject(installed(), { ...programs, "destroy.ts": DESTROY });
      const killed = project.start(["up.ts"]);
      await until(
        () => killed.printed().includes("echo-software created") || killed.printed().includes("echo-process creating"),
        "it is at it",
      );
      killed.child.kill("SIGKILL");
      await killed.ended;
      expect(await project.run(["up.ts"])).toContain("succeeded");
      await until(async () => (await said(project.port)) === "> hello", "the claw answers");
      expect(await project.run(["destroy.ts"])).toContain("succeeded");
    });

    it("lets one process at a time change a stack, and says which is at it", { timeout: 300_000 }, async ({ expect }) => {
      const slow = `import { existsSync, writeFileSync } from "node:fs";
  export async function host() {
    writeFileSync("begun", "");
    while (process.argv[2] === "slow" && !existsSync("go-on")) { await new Promise((resolve) => setTimeout(resolve, 50)); }
    return { dataDir: "none" };
  }`;
      const up = (programs["up.ts"] ?? "").replace(/const \{ changeSummary \}[\s\S]*?console.log\("would do".*\n/, "");
      const project = await ownProject(installed(), { "host.ts": slow, "up.ts": up });
      const holder = project.start(["up.ts", "slow"]);
      await until(() => existsSync(join(project.dir, "begun")), "the first is at it");
      const other = await project.start(["up.ts", "fast"]).ended;
      expect(other.code).toBe(1);
      expect(other.output).toMatch(new RegExp(`ConcurrentUpdateError[\\s\\S]*locked by \\S+/${holder.child.pid} `));
      writeFileSync(join(project.dir, "go-on"), "");
      expect(await holder.ended).toMatchObject({ code: 0 });
      await project.run(["up.ts", "fast"]);
    });

    it("keeps its stacks in a database", { timeout: 120_000 }, async ({ expect }) => {
      const database = await createEmptyDatabase();
      try {
        const stack = (programs["up.ts"] ?? "").replace('state: "./state"', "state: process.env.DATABASE_URL");
        const project = await ownProject(installed(), {
          ...programs,
          "host.ts": "export const host = async () => ({ dataDir: 'none' });",
          "up.ts": stack,
        });
        expect(await project.run(["database.ts"], { DATABASE_URL: database.url })).toMatch(/Pulumi \d+\./);
        expect(await project.run(["up.ts"], { DATABASE_URL: database.url })).toContain("would do { create: 1 }");
        expect(await project.run(["up.ts"], { DATABASE_URL: database.url })).toContain("would do { same: 1 }");
      } finally {
        await database.drop();
      }
    });

    it("moves to the Pulumi CLI and back, and nothing changes on the way", { timeout: 600_000 }, async ({ expect, skip }) => {
      const missing = ["pulumi", "pulumi-language-nodejs"].filter((program) => findProgram(program) === undefined);
      skip(missing.length > 0, `not on PATH: ${missing.join(", ")}`);
      const project = await ownProject(installed(), { ...programs, "destroy.ts": DESTROY });
      mkdirSync(join(project.dir, "backend"));
      const env = {
        PATH: process.env["PATH"] ?? "",
        HOME: project.dir,
        PULUMI_HOME: join(project.dir, "pulumi"),
        PULUMI_BACKEND_URL: `file://${join(project.dir, "backend")}`,
        PULUMI_CONFIG_PASSPHRASE: "correct horse",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
        CLAW_NODE: process.execPath,
      };
      const pulumi = async (...args: string[]) =>
        (await promisify(execFile)("pulumi", [...args, "--non-interactive", "-s", "dev"], { cwd: project.dir, env, encoding: "utf8" }))
          .stdout;
      await project.run(["up.ts"]);
      await project.run(["move.ts"], env);
      await pulumi("config", "set", "prefix", "> ");
      await pulumi("config", "set", "token", "s3cret", "--secret");
      expect(await pulumi("preview", "--expect-no-changes")).toMatch(/7 unchanged/);
      await pulumi("config", "set", "prefix", "= ");
      expect(await pulumi("up", "--yes", "--skip-preview")).toMatch(/2 updated/);
      await until(async () => (await said(project.port)) === "= hello", "the claw has what the CLI said");

      await project.run(["move.ts", "back"], env);
      expect(await project.run(["up.ts"])).toContain("would do { same: 5, update: 2 }");
      await until(async () => (await said(project.port)) === "> hello", "the claw has what the engine said");
      expect(await project.run(["destroy.ts"])).toContain("succeeded");
    });
  });

  describe("a program of one's own on a cluster", () => {
    const { cluster } = useCluster();
    it("makes a tenant with a claw, finds nothing to do, and takes it back", { timeout: 600_000 }, async ({ expect }) => {
      const tenant = `own-${randomUUID().slice(0, 8)}`;
      const up = (programs["up.ts"] ?? "")
        .replaceAll("host", "cluster")
        .replace('prefix: { value: "> " }', `kubeconfig: { value: "${cluster().kubeconfigPath}" }`)
        .replace("outputs.dataDir", "outputs.namespace");
      const destroy = DESTROY.replaceAll("host", "cluster");
      const project = await ownProject(
        installed(),
        { ...programs, "up.ts": up, "destroy.ts": destroy },
        {
          '"acme"': JSON.stringify(tenant),
          // Nobody answers probes on emulated nodes.
          "...claw(": "skipAwait: true, ...claw(",
        },
      );
      const first = await project.run(["up.ts"]);
      expect(first).toMatch(new RegExp(`succeeded claw-${tenant}`));
      const { api } = cluster();
      const pods = (await api.get(`/api/v1/namespaces/claw-${tenant}/pods`)) as { items: { spec: { containers: { image: string }[] } }[] };
      expect(pods.items.map(({ spec }) => spec.containers[0]?.image)).toEqual(["registry.example.com/openclaw:2026.9.6"]);
      expect(first).not.toContain("s3cret");
      expect(await project.run(["up.ts"])).toMatch(/would do { same: \d+ }/);
      expect(await project.run(["destroy.ts"])).toContain("succeeded");
    });
  });
}
