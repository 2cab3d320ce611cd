/** Lines of asciicast v2 (https://docs.asciinema.org/manual/asciicast/v2/), as a terminal shows what it shows. */
export class Asciicast {
  readonly #decoder = new TextDecoder();
  readonly #startedMs: number;

  constructor(startedMs: number) {
    this.#startedMs = startedMs;
  }

  header(size: { readonly cols: number; readonly rows: number }, title: string): string {
    const timestamp = Math.floor(this.#startedMs / 1000);
    return line({ version: 2, width: size.cols, height: size.rows, timestamp, title, env: { TERM: "xterm-256color" } });
  }

  /** A character may come in two pieces: its beginning is kept for its end. */
  shown(bytes: Uint8Array, nowMs: number): string {
    const text = this.#decoder.decode(bytes, { stream: true });
    return text === "" ? "" : line([this.#at(nowMs), "o", text]);
  }

  resized(cols: number, rows: number, nowMs: number): string {
    return line([this.#at(nowMs), "r", `${cols}x${rows}`]);
  }

  #at(nowMs: number): number {
    return Math.max(0, nowMs - this.#startedMs) / 1000;
  }
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
