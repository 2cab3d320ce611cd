import { execFile } from "node:child_process";
import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { findCli } from "../../adapters/automation/cli-command.ts";
import { findConfinement } from "../../adapters/confinement/confinement.ts";
import { readAccess } from "../../adapters/identity/access-file.ts";
import { probeMasterKeys } from "../../adapters/identity/master-key.ts";
import { VaultKeyProvider } from "../../adapters/identity/vault-key-provider.ts";
import { probeJetStream } from "../../adapters/nats/jetstream-bus.ts";
import { probeEmbedded } from "../../adapters/postgres/embedded-postgres.ts";
import { probeOwner } from "../../adapters/postgres/probe-owner.ts";
import { redact } from "../../sdk/contract/index.ts";
import { type Environment, EnvironmentError, readEnvironment } from "../config/environment.ts";
import { bindPort } from "../http/listener.ts";

/** What one look at the machine came to. */
interface Finding {
  /** `warn`: the service starts, and something of it will be missing. */
  readonly state: "ok" | "warn" | "fail";
  readonly says: string;
  readonly fix?: string;
}

type Check = (env: Environment) => Promise<Finding>;

const FREE_BYTES_MIN = 2 * 1024 ** 3;
const REGISTRY_TIMEOUT_MS = 15_000;

/** Each only looks: nothing is made, migrated or installed. */
const CHECKS: Readonly<Record<string, Check>> = {
  "data folder": checkDataFolder,
  port: checkPort,
  database: checkDatabase,
  events: checkEvents,
  keys: checkKeys,
  engine: checkEngine,
  confinement: checkConfinement,
  "npm registry": checkRegistry,
};

/** Prints what a start with these settings would find. @returns whether the service would start */
export async function runDoctor(variables: NodeJS.ProcessEnv, out: { write(text: string): unknown }): Promise<boolean> {
  const say = (name: string, { state, says, fix }: Finding) => {
    out.write(`${state.padEnd(5)} ${name.padEnd(13)} ${redact(says)}\n${fix === undefined ? "" : `${"".padEnd(20)}fix: ${redact(fix)}\n`}`);
    return state !== "fail";
  };
  let env: Environment;
  try {
    env = readEnvironment(variables);
  } catch (error) {
    if (!(error instanceof EnvironmentError)) {
      throw error;
    }
    for (const { path, message, fix } of error.issues) {
      say("settings", { state: "fail", says: `${path}: ${message}`, ...(fix === undefined ? {} : { fix }) });
    }
    return false;
  }
  let good = say("Node.js", { state: "ok", says: process.versions.node });
  for (const [name, check] of Object.entries(CHECKS)) {
    const finding = await check(env).catch((error: unknown): Finding => ({ state: "fail", says: messageOf(error) }));
    good = say(name, finding) && good;
  }
  return good;
}

async function checkDataFolder({ dataDir }: Environment): Promise<Finding> {
  const place = await nearestFolder(dataDir);
  const fix = "set CLAW_DATA_DIR to a folder of this user's, on a disk with room";
  try {
    await access(place, constants.W_OK | constants.X_OK);
  } catch {
    return { state: "fail", says: `${place} can't be written by this user, and ${dataDir} is to be there`, fix };
  }
  const { bavail, bsize } = await statfs(place);
  const free = `${((bavail * bsize) / 1024 ** 3).toFixed(1)} GB free`;
  return bavail * bsize < FREE_BYTES_MIN
    ? { state: "warn", says: `${dataDir}, with only ${free}: an OpenClaw takes 0.6 GB, a database grows`, fix }
    : { state: "ok", says: `${dataDir}${place === dataDir ? "" : ", which will be made"}; ${free}` };
}

async function checkPort(env: Environment): Promise<Finding> {
  const running = await readAccess(env.dataDir);
  const isUp =
    running &&
    (await fetch(`${running.url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ));
  if (isUp) {
    return { state: "ok", says: `a control plane runs on this data folder already, at ${running.url} (pid ${running.pid})` };
  }
  const { close } = await bindPort(env);
  await close();
  return { state: "ok", says: `${env.host}:${env.port} is free` };
}

async function checkDatabase({ databaseUrl, dataDir }: Environment): Promise<Finding> {
  if (databaseUrl === undefined) {
    return { state: "ok", says: await probeEmbedded(join(dataDir, "postgres")) };
  }
  const { says, missing } = await probeOwner(databaseUrl);
  return missing === undefined ? { state: "ok", says } : { state: "fail", says, fix: missing };
}

async function checkEvents({ natsUrl }: Environment): Promise<Finding> {
  if (natsUrl === undefined) {
    return { state: "ok", says: "on a bus within the process (CLAW_NATS_URL is not set)" };
  }
  try {
    return { state: "ok", says: await probeJetStream(natsUrl) };
  } catch (error) {
    // The service starts without: events wait in the outbox.
    const fix = "start it with JetStream (nats-server -js), correct CLAW_NATS_URL, or unset it; events wait in the database meanwhile";
    return { state: "warn", says: messageOf(error), fix };
  }
}

async function checkKeys({ masterKey, dataDir, vault }: Environment): Promise<Finding> {
  if (vault) {
    return { state: "ok", says: `${await new VaultKeyProvider(vault).current()}, at ${vault.address}` };
  }
  return { state: "ok", says: masterKey ? "the master key of CLAW_MASTER_KEY" : await probeMasterKeys(dataDir) };
}

async function checkEngine({ engine, dataDir }: Environment): Promise<Finding> {
  if (engine === "embedded") {
    return { state: "ok", says: "the embedded one, which needs nothing" };
  }
  const cli = await findCli({ installDir: join(dataDir, "tools"), mayInstall: false });
  return { state: "ok", says: `the Pulumi CLI ${cli.version}` };
}

async function checkConfinement({ dataDir }: Environment): Promise<Finding> {
  const found = findConfinement(await nearestFolder(dataDir));
  if (found.kind === "none") {
    return { state: "warn", says: `${found.why}: platform administrators alone may place claws on this host`, fix: found.fix };
  }
  return {
    state: "ok",
    says: found.kind === "user" ? "claws of this host run as a Unix user for each tenant" : `claws of this host run in ${found.bwrap}`,
  };
}

async function checkRegistry(): Promise<Finding> {
  try {
    await promisify(execFile)("npm", ["ping", "--fetch-retries=0"], { timeout: REGISTRY_TIMEOUT_MS });
    return { state: "ok", says: "answers: claws' software can be installed" };
  } catch {
    const fix = "make `npm ping` succeed (registry, proxy), for claws of this host whose software is not installed yet";
    return { state: "warn", says: "npm does not reach it", fix };
  }
}

/** The folder, or the nearest one above it that there is. */
async function nearestFolder(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() || dirname(path) === path ? path : nearestFolder(dirname(path));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
