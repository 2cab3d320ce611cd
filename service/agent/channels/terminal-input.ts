import { write } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const FULL_RETRY_MS = 20;

export interface TerminalInput {
  /** Resolves when the terminal has taken it all. */
  write(bytes: Buffer): Promise<void>;
  close(): void;
}

/**
 * Types into a terminal by its file descriptor. The terminal's stream would do so too, but libuv writes to a terminal's master until all is
 * taken: a program that does not read would stop the whole agent.
 */
export function terminalInput(fd: number): TerminalInput {
  let isClosed = false;
  let last = Promise.resolve();
  const writeSome = (bytes: Buffer) =>
    new Promise<number>((resolve) =>
      write(fd, bytes, (err, written) => {
        isClosed ||= err !== null && err.code !== "EAGAIN";
        resolve(err ? 0 : written);
      }),
    );
  const writeAll = async (bytes: Buffer): Promise<void> => {
    for (let rest = bytes; rest.length > 0 && !isClosed; ) {
      const written = await writeSome(rest);
      rest = rest.subarray(written);
      await (written === 0 && delay(FULL_RETRY_MS));
    }
  };
  return {
    write(bytes) {
      last = last.then(() => writeAll(bytes));
      return last;
    },
    close() {
      isClosed = true;
    },
  };
}
