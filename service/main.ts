import { readFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import closeWithGrace from "close-with-grace";
import { pino } from "pino";
import { accessFile } from "../adapters/identity/access-file.ts";
import { ClawError, redact } from "../sdk/contract/index.ts";
import { EnvironmentError, readEnvironment } from "./config/environment.ts";
import { startControlPlane } from "./roots/control-plane/control-plane.ts";

/** Time for requests and the operation under way to end; a claw's own drain does not count, since agents outlive the service. */
const CLOSE_DELAY_MS = 60_000;
/**
 * Garbage is collected once the heap is half as large again as what was in use: on a machine with much memory V8 waits for four times that, and what is busy for a
 * while grows to 700 MB of which it needs 100.
 */
const HEAP_GROWTH_PERCENT = 50;
setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);

try {
  const env = readEnvironment(process.env);
  // Errors of drivers and programs are logged whole.
  const log = pino({ level: env.logLevel, hooks: { streamWrite: redact } });
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  const controlPlane = await startControlPlane(env, version, log);
  log.info({ url: controlPlane.url }, "the control plane is ready");
  const { token, isNew } = controlPlane.administrator;
  if (token !== undefined && isNew) {
    process.stderr.write(firstStart(token, accessFile(env.dataDir), process.stderr.isTTY));
  }
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

/** What whoever starts it for the first time needs. What is no terminal is kept by somebody: a token does not belong there. */
function firstStart(token: string, file: string, isTerminal: boolean): string {
  const where = isTerminal ? `, shown this once (and kept in ${file}):\n\n  ${token}\n` : ` is in ${file}.`;
  return `\nThe administrator's token${where}\nMake somebody platform-admin with it, then have them retire it: claw auth retire-admin\n\n`;
}
