import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { ClawInstanceSchema, PreviewSchema } from "../../../sdk/contract/index.ts";
import { type CliResult, runCli, tempDir } from "../../support/cli.ts";
import { startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
let cwd: string;

beforeAll(async () => {
  service = await startTestService();
  cwd = await tempDir();
  await claw("tenants", "create", "acme", "--instances", "2");
});

afterAll(() => service?.stop());

/** Runs a command as the platform's administrator in the tenant `acme`. */
function claw(...argv: readonly string[]): Promise<CliResult> {
  return runCli(argv, { url: service.url, cwd, env: { CLAW_TOKEN: service.adminToken } });
}

/** Its stdout, when it succeeds. */
async function ok(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await claw(...argv);
  if (code !== 0) {
    throw new Error(`claw ${argv.join(" ")} exited with ${code}\n${stdout}\n${stderr}`);
  }
  return stdout;
}

describe("an instance's life by commands", () => {
  it("goes from create over stop and start to destroy, each waited for", async ({ expect }) => {
    expect(await ok("create", "web", "--type", "Echo", "--label", "team=red", "--wait")).toBe("instance/web created\n");
    const read = () => ok("get", "instance", "web", "-o", "json").then((text) => ClawInstanceSchema.parse(JSON.parse(text)));
    expect((await read()).status).toMatchObject({ phase: "Running", readyReplicas: 1 });
    expect(await ok("chat", "web", "hello")).toContain("hello");
    expect(await ok("logs", "web")).not.toBe("");
    expect(await ok("stop", "-l", "team=red", "--wait")).toBe("instance/web stopped\n");
    expect((await read()).status).toMatchObject({ phase: "Stopped", readyReplicas: 0 });
    expect(await ok("start", "web", "--wait")).toBe("instance/web started\n");
    expect(await ok("restart", "web", "--wait")).toBe("instance/web restarted\n");
    expect(await ok("kill", "web", "--force", "--wait")).toBe("instance/web killed\n");
    expect((await read()).status.phase).toBe("Stopped");
    expect(await ok("events", "web")).toContain("PhaseChanged");
    expect(await ok("describe", "web")).toContain("Conditions");
    expect(await ok("destroy", "web", "--yes", "--wait")).toContain("instance/web destroyed");
    expect((await claw("get", "instance", "web")).code).toBe(3);
  });

  it("is declared by manifests that round-trip: what get prints, diff finds unchanged", async ({ expect }) => {
    const manifest = (prefix: string) => `apiVersion: clusterclaw.io/v1
kind: ClawInstance
metadata: { name: bot, namespace: acme }
spec: { type: Echo, config: { overrides: [{ key: reply.prefix, value: ${prefix} }] } }
`;
    await writeFile(join(cwd, "bot.yaml"), manifest("one"));
    expect((await claw("diff", "-f", "bot.yaml", "--exit-code")).code).toBe(6);
    expect(await ok("apply", "-f", "bot.yaml", "--yes", "--wait")).toBe("instance/bot created\n");
    await writeFile(join(cwd, "read.yaml"), await ok("get", "instances", "-o", "yaml"));
    expect((await claw("diff", "-f", "read.yaml", "--exit-code")).code).toBe(0);
    await writeFile(join(cwd, "bot.yaml"), manifest("two"));
    const diff = await ok("diff", "-f", "bot.yaml");
    expect(diff).toContain('~ spec.config.overrides[reply.prefix].value: "one" → "two"');
    const { planId } = PreviewSchema.parse(JSON.parse(await ok("diff", "-f", "bot.yaml", "-o", "json")));
    expect(await ok("apply", "--plan", planId ?? "", "--yes", "--wait")).toBe("instance/bot updated\n");
    await ok("delete", "-f", "bot.yaml", "--yes", "--wait");
  });
});

describe("refusals", () => {
  it("apply nothing of a plan whose base has moved", async ({ expect }) => {
    await ok("create", "moved", "--type", "Echo", "--no-start", "--wait");
    const manifest =
      "apiVersion: clusterclaw.io/v1\nkind: ClawInstance\nmetadata: { name: moved }\nspec: { type: Echo, running: false, replicas: 0 }\n";
    await writeFile(join(cwd, "moved.yaml"), manifest);
    const { planId } = PreviewSchema.parse(JSON.parse(await ok("diff", "-f", "moved.yaml", "-o", "json")));
    await ok("start", "moved", "--wait");
    const { code, stderr } = await claw("apply", "--plan", planId ?? "", "--yes");
    expect(code).toBe(5);
    expect(stderr).toContain("preview again");
    await ok("destroy", "moved", "--yes", "--wait");
  });

  it("say which field is wrong, and of which manifest", async ({ expect }) => {
    await writeFile(
      join(cwd, "typo.yaml"),
      "apiVersion: clusterclaw.io/v1\nkind: ClawInstance\nmetadata: { name: a }\nspec: { typ: Echo }\n",
    );
    const { code, stderr } = await claw("apply", "-f", "typo.yaml", "--yes");
    expect(code).toBe(1);
    expect(stderr).toContain("typo.yaml: ClawInstance/a: spec");
  });

  it("of a taken name exit with 5, of a full quota with 1, of an unknown type with 1", async ({ expect }) => {
    await ok("create", "one", "--type", "Echo", "--no-start");
    const taken = await claw("create", "one", "--type", "Echo");
    expect(taken.code).toBe(5);
    expect(taken.stderr.match(/the instance 'one' is there already/g)).toHaveLength(1);
    expect((await claw("get", "instances", "--sort", "foo")).stderr.match(/can't sort by 'foo'/g)).toHaveLength(1);
    await ok("create", "two", "--type", "Echo", "--no-start");
    const full = await claw("create", "three", "--type", "Echo", "--no-start");
    expect(full.code).toBe(1);
    expect(full.stderr).toContain("Quota exceeded");
    const unknown = await claw("create", "four", "--type", "Nope");
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain("claw types");
    await ok("destroy", "one", "two", "--yes", "--wait");
  });

  it("of a connection to a stopped instance exit with 5 and say how to start it", async ({ expect }) => {
    await ok("create", "idle", "--type", "Echo", "--no-start");
    const { code, stdout, stderr } = await claw("connect", "idle");
    expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
    expect(stderr).toContain("claw start idle --wait");
    await ok("destroy", "idle", "--yes", "--wait");
  });

  it("of a wrong token exit with 4", async ({ expect }) => {
    expect((await runCli(["get", "instances"], { url: service.url })).code).toBe(4);
  });
});

describe("configs", () => {
  it("are drafted, validated, published and versioned", async ({ expect }) => {
    const manifest = `apiVersion: clusterclaw.io/v1
kind: ConfigTemplate
metadata: { name: base }
spec: { adapter: EchoAdapter, variables: [{ name: reply.prefix, type: string, required: true }] }
`;
    await writeFile(join(cwd, "base.yaml"), manifest);
    expect(await ok("configs", "create", "-f", "base.yaml")).toBe("config/base created\n");
    expect((await claw("configs", "validate", "base", "--set", "reply.prefix=1")).code).toBe(1);
    expect(await ok("configs", "validate", "base", "--set", "reply.prefix=x")).toBe("config/base is valid\n");
    expect(await ok("configs", "publish", "base", "-m", "first")).toBe("config/base published as version 1\n");
    expect(await ok("configs", "versions", "base")).toContain("first");
    await ok("configs", "delete", "base", "--yes");
  });
});
