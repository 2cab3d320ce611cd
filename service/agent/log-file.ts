import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { StringDecoder } from "node:string_decoder";

const CHUNK_BYTES = 64 * 1024;
const TAIL_BYTES_MAX = 8 * 1024 * 1024;
const FOLLOW_POLL_MS = 200;

export interface LogLimits {
  readonly bytesMax: number;
  /** Files kept, the current one included. */
  readonly files: number;
}
const DEFAULT_LIMITS: LogLimits = { bytesMax: 10 * 1024 * 1024, files: 5 };

/** Ends a follower. */
export interface LogFollower {
  pause(): void;
  resume(): void;
  close(): void;
}

/** Where the log of a run folder's claw is. */
export const clawLog = (runDir: string): string => join(runDir, "logs", "claw.log");

/**
 * The claw's log. The claw holds it open for appending, so it is rotated by copying and truncating: the claw needs no signal, and
 * keeps writing when no agent is there.
 */
export class LogFile {
  readonly path: string;
  readonly #limits: LogLimits;
  readonly #followers = new Set<() => void>();

  constructor(path: string, limits: LogLimits = DEFAULT_LIMITS) {
    this.path = path;
    this.#limits = limits;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  }

  /** Rotates when the file has outgrown its limit. */
  rotateIfNeeded(): void {
    if (!existsSync(this.path) || statSync(this.path).size < this.#limits.bytesMax) {
      return;
    }
    for (const readToEnd of this.#followers) {
      readToEnd();
    }
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
      ftruncateSync(source, 0);
    } finally {
      closeSync(source);
      closeSync(copy);
    }
  }

  /** The last lines as text. */
  tail(lines: number): string {
    if (lines === 0) {
      return "";
    }
    let text = lastLines(this.path, lines);
    const missing = lines - countLines(text);
    if (missing > 0 && existsSync(`${this.path}.1`)) {
      text = lastLines(`${this.path}.1`, missing) + text;
    }
    return text;
  }

  /** Calls back with what is appended from now on. @param onLost what it could not read before the log was rotated, because it was paused */
  follow(onText: (text: string) => void, onLost: () => void = () => {}): LogFollower {
    let offset = existsSync(this.path) ? statSync(this.path).size : 0;
    let paused = false;
    const decoder = new StringDecoder("utf8");
    /** @returns whether all is read */
    const readNew = (): boolean => {
      if (!existsSync(this.path)) {
        return true;
      }
      const fd = openSync(this.path, "r");
      try {
        const size = fstatSync(fd).size;
        offset = size < offset ? 0 : offset;
        const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
        while (offset < size && !paused) {
          const count = readSync(fd, buffer, 0, CHUNK_BYTES, offset);
          offset += count;
          onText(decoder.write(buffer.subarray(0, count)));
        }
        return offset >= size;
      } finally {
        closeSync(fd);
      }
    };
    const beforeRotation = () => {
      if (!readNew()) {
        onLost();
      }
      offset = 0;
    };
    const timer = setInterval(readNew, FOLLOW_POLL_MS);
    this.#followers.add(beforeRotation);
    return {
      pause: () => {
        paused = true;
      },
      resume: () => {
        paused = false;
      },
      close: () => {
        clearInterval(timer);
        readNew();
        this.#followers.delete(beforeRotation);
      },
    };
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

function countLines(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") || text === "" ? 1 : 0);
}

function lastLines(path: string, lines: number): string {
  if (!existsSync(path)) {
    return "";
  }
  const fd = openSync(path, "r");
  try {
    let start = fstatSync(fd).size;
    const floor = Math.max(0, start - TAIL_BYTES_MAX);
    let bytes = Buffer.alloc(0);
    // One newline more than lines: the one before the first line that is wanted.
    while (start > floor && newlines(bytes) <= lines) {
      const length = Math.min(CHUNK_BYTES, start - floor);
      const chunk = Buffer.alloc(length);
      start -= length;
      readSync(fd, chunk, 0, length, start);
      bytes = Buffer.concat([chunk, bytes]);
    }
    const text = bytes.toString("utf8");
    const endsWithNewline = text.endsWith("\n");
    const all = (endsWithNewline ? text.slice(0, -1) : text).split("\n");
    return all.slice(-lines).join("\n") + (endsWithNewline ? "\n" : "");
  } finally {
    closeSync(fd);
  }
}

function newlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) {
    count++;
  }
  return count;
}
