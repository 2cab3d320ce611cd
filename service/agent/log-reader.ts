import type { LogItem } from "../../sdk/contract/index.ts";
import type { LogFile } from "./log-file.ts";

/** What is given at once. A longer line comes in parts. */
const PIECE_BYTES = 32 * 1024;
/** How often a reader that has come to the end looks for more. */
export const FOLLOW_POLL_MS = 200;

/** Where in which log. */
const POSITION = /^([0-9a-f]{12})\.(\d{1,15})$/;

/** Reads a log from a position on, in whole lines: whoever comes back with the position of what it has got misses nothing, and gets nothing twice. */
export class LogReader {
  readonly #log: LogFile;
  readonly #id: string;
  #at: number;
  #gap: string | undefined;

  /** @param from what the reader has got already, or how many of the last lines it wants */
  constructor(log: LogFile, from: { readonly after?: string | undefined; readonly tailLines: number }) {
    this.#log = log;
    this.#id = log.id;
    const [, id, at] = POSITION.exec(from.after ?? "") ?? [];
    if (from.after === undefined) {
      this.#at = log.startOfTail(from.tailLines);
    } else if (id === this.#id && Number(at) <= log.span().end) {
      this.#at = Number(at);
    } else {
      this.#at = log.span().start;
      this.#gap = "this is another log than the one that was read before: it follows from its beginning";
    }
  }

  /** What comes next; undefined when there is no whole line more. */
  next(): LogItem | undefined {
    if (this.#gap !== undefined) {
      const message = this.#gap;
      this.#gap = undefined;
      return this.#placed({ type: "gap", message });
    }
    const { start, end: ends } = this.#log.span();
    if (this.#at < start || this.#at > ends) {
      const message = this.#at < start ? `${start - this.#at} bytes were rotated away before they were read` : "the log was cut off";
      this.#at = start;
      return this.#placed({ type: "gap", message });
    }
    const bytes = this.#log.read(this.#at, PIECE_BYTES);
    const end = bytes.lastIndexOf(10) + 1 || (bytes.length === PIECE_BYTES ? wholeCharacters(bytes) : 0);
    return end === 0 ? undefined : this.#lines(bytes.subarray(0, end));
  }

  /** What is left when nothing more will be written: a line without an end. */
  rest(): LogItem | undefined {
    const bytes = this.#log.read(this.#at, PIECE_BYTES);
    return bytes.length === 0 ? undefined : this.#lines(bytes);
  }

  #lines(bytes: Buffer): LogItem {
    this.#at += bytes.length;
    const text = bytes.toString("utf8");
    return this.#placed({ type: "lines", lines: (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n") });
  }

  #placed(item: LogItem): LogItem {
    return { ...item, position: `${this.#id}.${this.#at}` };
  }
}

/** How much of bytes that were cut somewhere are whole characters of UTF-8. */
function wholeCharacters(bytes: Buffer): number {
  let end = bytes.length - 1;
  while (end > bytes.length - 4 && ((bytes[end] ?? 0) & 0xc0) === 0x80) {
    end--;
  }
  const first = bytes[end] ?? 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return end + length <= bytes.length ? bytes.length : end;
}
