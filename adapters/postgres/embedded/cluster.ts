import { execFile } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { chown, lstat, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import type { Binaries } from "./binaries.ts";
import type { ServerUser } from "./server-user.ts";

const run = promisify(execFile);

export const SUPERUSER = "claw";
const PASSWORD_FILE = "claw.password";

// Durable as PostgreSQL is by default; small, for it shares a machine with the claws.
const SETTINGS = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 32MB
max_wal_size = 256MB
min_wal_size = 64MB
log_min_messages = warning
`;

/** What a server looks like from outside. */
export type ServerState =
  | { readonly kind: "down" }
  /** Says that it is starting or shutting down. */
  | { readonly kind: "busy" }
  /** Says nothing: on its way up or down, or its process id is somebody else's since a restart of the machine. */
  | { readonly kind: "silent" }
  | { readonly kind: "up"; readonly pid: number; readonly port: number };

/** The major version that made the cluster; undefined when there is none yet. */
export async function clusterMajor(clusterDir: string): Promise<number | undefined> {
  const version = await readFile(path.join(clusterDir, "PG_VERSION"), "utf8").catch(ifAbsent);
  return version === undefined ? undefined : Number.parseInt(version, 10);
}

/**
 * Makes the cluster in a folder beside its place and moves it there: it is whole or absent, whoever is killed when, and of two
 * that make it at once the second one's is thrown away.
 */
export async function createCluster(clusterDir: string, binaries: Binaries, user: ServerUser | undefined): Promise<void> {
  const staged = `${clusterDir}.${randomUUID()}`;
  const passwordFile = `${staged}.password`;
  try {
    await mkdir(staged, { mode: 0o700 });
    await writeFile(passwordFile, randomBytes(24).toString("base64url"), { mode: 0o600 });
    if (user) {
      await chown(staged, user.uid, user.gid);
      await chown(passwordFile, user.uid, user.gid);
    }
    await run(
      path.join(binaries.dir, "initdb"),
      [
        ["--pgdata", staged, "--username", SUPERUSER, "--pwfile", passwordFile],
        ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--data-checksums"],
      ].flat(),
      { cwd: staged, env: serverEnv(), ...(user && { uid: user.uid, gid: user.gid }) },
    );
    await writeFile(path.join(staged, "postgresql.conf"), SETTINGS, { flag: "a" });
    await rename(passwordFile, path.join(staged, PASSWORD_FILE));
    await rename(staged, clusterDir).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") {
        throw error;
      }
    });
  } finally {
    await rm(staged, { recursive: true, force: true });
    await rm(passwordFile, { force: true });
  }
}

export function readPassword(clusterDir: string): Promise<string> {
  return readFile(path.join(clusterDir, PASSWORD_FILE), "utf8");
}

/** Whether this cluster's server runs, by asking it: a pid file may be left over, and its port somebody else's by now. */
export async function probeServer(clusterDir: string): Promise<ServerState> {
  const lines = (await readFile(path.join(clusterDir, "postmaster.pid"), "utf8").catch(ifAbsent))?.split("\n");
  const [pid, port] = [Number(lines?.[0]), Number(lines?.[3])];
  if (!lines || !(pid > 0) || !isAlive(pid)) {
    return { kind: "down" };
  }
  if (!(port > 0)) {
    return { kind: "silent" };
  }
  const client = new Client({ ...connection(port, await readPassword(clusterDir)), connectionTimeoutMillis: 5_000 });
  // A connection that the server drops while it shuts down says so here, after the query's own error.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const answer = await client.query<{ data_directory: string }>(`select current_setting('data_directory') as data_directory`);
    return (await isSameFolder(answer.rows[0]?.data_directory ?? "", clusterDir)) ? { kind: "up", pid, port } : { kind: "down" };
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === "57P03") {
      return { kind: "busy" };
    }
    // A wrong password: another server has the port, so ours is down.
    return code === "28P01" || code === "28000" ? { kind: "down" } : { kind: "silent" };
  } finally {
    await client.end().catch(() => undefined);
  }
}

export function connection(port: number, password: string, database = "postgres") {
  return { host: "127.0.0.1", port, user: SUPERUSER, password, database };
}

/** Nothing of the caller's environment: PG* variables in it would change what the server does. */
export function serverEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"] ?? "", LC_ALL: "C", TZ: "UTC" };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function isSameFolder(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([a, b].map((folder) => lstat(folder).catch(() => undefined)));
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

function ifAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") {
    throw error;
  }
}
