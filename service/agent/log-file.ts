import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";

const CHUNK_BYTES = 64 * 1024;
const TAIL_BYTES_MAX = 8 * 1024 * 1024;
/** By so much of their beginnings a file is told from its copy. */
const PROBE_BYTES = 4096;

export interface LogLimits {
  readonly bytesMax: number;
  /** Files kept, the current one included. */
  readonly files: number;
}
const DEFAULT_LIMITS: LogLimits = { bytesMax: 10 * 1024 * 1024, files: 5 };

/** Where the log of a run folder's claw is. */
export const clawLog = (runDir: string): string => join(runDir, "logs", "claw.log");

/** What is known of where a log's current file begins. */
interface Mark {
  /** Tells a log from one that began anew in its place. */
  readonly id: string;
  /** What was written before the current file. */
  readonly base: number;
  /** The base to be, while the file is being rotated. */
  readonly next?: number;
}

interface Segment {
  readonly path: string;
  readonly start: number;
  readonly size: number;
}

/**
 * The claw's log. The claw holds it open for appending, so it is rotated by copying and truncating: the claw needs no signal, and
 * keeps writing when no agent is there. A byte's position in it stays the same over rotations: it is counted from the log's beginning, and
 * how much was before the current file is written beside it.
 */
export class LogFile {
  readonly path: string;
  readonly #limits: LogLimits;

  constructor(path: string, limits: LogLimits = DEFAULT_LIMITS) {
    this.path = path;
    this.#limits = limits;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  }

  /** What tells this log from another in its place. */
  get id(): string {
    return this.#mark().id;
  }

  /** Rotates when the file has outgrown its limit. */
  rotateIfNeeded(): void {
    if (!existsSync(this.path) || statSync(this.path).size < this.#limits.bytesMax) {
      return;
    }
    const { id, base } = this.#mark();
    rmSync(`${this.path}.${this.#limits.files - 1}`, { force: true });
    for (let index = this.#limits.files - 2; index >= 1; index--) {
      if (existsSync(`${this.path}.${index}`)) {
        renameSync(`${this.path}.${index}`, `${this.path}.${index + 1}`);
      }
    }
    copyFileSync(this.path, `${this.path}.1`, constants.COPYFILE_FICLONE);
    const source = openSync(this.path, "r+");
    const copy = openSync(`${this.path}.1`, "a");
    try {
      // What was written during the copy follows here: only a write between the last read and the truncation can be lost.
      copyRest(source, fstatSync(copy).size, copy);
      const next = base + fstatSync(copy).size;
      this.#write({ id, base, next });
      ftruncateSync(source, 0);
      this.#write({ id, base: next });
    } finally {
      closeSync(source);
      closeSync(copy);
    }
  }

  /** The last lines as text. */
  tail(lines: number): string {
    const bytes: Buffer[] = [];
    for (let at = this.startOfTail(lines); ; ) {
      const chunk = this.read(at, CHUNK_BYTES);
      if (chunk.length === 0) {
        return Buffer.concat(bytes).toString("utf8");
      }
      bytes.push(chunk);
      at += chunk.length;
    }
  }

  /** Where the last lines begin. */
  startOfTail(lines: number): number {
    const { start: oldest, end } = this.span();
    const floor = Math.max(oldest, end - TAIL_BYTES_MAX);
    let missing = lines;
    for (let start = end; start > floor && missing > 0; ) {
      const from = Math.max(floor, start - CHUNK_BYTES);
      const chunk = this.read(from, start - from);
      // The newline at the very end ends the last line; each other one begins a line that is wanted.
      for (let at = chunk.lastIndexOf(10, start === end ? -2 : undefined); at >= 0; at = at === 0 ? -1 : chunk.lastIndexOf(10, at - 1)) {
        missing--;
        if (missing === 0) {
          return from + at + 1;
        }
      }
      start = from;
    }
    return lines === 0 ? end : floor;
  }

  /** What is still there of it, by position. */
  span(): { readonly start: number; readonly end: number } {
    const segments = this.#segments();
    const last = segments.at(-1) as Segment;
    return { start: segments[0]?.start ?? 0, end: last.start + last.size };
  }

  /** What is written at a position, over the border of files too. */
  read(at: number, length: number): Buffer {
    const parts: Buffer[] = [];
    let from = at;
    for (const { path, start, size } of this.#segments()) {
      if (from >= start && from < start + size && from < at + length) {
        const part = readPart(path, from - start, Math.min(start + size, at + length) - from);
        parts.push(part);
        from += part.length;
      }
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  /** The files that there are, oldest first; the current one last. */
  #segments(): Segment[] {
    const { base } = this.#mark();
    const segments: Segment[] = [{ path: this.path, start: base, size: sizeOf(this.path) ?? 0 }];
    for (let index = 1, start = base; index < this.#limits.files; index++) {
      const path = `${this.path}.${index}`;
      const size = sizeOf(path);
      if (size === undefined) {
        break;
      }
      start -= size;
      segments.unshift({ path, start, size });
    }
    return segments;
  }

  #mark(): Mark {
    const mark = this.#readMark();
    if (!mark) {
      // Of a log that was begun before there were marks, or that begins now.
      const begun = { id: randomBytes(6).toString("hex"), base: 0 };
      this.#write(begun);
      return begun;
    }
    if (mark.next === undefined) {
      return mark;
    }
    // Whoever rotated it last was stopped in the middle: before the truncation, or behind it.
    const isCut = (sizeOf(this.path) ?? 0) < mark.next - mark.base || !beginsLike(this.path, `${this.path}.1`);
    return { id: mark.id, base: isCut ? mark.next : mark.base };
  }

  #readMark(): Mark | undefined {
    try {
      const { id, base, next } = JSON.parse(readFileSync(`${this.path}.mark`, "utf8").slice(0, 200)) as Partial<Mark>;
      const isMark = typeof id === "string" && /^[0-9a-f]{12}$/.test(id) && Number.isSafeInteger(base);
      return isMark ? { id, base: base as number, ...(Number.isSafeInteger(next) && { next: next as number }) } : undefined;
    } catch {
      return undefined;
    }
  }

  #write(mark: Mark): void {
    writeFileSync(`${this.path}.mark.new`, JSON.stringify(mark), { mode: 0o600 });
    renameSync(`${this.path}.mark.new`, `${this.path}.mark`);
  }
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

/** Whether a file begins with what is in its copy. */
function beginsLike(path: string, copy: string): boolean {
  if (sizeOf(path) === undefined || sizeOf(copy) === undefined) {
    return false;
  }
  const probe = readPart(copy, 0, PROBE_BYTES);
  return readPart(path, 0, probe.length).equals(probe);
}

function readPart(path: string, offset: number, length: number): Buffer {
  const fd = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
  } finally {
    closeSync(fd);
  }
}

function copyRest(source: number, from: number, target: number): void {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let offset = from;
  for (;;) {
    const count = readSync(source, buffer, 0, CHUNK_BYTES, offset);
    if (count === 0) {
      return;
    }
    writeSync(target, buffer, 0, count);
    offset += count;
  }
}
