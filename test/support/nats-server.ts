import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findProgram } from "./find-program.ts";
import { freePort } from "./free-port.ts";

export interface NatsServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** The machine's own NATS server program; Debian's is outside of an ordinary user's PATH. */
export function findNatsServer(): string | undefined {
  return findProgram("nats-server", ["/usr/sbin", "/usr/local/sbin"]);
}

/** A NATS server with JetStream, on a free port unless one is named, or undefined when the machine has none. */
export async function startNatsServer(options: { readonly port?: number } = {}): Promise<NatsServer | undefined> {
  const program = findNatsServer();
  if (!program) {
    return undefined;
  }
  const storeDir = await mkdtemp(join(tmpdir(), "claw-test-nats-"));
  const port = options.port ?? (await freePort());
  const child = spawn(program, ["--addr", "127.0.0.1", "--port", String(port), "--jetstream", "--store_dir", storeDir], {
    stdio: "ignore",
  });
  const exited = once(child, "exit");
  for (let attempt = 0; !(await answers(port)); attempt++) {
    if (child.exitCode !== null || attempt > 200) {
      throw new Error(`${program} did not start on port ${port}`);
    }
    await delay(50);
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
      await rm(storeDir, { recursive: true, force: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
