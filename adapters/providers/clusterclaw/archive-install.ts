import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rm, statfs } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { dirname, join, normalize, sep } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, type ReadEntry } from "tar";
import { ArchiveUrlSchema, ProvisionReason } from "../../../sdk/contract/index.ts";
import { assertReachable, lookupReachable } from "../../kubernetes/client/reachable-address.ts";

const FETCH_TIMEOUT_MS = 15 * 60_000;
const SILENCE_MS = 60_000;
const REDIRECTS_MAX = 5;
const ENTRIES_MAX = 200_000;
const DEPTH_MAX = 128;

/** What an archive may take: bytes of it, and of what is in it. */
export interface ArchiveLimits {
  readonly fetched: number;
  readonly unpacked: number;
}
const LIMITS: ArchiveLimits = { fetched: 1024 ** 3, unpacked: 4 * 1024 ** 3 };

export interface Archive {
  readonly url: string;
  readonly sha256: string;
}

/** Fetches an archive and unpacks it into an empty folder, once its digest is what was declared. @throws with a CamelCase reason, and what to do */
export async function installArchive(
  { url, sha256 }: Archive,
  folder: string,
  signal: AbortSignal | undefined,
  limits: ArchiveLimits = LIMITS,
): Promise<void> {
  const file = `${folder}.tar`;
  const either = AbortSignal.any([...(signal ? [signal] : []), AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
  try {
    const found = await fetchTo(file, url, limits.fetched, either);
    if (found !== sha256) {
      const fix = "name the digest of what is there, or the archive that was meant";
      throw failure("ArchiveChanged", url, `has the digest ${found}, not ${sha256}`, fix);
    }
    await unpack(file, folder, url, limits.unpacked, either);
  } finally {
    await rm(file, { force: true });
  }
}

/** @returns the digest of what was written */
async function fetchTo(file: string, url: string, bytesMax: number, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  let bytes = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(bytes > bytesMax ? failure("ArchiveUnsafe", url, `is larger than ${bytesMax} bytes`, "offer a smaller one") : null, chunk);
    },
  });
  try {
    await pipeline(await open(url, signal), bounded, createWriteStream(file, { flags: "wx", mode: 0o600 }), { signal });
  } catch (error) {
    throw error instanceof ArchiveError ? error : unavailable(url, error, signal);
  }
  return hash.digest("hex");
}

/** Follows redirects, each to an address that is looked at as the first one is. */
async function open(url: string, signal: AbortSignal): Promise<Readable> {
  let next = new URL(url);
  for (let count = 0; count <= REDIRECTS_MAX; count++) {
    const response = await get(next, signal);
    const { statusCode = 0, headers } = response;
    if (statusCode === 200) {
      return response;
    }
    response.destroy();
    if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) {
      throw failure("ArchiveUnavailable", url, `answers ${statusCode}`, "look whether it is there for everybody");
    }
    const target = new URL(headers.location, next);
    // Signed addresses are what one is sent to: they may have a query.
    if (!ArchiveUrlSchema.safeParse(`${target.origin}${target.pathname}`).success) {
      throw failure("ArchiveUnavailable", url, "leads to what is no address of HTTP", "name where it is");
    }
    next = target;
  }
  throw failure("ArchiveUnavailable", url, `leads on more than ${REDIRECTS_MAX} times`, "name where it is");
}

function get(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  assertReachable(url.hostname);
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, { lookup: lookupReachable, signal, timeout: SILENCE_MS, headers: { "user-agent": "open-cluster-claw" } });
    sent.once("response", resolve).once("error", reject);
    sent.once("timeout", () => sent.destroy(new Error(`it was silent for ${SILENCE_MS / 1000} s`)));
    sent.end();
  });
}

/**
 * Unpacks what stays inside of the folder: files, folders, and symbolic links to what is in it. Anything else ends it: nothing of an archive that
 * has more is trusted.
 */
async function unpack(file: string, folder: string, url: string, bytesMax: number, signal: AbortSignal): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const room = Math.min(bytesMax, bavail * bsize);
  let entries = 0;
  let bytes = 0;
  const issueOf = (entry: ReadEntry): string | undefined => {
    const { path, type, size = 0, linkpath = "" } = entry;
    entries++;
    bytes += size;
    if (entries > ENTRIES_MAX || bytes > room) {
      return `has more than ${entries > ENTRIES_MAX ? `${ENTRIES_MAX} entries` : `${room} bytes`} in it`;
    }
    if (!isInside(path)) {
      return `has '${path}', which is not inside of its folder`;
    }
    if (type === "SymbolicLink" && (linkpath.startsWith("/") || !isInside(join(dirname(path), linkpath)) || goesDownAndUp(linkpath))) {
      return `has the link '${path}' to '${linkpath}', which is not inside of its folder`;
    }
    return ["File", "OldFile", "ContiguousFile", "Directory", "SymbolicLink"].includes(type) ? undefined : `has '${path}', a ${type}`;
  };
  let refused: ArchiveError | undefined;
  const source = createReadStream(file, { signal });
  const unpacking = extract({
    cwd: folder,
    strict: true,
    // Who owned it where it was made is nobody here.
    preserveOwner: false,
    noMtime: true,
    maxDepth: DEPTH_MAX,
    filter(_path, read) {
      const entry = read as ReadEntry;
      const issue = refused ? undefined : issueOf(entry);
      // All of the host's claws read it, and none is to become whoever unpacks it.
      entry.mode = entry.type === "Directory" || ((entry.mode ?? 0) & 0o111) !== 0 ? 0o755 : 0o644;
      if (issue !== undefined) {
        refused = failure("ArchiveUnsafe", url, issue, "offer one with files, folders and links inside of it alone");
        source.destroy(refused);
      }
      return refused === undefined;
    },
  });
  try {
    await new Promise((resolve, reject) => {
      source.on("error", reject).pipe(unpacking);
      // Not once: what it had begun when it was ended fails after that.
      unpacking.on("error", reject).once("close", resolve);
    });
  } catch (error) {
    if (refused || signal.aborted) {
      throw refused ?? unavailable(url, error, signal);
    }
    throw failure("ArchiveUnsafe", url, `can't be unpacked: ${textOf(error)}`, "offer a tar file");
  }
  if (entries === 0) {
    throw failure("ArchiveUnsafe", url, "has nothing in it", "offer a tar file");
  }
}

function isInside(path: string): boolean {
  const whole = normalize(path);
  return !path.startsWith("/") && !path.includes("\\") && !path.includes("\0") && whole !== ".." && !whole.startsWith(`..${sep}`);
}

/** What a link goes down through may be a link itself: from there, up is somewhere else than it reads. */
function goesDownAndUp(linkpath: string): boolean {
  const segments = linkpath.split("/").filter((segment) => segment !== "" && segment !== ".");
  return segments.lastIndexOf("..") > segments.findIndex((segment) => segment !== "..") && segments.some((segment) => segment !== "..");
}

/** An archive of software can't be had. Its message begins with the reason. */
class ArchiveError extends Error {
  override readonly name = "ArchiveError";
}

function failure(reason: keyof typeof ProvisionReason & `Archive${string}`, url: string, what: string, fix: string): ArchiveError {
  return new ArchiveError(`${ProvisionReason[reason]}: ${url} ${what}; ${fix}`);
}

function unavailable(url: string, error: unknown, signal: AbortSignal): ArchiveError {
  const why =
    signal.aborted && signal.reason?.name === "TimeoutError" ? `it took longer than ${FETCH_TIMEOUT_MS / 60_000} minutes` : textOf(error);
  return failure("ArchiveUnavailable", url, `can't be fetched: ${why}`, "check the address and the network");
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
