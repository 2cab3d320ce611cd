import type { AttendedClaw } from "../attended-claw.ts";

/** The agent's end of a channel, as a handler sees it. */
export interface ChannelContext {
  readonly claw: AttendedClaw;
  /** @returns when to go on sending, if not at once: the other side takes no more for now */
  send(data: string): Promise<void> | undefined;
  /** Ends the channel once all is sent; only the first call counts. */
  end(result?: { error?: string; exitCode?: number }): void;
}

/** What the control plane may do to an open channel. */
export interface ChannelHandler {
  /** @returns when it is taken, if not at once: the other side sends no more than a window until then */
  data?(data: string): Promise<void> | undefined;
  resize?(cols: number, rows: number): void;
  /** The claw has come to its end: what is still to be said of it is said now. */
  lastWords?(): void;
  /** The other side, or the connection, is gone: free everything. @param isKept it was lost, and may come back */
  closed(isKept?: boolean): void;
}

/** Sends what a source gives, which is paused while the other side takes no more. */
export function sendFrom(ctx: Pick<ChannelContext, "send">, source: { pause(): void; resume(): void }, data: string): void {
  const room = ctx.send(data);
  if (room) {
    source.pause();
    void room.then(() => source.resume());
  }
}

/** The port of a claw that runs; ends the channel with the reason otherwise. */
export function runningPort(ctx: ChannelContext): number | undefined {
  const { port, status } = ctx.claw;
  if (port === undefined) {
    ctx.end({ error: `the instance is not running: ${status.phase} (${status.reason})` });
  }
  return port;
}
