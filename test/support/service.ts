import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Logger, pino } from "pino";
import { Claw } from "../../sdk/client/index.ts";
import { readEnvironment } from "../../service/config/environment.ts";
import { type ControlPlane, startControlPlane } from "../../service/roots/control-plane/control-plane.ts";
import { freePort } from "./free-port.ts";
import { createMigratedDatabase } from "./postgres.ts";
import { stopAgents } from "./service-process.ts";

export interface TestService {
  readonly url: string;
  readonly adminToken: string;
  readonly dataDir: string;
  readonly databaseUrl: string;
  /** A client of the platform's administrator, in one tenant. */
  claw(tenant?: string): Claw;
  /**
   * Stops the control plane and starts another on the same data: what a restart of the service is.
   * @param port another than before @param meanwhile what happens while there is none
   */
  restart(port?: "0", meanwhile?: () => Promise<unknown>): Promise<void>;
  /** Stops everything, agents and claws too, and removes the data. */
  stop(): Promise<void>;
}

/** The whole control plane in this process, on a database and a data folder of its own; operations run in real worker processes. */
export async function startTestService(
  settings: Readonly<Record<string, string>> = {},
  log: Logger = pino({ level: process.env["CLAW_TEST_LOG_LEVEL"] ?? "silent" }),
): Promise<TestService> {
  const dataDir = await mkdtemp(join(tmpdir(), "claw-test-"));
  const database = await createMigratedDatabase();
  const start = (port: string) =>
    startControlPlane(
      readEnvironment({ CLAW_DATA_DIR: dataDir, CLAW_DATABASE_URL: database.url, CLAW_PORT: port, CLAW_WORKERS: "1", ...settings }),
      "0.0.0-test",
      log,
    );
  const port = String(await freePort());
  let controlPlane: ControlPlane = await start(port);
  const { token: adminToken = "" } = controlPlane.administrator;
  return {
    get url() {
      return controlPlane.url;
    },
    adminToken,
    dataDir,
    databaseUrl: database.url,
    claw: (tenant) => new Claw({ url: controlPlane.url, token: adminToken, ...(tenant !== undefined && { tenant }) }),
    async restart(otherPort, meanwhile) {
      await controlPlane.stop();
      await meanwhile?.();
      controlPlane = await start(otherPort ?? port);
    },
    async stop() {
      await controlPlane.stop();
      await stopAgents(dataDir);
      await database.drop();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

/** Asks until the answer passes. @throws with the last answer when it does not within the time */
export async function eventually<T>(ask: () => Promise<T>, passes: (answer: T) => boolean, timeoutMs = 60_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (passes(answer)) {
      return answer;
    }
    if (Date.now() > deadline) {
      throw new Error(`still not so after ${timeoutMs} ms: ${JSON.stringify(answer, undefined, 1)}`);
    }
    await delay(50);
  }
}
