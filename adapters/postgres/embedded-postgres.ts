import { spawn } from "node:child_process";
import { open, readFile, stat, truncate } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { type Binaries, findBinaries, machineBinaries, NPM_PACKAGE_MAJOR } from "./embedded/binaries.ts";
import { clusterMajor, connection, createCluster, probeServer, readPassword, serverEnv } from "./embedded/cluster.ts";
import { ownServer } from "./embedded/owner.ts";
import { findServerUser, reachableFolder, reachedFolder, type ServerUser } from "./embedded/server-user.ts";

const DATABASE = "claw";
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
/** A server that says nothing for so long is not one. */
const SILENCE_MS = 3_000;
const RETRY_MS = 500;
const FAILURES_MAX = 5;
const LOG_BYTES_MAX = 4 * 1024 * 1024;

export interface EmbeddedPostgres {
  /** Of the database `claw`, with the password in it. */
  readonly url: string;
  readonly pid: number;
  /** Makes this process the one that may stop the server. @returns the id of the process that is it already */
  own(): Promise<number | undefined>;
  /** Stops the server, letting transactions in flight fail. Without it the server outlives this process, for the next one to adopt. */
  stop(): Promise<void>;
}

/**
 * A PostgreSQL server of our own in a data folder: the one that runs there already, or a new one, made by whatever binaries the machine
 * has, or npm's. Never runs as root. Any number of processes may start it at once: they all get the same server.
 */
export async function startEmbeddedPostgres(options: {
  /** Holds the cluster and its log. */
  readonly dataDir: string;
  /** Holds the binaries when they come from npm. */
  readonly toolsDir: string;
  readonly log: (message: string) => void;
}): Promise<EmbeddedPostgres> {
  const user = await findServerUser();
  const folder = await reachableFolder(options.dataDir, user);
  if (folder !== path.resolve(options.dataDir)) {
    options.log(`PostgreSQL keeps its data in ${folder}: user '${user?.name}' can't enter ${options.dataDir}`);
  }
  const clusterDir = path.join(folder, "cluster");
  const major = await clusterMajor(clusterDir);
  const running = major === undefined ? undefined : await probeServer(clusterDir);
  if (running?.kind === "up") {
    return adopt(clusterDir, running);
  }
  const binaries = await findBinaries({ ...options, user, major });
  if (major === undefined) {
    options.log(`creating a PostgreSQL ${binaries.major} database folder`);
    await createCluster(clusterDir, binaries, user);
  }
  options.log(`starting PostgreSQL ${binaries.major}`);
  return adopt(clusterDir, await start(clusterDir, path.join(folder, "server.log"), binaries, user));
}

/** What a start would find, in words, without starting or installing anything. @throws when no server could be started */
export async function probeEmbedded(dataDir: string): Promise<string> {
  const user = await findServerUser();
  const clusterDir = path.join(await reachedFolder(dataDir, user), "cluster");
  const major = await clusterMajor(clusterDir);
  if (major !== undefined && (await probeServer(clusterDir)).kind === "up") {
    return `PostgreSQL ${major} of the data folder, which runs`;
  }
  const binaries = await machineBinaries({ user, major });
  const server = binaries ? `${binaries.major} (${binaries.dir})` : `${NPM_PACKAGE_MAJOR}, from npm`;
  return `PostgreSQL ${server}, ${major === undefined ? "with a new database" : "on the database"} in the data folder`;
}

async function adopt(clusterDir: string, server: { pid: number; port: number }): Promise<EmbeddedPostgres> {
  const password = await readPassword(clusterDir);
  await createDatabase(server.port, password);
  return {
    url: `postgres://claw:${password}@127.0.0.1:${server.port}/${DATABASE}`,
    pid: server.pid,
    own: () => ownServer(server.port, password),
    stop: () => stop(clusterDir),
  };
}

/** Starts the server, or waits for the one that somebody else starts: PostgreSQL's own lock file lets only one live. */
async function start(
  clusterDir: string,
  logFile: string,
  binaries: Binaries,
  user: ServerUser | undefined,
): Promise<{ pid: number; port: number }> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let child: { readonly exited: () => boolean } | undefined;
  let failures = 0;
  let silentSince: number | undefined;
  for (;;) {
    const state = await probeServer(clusterDir);
    if (state.kind === "up") {
      return state;
    }
    silentSince = state.kind === "silent" ? (silentSince ?? Date.now()) : undefined;
    if (child?.exited()) {
      // The port went to somebody else, another starter was faster, or the remains of a killed server are still going.
      failures++;
      child = undefined;
      await delay(RETRY_MS);
    }
    if (failures > FAILURES_MAX || Date.now() > deadline) {
      const lines = (await readFile(logFile, "utf8")).trimEnd().split("\n").slice(-8).join("\n");
      throw new Error(`PostgreSQL did not start in ${clusterDir}; the end of ${logFile}:\n${lines}`);
    }
    const isDown = state.kind === "down" || (silentSince !== undefined && Date.now() - silentSince > SILENCE_MS);
    if (isDown && !child) {
      child = await launch(clusterDir, logFile, binaries, user);
    }
    await delay(POLL_MS);
  }
}

/** Detached and with files for its output: it must not die with us, nor hang on a pipe of ours. */
async function launch(clusterDir: string, logFile: string, binaries: Binaries, user: ServerUser | undefined) {
  if (((await stat(logFile).catch(() => undefined))?.size ?? 0) > LOG_BYTES_MAX) {
    await truncate(logFile);
  }
  const output = await open(logFile, "a", 0o600);
  try {
    const child = spawn(path.join(binaries.dir, "postgres"), ["-D", clusterDir, "-p", String(await freePort())], {
      cwd: clusterDir,
      detached: true,
      stdio: ["ignore", output.fd, output.fd],
      env: serverEnv(),
      ...(user && { uid: user.uid, gid: user.gid }),
    });
    let failed = false;
    child.once("error", () => {
      failed = true;
    });
    child.unref();
    return { exited: () => failed || child.exitCode !== null || child.signalCode !== null };
  } finally {
    await output.close();
  }
}

async function stop(clusterDir: string): Promise<void> {
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  for (let asked = false; ; ) {
    const state = await probeServer(clusterDir);
    if (state.kind === "down") {
      return;
    }
    if (state.kind === "up" && !asked) {
      process.kill(state.pid, "SIGINT");
      asked = true;
    }
    if (Date.now() > deadline) {
      throw new Error(`PostgreSQL in ${clusterDir} did not stop within ${STOP_TIMEOUT_MS / 1000} s`);
    }
    await delay(POLL_MS);
  }
}

async function createDatabase(port: number, password: string): Promise<void> {
  const client = new Client(connection(port, password));
  await client.connect();
  try {
    const found = await client.query(`select from pg_database where datname = $1`, [DATABASE]);
    if (found.rowCount === 0) {
      await client.query(`create database ${DATABASE}`).catch((error: { code?: string }) => {
        // Somebody else was faster: 42P04, or 23505 when it was at the same moment.
        if (error.code !== "42P04" && error.code !== "23505") {
          throw error;
        }
      });
    }
  } finally {
    await client.end();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address ? resolve(address.port) : reject(new Error("no free port"))));
    });
  });
}
