import type { LogStreamItem, MetricsStreamItem, WatchStreamItem, webSockets } from "../contract/index.ts";
import { ConnectionError } from "./errors.ts";
import type { Instance, InstanceStreams, Waited, WaitOptions } from "./instance.ts";
import type { WaitGoal } from "./progress.ts";
import { itemOf, resumed } from "./resume.ts";
import { chatOver, duplexOver } from "./sessions.ts";
import { Socket } from "./socket.ts";
import { pause, type RequestOptions, type TransportOptions } from "./transport.ts";
import type { Turnstile } from "./turnstile.ts";
import { isGone, waitOn } from "./wait.ts";

/** The routes that streams need. */
interface StreamCalls {
  get(id: string, options?: RequestOptions): Promise<Instance>;
  console(id: string, size: { readonly cols: number; readonly rows: number }, options?: RequestOptions): Promise<{ readonly url: string }>;
}

/** Held to the contract by the compiler, as the operation table is: importing the value would load zod. */
const paths: { readonly [K in keyof typeof webSockets]: (typeof webSockets)[K]["path"] } = {
  watch: "/watch/instances",
  stream: "/instances/:id/stream",
  logs: "/instances/:id/logs/stream",
  metrics: "/instances/:id/metrics/stream",
  console: "/instances/:id/console/stream",
  connect: "/instances/:id/connect",
};
const WATCH_INTERVAL_MS = 1000;
/** Whoever watches an instance for minutes sits out a restart of the control plane: half a minute, by the client's back-off. */
const WATCH_RETRIES = 6;

/** The streams of instances, over the same settings and credentials as the routes. */
export function instanceStreams(config: TransportOptions, instances: StreamCalls, looks: Turnstile): InstanceStreams {
  const open = async (id: string, path: string, query: Record<string, unknown>, signal: AbortSignal | undefined) => {
    try {
      return await Socket.open(config, path.replace(":id", encodeURIComponent(id)), query, signal);
    } catch (error) {
      // A browser-style socket hides the status of a refused handshake: the instance's own route tells it.
      if (error instanceof ConnectionError) {
        await instances.get(id, { signal });
      }
      throw error;
    }
  };
  const streams: InstanceStreams = {
    async chat(id, { session, signal } = {}) {
      const dial = () => open(id, paths.stream, {}, signal);
      return chatOver(await dial(), session, dial, signal);
    },
    async *followLogs(id, { tailLines, signal, onGap } = {}) {
      let hasPosition = false;
      const items = resumed<LogStreamItem>((frame) => itemOf(frame, isLogItem), {
        signal,
        open(after, isFirst) {
          if (!isFirst && !hasPosition) {
            // Of a source that can't tell where in it one is, what comes from now on is all there is.
            onGap?.("the stream broke off: what was written meanwhile is missing");
          }
          return open(id, paths.logs, after === undefined ? { tailLines: isFirst ? tailLines : 0 } : { after }, signal);
        },
      });
      for await (const item of items) {
        hasPosition ||= "position" in item;
        if (item.type === "lines") {
          yield* item.lines;
        } else if (item.type === "gap") {
          onGap?.(item.message);
        }
      }
    },
    async *followMetrics(id, { signal } = {}) {
      const items = resumed<MetricsStreamItem>((frame) => itemOf(frame, ({ type }) => type === "metrics"), {
        signal,
        open: () => open(id, paths.metrics, {}, signal),
      });
      for await (const item of items) {
        if (item.type === "metrics") {
          const { type: _type, ...metrics } = item;
          yield metrics;
        }
      }
    },
    async *watchAll({ labelSelector, fieldSelector, signal, onBroken } = {}) {
      let isAnew = false;
      const items = resumed<WatchStreamItem>((frame) => itemOf(frame, isWatchItem), {
        signal,
        async open(_after, isFirst) {
          if (!isFirst) {
            isAnew = true;
            onBroken?.();
          }
          return Socket.open(config, paths.watch, { labelSelector, fieldSelector }, signal);
        },
      });
      for await (const item of items) {
        if (isAnew) {
          isAnew = false;
          yield { type: "anew" };
        }
        if (item.type === "instances" || item.type === "gone" || item.type === "synced") {
          yield item;
        }
      }
    },
    async terminal(id, size, { signal } = {}) {
      const { url } = await instances.console(id, size, { signal });
      const { pathname, searchParams } = new URL(url, config.url);
      const path = pathname.replace(/^.*\/api\/v1/, "");
      const socket = await open(id, path, { ...size, ...Object.fromEntries(searchParams) }, signal);
      socket.keepRenewed(config);
      return {
        ...duplexOver(socket),
        resize: (cols, rows) => socket.send(JSON.stringify({ cols, rows })),
      };
    },
    async connect(id, { signal, pass } = {}) {
      const socket = await open(id, paths.connect, { pass: pass === undefined ? undefined : await digestOf(pass) }, signal);
      socket.keepRenewed(config);
      return duplexOver(socket);
    },
    async *watch(id, { intervalMs = WATCH_INTERVAL_MS, signal } = {}) {
      let uid: string | undefined;
      let last: string | undefined;
      for (;;) {
        await looks.enter(signal);
        let instance: Instance;
        try {
          const retries = uid === undefined ? config.maxRetries : Math.max(config.maxRetries, WATCH_RETRIES);
          instance = await instances.get(id, { signal, maxRetries: retries });
        } catch (error) {
          if (uid !== undefined && isGone(error)) {
            return;
          }
          throw error;
        }
        uid ??= instance.metadata.uid;
        if (instance.metadata.uid !== uid) {
          // Another of the same name has taken its place.
          return;
        }
        const text = JSON.stringify(instance);
        if (text !== last) {
          last = text;
          yield instance;
        }
        await pause(intervalMs, signal);
      }
    },
    wait: <G extends WaitGoal>(id: string, options?: WaitOptions<G>) =>
      waitOn(id, (watch) => streams.watch(id, watch), options) as Promise<Waited<G>>,
  };
  return streams;
}

/** Addresses are logged: what is presented elsewhere is in none. */
async function digestOf(secret: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isWatchItem({ type, items, uids }: Partial<Record<string, unknown>>): boolean {
  return type === "synced" || (type === "instances" ? Array.isArray(items) : type === "gone" && Array.isArray(uids));
}

function isLogItem({ type, lines, message }: Partial<Record<string, unknown>>): boolean {
  return type === "gap" ? typeof message === "string" : type === "lines" && Array.isArray(lines);
}
