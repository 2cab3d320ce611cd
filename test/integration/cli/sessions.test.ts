import { afterAll, beforeAll, describe, it } from "vitest";
import { aClusterManifest } from "../../support/builders/cluster.ts";
import { anEcho } from "../../support/builders/manifests.ts";
import { type CliResult, runCli } from "../../support/cli.ts";
import { startTestService, type TestService } from "../../support/service.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await claw(["tenants", "create", "acme"]);
  const { code, stderr } = await claw(["create", "web", "--type", "Echo", "--wait"]);
  if (code !== 0) {
    throw new Error(stderr);
  }
});

afterAll(() => service?.stop());

function claw(argv: readonly string[], options: Parameters<typeof runCli>[1] = {}): Promise<CliResult> {
  return runCli(argv, { ...options, url: service.url, env: { CLAW_TOKEN: service.adminToken } });
}

describe("claw console", () => {
  it("runs what is typed inside the instance, and ends with its shell", async ({ expect }) => {
    const { code, stdout } = await claw(["console", "web"], { stdin: "echo $((6 * 7))-from-inside\nexit\n" });
    expect(stdout).toContain("42-from-inside");
    expect(code).toBe(0);
  });

  it("ends with what is piped into it", async ({ expect }) => {
    const { code, stdout } = await claw(["console", "web"], { stdin: "echo $((6 * 7))-piped\n" });
    expect(stdout).toContain("42-piped");
    expect(code).toBe(0);
  });
});

describe("claw connect", () => {
  it("carries requests of this machine to the instance's port", async ({ expect }) => {
    const interrupt = new AbortController();
    let health: Promise<unknown> | undefined;
    const { code } = await claw(["connect", "web"], {
      signal: interrupt.signal,
      onStdout: (url) => {
        health = fetch(new URL("/healthz", url.trim()), { headers: { connection: "close" } })
          .then((response) => response.status)
          .finally(() => interrupt.abort());
      },
    });
    expect(await health).toBe(200);
    expect(code).toBe(130);
  });
});

describe("claw logs -f", () => {
  it("prints lines as they are written, until interrupted", async ({ expect }) => {
    const interrupt = new AbortController();
    const { code, stdout } = await claw(["logs", "web", "-f"], {
      signal: interrupt.signal,
      onStdout: () => interrupt.abort(),
    });
    expect(stdout).toContain("listening");
    expect(code).toBe(130);
  });
});

describe("a stream that is refused", () => {
  it("says why: nobody is there to answer", async ({ expect }) => {
    // On a cluster that does not answer either: anywhere else an agent would be there sooner or later.
    await service.claw().clusters.create(aClusterManifest("down"));
    await service.claw("acme").instances.create(anEcho("idle", { placement: { cluster: "down" } }));
    const { code, stderr } = await claw(["logs", "idle", "-f"]);
    expect(code).toBe(1);
    expect(stderr).toContain("instance.unreachable");
  });

  it("survives what is no size of a terminal", async ({ expect }) => {
    const url = `${service.url.replace("http", "ws")}/api/v1/instances/web/console/stream`;
    const headers = { authorization: `Bearer ${service.adminToken}`, "x-claw-tenant": "acme" };
    const socket = new WebSocket(url, { headers });
    await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
    socket.send("{");
    socket.close();
    await new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
    expect((await claw(["version"])).code).toBe(0);
  });
});

describe("sessions with an instance that is not there or does not run", () => {
  it.for([
    ["chat", "gone", "hi"],
    ["logs", "gone", "-f"],
    ["console", "gone"],
    ["connect", "gone"],
  ])("exit with 3: claw %s %s", async (argv, { expect }) => {
    expect((await claw(argv)).code).toBe(3);
  });
});
