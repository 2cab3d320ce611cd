import { execFileSync } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { anInstanceAnswer, aTemplateAnswer } from "../../support/builders/resources.ts";
import { tempDir } from "../../support/cli.ts";
import { answer, startServer } from "../../support/http-server.ts";
import { anAgent } from "../../support/mcp.ts";
import { startTestService, type TestService } from "../../support/service.ts";

const root = join(import.meta.dirname, "../../..");
let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await service.claw().tenants.create(aTenant("acme"));
});

afterAll(() => service?.stop());

describe("claw mcp", () => {
  it("lets an agent see, understand and preview, and change nothing", async ({ expect }) => {
    const claw = service.claw("acme");
    await (await claw.instances.create(anEcho("web"))).wait({ until: "Ready" });
    const { client, ask, refusal } = await anAgent(service.url, service.adminToken);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["list", "get", "types", "explain", "logs", "events", "preview", "changes"]);
    expect(tools.every(({ annotations }) => annotations?.readOnlyHint)).toBe(true);
    expect(JSON.stringify(tools).length).toBeLessThan(26_500);

    expect(await ask("list", { kind: "ClawInstance" })).toMatchObject({ items: [{ name: "web", tenant: "acme", phase: "Running" }] });
    expect(await ask("get", { kind: "Tenant", name: "acme" })).toMatchObject({ kind: "Tenant", metadata: { name: "acme" } });
    expect(await ask("types")).toMatchObject({ items: expect.arrayContaining([expect.objectContaining({ type: "Echo" })]) });
    expect((await ask("logs", { name: "web", tailLines: 5 }))["lines"]).not.toEqual([]);
    expect(await ask("events", { name: "web" })).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ reason: "PhaseChanged" })]),
    });
    const stop = await ask("preview", { actions: [{ action: "stop", name: "web" }] });
    expect(stop).toMatchObject({ planId: expect.any(String), items: [{ name: "web", op: "update", effect: "stop" }] });
    expect(await ask("changes", { id: stop["id"] })).toMatchObject({ items: [{ name: "web" }] });

    expect(await refusal("get", { kind: "ClawInstance", name: "nobody" })).toContain("instance.not_found");
    const wrong = { apiVersion: "clusterclaw.io/v1", kind: "ClawInstance", metadata: { name: "x" }, spec: { typ: "Echo" } };
    expect(await refusal("preview", { manifests: [wrong] })).toContain("did you mean 'type'?");
    await expect(ask("apply", { planId: stop["planId"] })).rejects.toThrow("Tool apply not found");
    expect((await claw.instances.get("web")).spec.running).toBe(true);
  });

  it("with --allow-apply applies what was previewed, and nothing else", async ({ expect }) => {
    const { ask, refusal } = await anAgent(service.url, service.adminToken, ["--allow-apply"]);
    const { planId } = await ask("preview", { manifests: [anEcho("bot")] });
    expect(await ask("apply", { planId })).toMatchObject({ applied: [{ kind: "ClawInstance", name: "bot", op: "create" }] });
    expect((await service.claw("acme").instances.get("bot")).metadata.name).toBe("bot");
    // A second time it is the same plan, and nothing more.
    expect(await ask("apply", { planId })).toMatchObject({ applied: [{ name: "bot", op: "create" }] });
    expect(await refusal("apply", { planId: "pln_1ChXNAkW9mR2oS8QHU4EdB" })).toContain("preview.not_found");
    expect(await refusal("apply", { planId, manifests: [anEcho("other")] })).toContain("manifests");
  });

  it("is set up as the guide says", async ({ expect }) => {
    const guide = await readFile(join(root, "docs/guides/agents.md"), "utf8");
    const [, config = ""] = /```json\n([\s\S]*?)```/.exec(guide) ?? [];
    const { command, args, env } = JSON.parse(config).mcpServers.claw;
    expect({ args, env }).toEqual({ args: ["mcp"], env: { CLAW_TENANT: "acme" } });
    const file = join(await tempDir(), command);
    await writeFile(file, `#!/bin/sh\nexec "${process.execPath}" "${join(root, "sdk/cli/main.ts")}" "$@"\n`);
    await chmod(file, 0o755);
    const { client } = await anAgent(service.url, service.adminToken, [], [file]);
    const named = [...guide.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(named);
  });

  it("bounds every answer, and says what was left out", async ({ expect }) => {
    const secret = "sk-abcdefghijklmnopqrstuvwxyz";
    const large = "long ".repeat(20_000);
    await using server = await startServer(({ path, query }, res) => {
      if (path.endsWith("/logs")) {
        return answer(res, 200, { lines: [...Array.from({ length: 1000 }, (_, i) => `line ${i} ${"x".repeat(500)}`), `key ${secret}`] });
      }
      if (path.endsWith("/configs/base")) {
        return answer(res, 200, { ...aTemplateAnswer(), spec: { ...aTemplateAnswer().spec, description: large, base: { notes: large } } });
      }
      const count = Number(query.get("limit"));
      const message = "m".repeat(2000);
      const condition = { type: "Ready", status: "False" as const, reason: "R", message, lastTransitionTime: "2026-01-01T00:00:00.000Z" };
      const items = Array.from({ length: count }, (_, i) => anInstanceAnswer(`web-${i}`, { status: { conditions: [condition] } }));
      return answer(res, 200, { items, nextCursor: `after-${count}` });
    });
    const { ask, client } = await anAgent(server.url, "t");
    const sizeOf = async (name: string, input: Record<string, unknown>) =>
      JSON.stringify((await client.callTool({ name, arguments: input })).structuredContent).length;

    const list = (await ask("list", { kind: "ClawInstance", limit: 100 })) as { items: unknown[]; nextCursor: string };
    // Nothing is lost between this page and the next.
    expect(list.nextCursor).toBe(`after-${list.items.length}`);
    expect(list.items.length).toBeLessThan(30);
    const logs = (await ask("logs", { name: "web" })) as { lines: string[]; cut: string };
    expect(logs.lines.at(-1)).toBe("key [secret]");
    expect(logs.cut).toMatch(/the first \d+ lines are left out/);
    const template = await ask("get", { kind: "ConfigTemplate", name: "base" });
    expect(template["cut"]).toContain("'claw get config/base -o yaml' prints all of it");
    for (const [tool, input] of [
      ["list", { kind: "ClawInstance", limit: 100 }],
      ["logs", { name: "web" }],
      ["get", { kind: "ConfigTemplate", name: "base" }],
    ] as const) {
      expect(await sizeOf(tool, input), tool).toBeLessThanOrEqual(48 * 1024);
    }
  });

  it("ends the request of a call that is cancelled", async ({ expect }) => {
    const closed = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    await using server = await startServer((_, res) => {
      res.on("close", () => closed.resolve());
      asked.resolve();
    });
    const { client } = await anAgent(server.url, "t");
    const abort = new AbortController();
    const called = client.callTool({ name: "types", arguments: {} }, { signal: abort.signal }).catch((error: Error) => error.name);
    await asked.promise;
    abort.abort();
    await Promise.all([called, closed.promise]);
    expect(server.requests).toHaveLength(1);
  });

  it("tells what is wrong with an input, and of a server that answers rubbish", async ({ expect }) => {
    await using server = await startServer((_, res) => res.end("<html>"));
    const { refusal } = await anAgent(server.url, "t");
    expect(await refusal("list", { kind: "Nope" })).toContain("kind");
    expect(await refusal("get", { kind: "ClawInstance", name: "../x" })).toContain("name");
    expect(await refusal("preview", {})).toContain("not as a control plane");
    expect(await refusal("types")).toContain("not as a control plane");
    expect(await refusal("explain", { term: "Crashlop" })).toContain("did you mean 'CrashLoop'?");
  });

  it("is not loaded by any other command, and neither are schemas", async ({ expect }) => {
    const hook = `import { registerHooks } from "node:module";
      const seen = []; registerHooks({ load: (url, context, next) => { seen.push(url); return next(url, context); } });
      process.on("exit", () => console.error(seen.join("\\n")));`;
    const program = new URL("../../../sdk/cli/main.ts", import.meta.url).pathname;
    const run = (args: string[]) =>
      execFileSync(
        "bash",
        [
          "-c",
          '"$0" "$@" 2>&1 >/dev/null',
          process.execPath,
          "--import",
          `data:text/javascript,${encodeURIComponent(hook)}`,
          program,
          ...args,
        ],
        {
          encoding: "utf8",
        },
      );
    const loaded = run(["version", "--client"]);
    expect(loaded).toContain("/commands/version.ts");
    expect(loaded).not.toMatch(/modelcontextprotocol|node_modules\/zod|commands\/get\.ts/);
    expect(run(["--version"])).not.toContain("commander");
  });
});
