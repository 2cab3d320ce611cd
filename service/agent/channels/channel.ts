import type { AttendedClaw } from "../attended-claw.ts";

/** The agent's end of a channel, as a handler sees it. */
export interface ChannelContext {
  readonly claw: AttendedClaw;
  send(data: string): void;
  /** Ends the channel; only the first call counts. */
  end(result?: { error?: string; exitCode?: number }): void;
  /** Bytes that wait to be sent on the connection. */
  backlogBytes(): number;
}

/** What the control plane may do to an open channel. */
export interface ChannelHandler {
  data?(data: string): void;
  resize?(cols: number, rows: number): void;
  /** The other side, or the connection, is gone: free everything. */
  closed(): void;
}

const BACKLOG_HIGH_BYTES = 1024 * 1024;
const DRAIN_POLL_MS = 50;

/** Pauses a source while the connection is congested. Answers how to end the watch. */
export function throttle(ctx: ChannelContext, source: { pause(): void; resume(): void }): { check(): void; close(): void } {
  let timer: NodeJS.Timeout | undefined;
  const close = () => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    check() {
      if (timer === undefined && ctx.backlogBytes() > BACKLOG_HIGH_BYTES) {
        source.pause();
        timer = setInterval(() => {
          if (ctx.backlogBytes() < BACKLOG_HIGH_BYTES / 2) {
            close();
            source.resume();
          }
        }, DRAIN_POLL_MS);
      }
    },
    close,
  };
}

/** The port of a claw that runs; ends the channel with the reason otherwise. */
export function runningPort(ctx: ChannelContext): number | undefined {
  const { port, status } = ctx.claw;
  if (port === undefined) {
    ctx.end({ error: `the instance is not running: ${status.phase} (${status.reason})` });
  }
  return port;
}
