import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ProcessSpec } from "../../sdk/contract/index.ts";
import { tryClaim } from "./claims.ts";

const FIRST_PORT = 19_000;
const LAST_PORT = 60_999;
/** Searches begin below the ports that systems give to outgoing connections. */
const LAST_FIRST_PORT = 30_000;
const LOCK_TIMEOUT_MS = 30_000;

/** The port that a claw insists on can't be had. */
export class PortInUseError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PortInUseError";
  }
}

interface PortClaim {
  readonly port: number;
  readonly span: number;
  readonly uid: string;
  readonly runDir: string;
}

/**
 * The claw's base port. An instance keeps its port over restarts; a claim ends with its run directory. The ports up to
 * `span - 1` above stay free of other instances. @throws {PortInUseError}
 */
export async function claimPort(spec: ProcessSpec): Promise<number> {
  const folder = join(spec.dirs.hostDir, "ports");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = await lockRegistry(folder);
  try {
    const all = readClaims(folder);
    const own = all.find((claim) => claim.uid === spec.instanceUid);
    const others = all.filter((claim) => claim.uid !== spec.instanceUid);
    const port = await choosePort(spec, own, others);
    if (own && own.port !== port) {
      rmSync(join(folder, String(own.port)), { force: true });
    }
    const claim: Omit<PortClaim, "port"> = { span: spec.runtime.port.span, uid: spec.instanceUid, runDir: spec.dirs.runDir };
    writeFileSync(join(folder, String(port)), JSON.stringify(claim), { mode: 0o600 });
    return port;
  } finally {
    lock.release();
  }
}

async function lockRegistry(folder: string) {
  const deadline = Date.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    const lock = tryClaim(join(folder, "lock"));
    if (lock) {
      return lock;
    }
    if (Date.now() > deadline) {
      throw new Error(`the port registry '${folder}' has been locked for ${LOCK_TIMEOUT_MS / 1000} s`);
    }
    await delay(10 + Math.random() * 20);
  }
}

/** Claims of instances that still exist; those of deleted ones are removed. */
function readClaims(folder: string): PortClaim[] {
  const claims: PortClaim[] = [];
  for (const name of readdirSync(folder)) {
    if (!/^\d+$/.test(name)) {
      continue;
    }
    const path = join(folder, name);
    try {
      const claim = JSON.parse(readFileSync(path, "utf8")) as Omit<PortClaim, "port">;
      if (existsSync(join(claim.runDir, "process.json"))) {
        claims.push({ ...claim, port: Number(name) });
        continue;
      }
    } catch {
      // Unreadable: written by nobody that holds the lock.
    }
    rmSync(path, { force: true });
  }
  return claims;
}

async function choosePort(spec: ProcessSpec, own: PortClaim | undefined, others: readonly PortClaim[]): Promise<number> {
  const { fixed, span } = spec.runtime.port;
  const overlapping: Overlapping = (port) => others.find((claim) => port < claim.port + claim.span && claim.port < port + span);
  if (fixed !== undefined) {
    if (overlapping(fixed)) {
      throw new PortInUseError(`port ${fixed} belongs to another instance on this host: choose another network.port, or none`);
    }
    if (!(await isBindable(fixed))) {
      throw new PortInUseError(`port ${fixed} is in use by another program: free it, choose another network.port, or none`);
    }
    return fixed;
  }
  if (own && own.span >= span && !overlapping(own.port) && (await isBindable(own.port))) {
    return own.port;
  }
  const first = firstPortOf(spec.dirs.hostDir);
  const port = (await firstFree(first, LAST_PORT, span, overlapping)) ?? (await firstFree(FIRST_PORT, first + span - 2, span, overlapping));
  if (port !== undefined) {
    return port;
  }
  throw new PortInUseError(`no ${span} neighbouring ports are free between ${FIRST_PORT} and ${LAST_PORT}`);
}

/** Hosts of one machine, which know nothing of each other's claims, look in places of their own. */
function firstPortOf(hostDir: string): number {
  const places = LAST_FIRST_PORT - FIRST_PORT;
  return FIRST_PORT + (createHash("sha256").update(hostDir).digest().readUInt32BE(0) % places);
}

type Overlapping = (port: number) => PortClaim | undefined;

async function firstFree(from: number, last: number, span: number, overlapping: Overlapping): Promise<number | undefined> {
  let port = from;
  while (port + span - 1 <= last) {
    const taken = overlapping(port);
    const busy = taken ? taken.port + taken.span - 1 : await firstBusy(port, span);
    if (busy === undefined) {
      return port;
    }
    port = busy + 1;
  }
  return undefined;
}

async function firstBusy(port: number, span: number): Promise<number | undefined> {
  for (let candidate = port; candidate < port + span; candidate++) {
    if (!(await isBindable(candidate))) {
      return candidate;
    }
  }
  return undefined;
}

/** Whether nobody listens on the port of either loopback address. A missing address family is nobody. */
async function isBindable(port: number): Promise<boolean> {
  return (await canListen(port, "127.0.0.1")) && (await canListen(port, "::1"));
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (err: NodeJS.ErrnoException) => resolve(err.code === "EADDRNOTAVAIL" || err.code === "EAFNOSUPPORT"));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
