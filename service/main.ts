import { readFile } from "node:fs/promises";
import closeWithGrace from "close-with-grace";
import { pino } from "pino";
import { ClawError, redact } from "../sdk/contract/index.ts";
import { EnvironmentError, readEnvironment } from "./config/environment.ts";
import { startControlPlane } from "./roots/control-plane/control-plane.ts";

/** Time for requests and the operation under way to end; a claw's own drain does not count, since agents outlive the service. */
const CLOSE_DELAY_MS = 60_000;

try {
  const env = readEnvironment(process.env);
  // Errors of drivers and programs are logged whole.
  const log = pino({ level: env.logLevel, hooks: { streamWrite: redact } });
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  const controlPlane = await startControlPlane(env, version, log);
  log.info({ url: controlPlane.url }, "the control plane is ready");
  closeWithGrace({ delay: CLOSE_DELAY_MS, logger: log }, async ({ err }) => {
    if (err) {
      log.fatal({ err }, "closing after an error that nobody handled");
    }
    await controlPlane.stop();
  });
} catch (error) {
  const known = error instanceof EnvironmentError || error instanceof ClawError;
  process.stderr.write(`${known ? error.message : redact(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`);
  process.exit(1);
}
