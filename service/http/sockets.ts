import type { WebSocket } from "ws";
import { ClawError } from "../../sdk/contract/index.ts";

type Take = (data: Buffer, isBinary: boolean) => Promise<unknown> | undefined;

/** Beyond this nobody waits for what a reader that has gone sent last. */
const FAREWELL_MS = 5_000;
const PING_MS = 15_000;
/** Whoever answers none of so many has gone without a word. */
const PINGS_MAX = 3;

/**
 * Gives a socket's frames one after another to who may need time for each, and reads no more meanwhile. What it throws is for `fail`.
 * @returns resolves when the socket has closed and all that it sent is taken
 */
export function readFrames(socket: WebSocket, take: Take, fail: (error: unknown) => void): Promise<void> {
  const frames: [Buffer, boolean][] = [];
  let taking: Promise<unknown> | undefined;
  const next = (): void => {
    while (!taking) {
      const frame = frames.shift();
      if (!frame) {
        return;
      }
      try {
        taking = take(...frame);
      } catch (error) {
        taking = Promise.reject(error);
      }
      if (taking) {
        socket.pause();
        void taking.catch(fail).then(() => {
          taking = undefined;
          next();
          if (!taking) {
            socket.resume();
          }
        });
      }
    }
  };
  socket.on("message", (data: Buffer, isBinary) => {
    frames.push([data, isBinary]);
    next();
  });
  let unanswered = 0;
  const hear = () => {
    unanswered = 0;
  };
  socket.on("message", hear).on("pong", hear);
  const ping = setInterval(() => {
    // What waits to be read by the other side, or by us, holds an answer back.
    if (socket.bufferedAmount > 0 || socket.isPaused) {
      return hear();
    }
    if (unanswered++ === PINGS_MAX) {
      return socket.terminate();
    }
    socket.ping();
  }, PING_MS);
  return new Promise((resolve) => {
    socket.once("close", () => {
      clearInterval(ping);
      const late = setTimeout(resolve, FAREWELL_MS);
      const finish = (): void => {
        if (taking) {
          void taking.then(finish, finish);
        } else {
          clearTimeout(late);
          resolve();
        }
      };
      finish();
    });
  });
}

/** Resolves when the frame has left this process: whoever reads slowly is waited for. */
export function sendFrame(socket: WebSocket, data: string | Buffer): Promise<void> {
  return new Promise((resolve) => socket.send(data, () => resolve()));
}

/** The handler of a route that is a WebSocket only: without an upgrade there is nothing to answer. */
export function upgradeOnly(): Promise<never> {
  return Promise.reject(new ClawError("request.malformed", "this is a WebSocket; ask for an upgrade"));
}
