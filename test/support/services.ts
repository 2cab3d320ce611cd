import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startEmbeddedPostgres } from "../../adapters/postgres/embedded-postgres.ts";
import { BROKER_VARIABLE, serveSharedCluster } from "./kubernetes/shared-cluster.ts";
import { startNatsServer } from "./nats-server.ts";

/**
 * The servers that tests share, started once per run: PostgreSQL, in which each test file makes a database of its own, NATS where the
 * machine has it, and a Kubernetes cluster once a test asks for it. A server that is named in the environment is used instead.
 */
export async function setup(): Promise<() => Promise<void>> {
  const closers: (() => Promise<void>)[] = [];
  if (!process.env["CLAW_TEST_DATABASE_URL"]) {
    const dataDir = await mkdtemp(join(tmpdir(), "claw-test-"));
    // The server never runs as root: another user must be able to enter.
    await chmod(dataDir, 0o755);
    const postgres = await startEmbeddedPostgres({
      dataDir: join(dataDir, "postgres"),
      toolsDir: resolve(".toolchain", "tools"),
      log: (message) => process.stderr.write(`${message}\n`),
    });
    process.env["CLAW_TEST_DATABASE_URL"] = postgres.url;
    closers.push(async () => {
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    });
  }
  if (!process.env["CLAW_TEST_NATS_URL"]) {
    const nats = await startNatsServer();
    if (nats) {
      process.env["CLAW_TEST_NATS_URL"] = nats.url;
      closers.push(nats.stop);
    }
  }
  if (!process.env[BROKER_VARIABLE]) {
    closers.push(await serveSharedCluster());
  }
  return async () => {
    for (const close of closers.reverse()) {
      await close();
    }
  };
}
