import { setTimeout as delay } from "node:timers/promises";
import type { LogItem } from "../../sdk/contract/index.ts";
import { ApiError } from "./client/api-errors.ts";

/** Asks the API server for a container's log, each line with its time before it. */
export type ReadLog = (query: Readonly<Record<string, string>>) => AsyncIterable<string>;

interface LogOptions {
  readonly tailLines: number;
  readonly follow: boolean;
  /** Behind which line it is to go on. */
  readonly after?: string | undefined;
}

/** Where a line is: when it was written, in nanoseconds, and which of that time it is, from 1. */
interface Place {
  readonly time: bigint;
  readonly count: number;
}

const GAP: LogItem = { type: "gap", message: "what was written between is not kept by the cluster any more" };

/** A container that has ended is followed by another in seconds, or in minutes where it has ended often. */
const NEXT_CONTAINER_MS = 2_000;

/**
 * The lines of a container's log with positions, or those behind one: of the container that runs, and of the one before it, which is what a cluster keeps.
 * Where the line that was read last is in neither, a `gap` says so. With `follow` until the pod is gone, from one container to the next.
 */
export async function* podLog(
  read: ReadLog,
  { tailLines, follow, after }: LogOptions,
  pauseMs = NEXT_CONTAINER_MS,
): AsyncGenerator<LogItem> {
  let last = after === undefined ? undefined : placeOf(after);
  if (after !== undefined && !last) {
    yield GAP;
  }
  for (let isFirst = true; ; isFirst = false) {
    try {
      last = last
        ? yield* everythingBehind(read, last, follow)
        : yield* placedLines(read({ follow: String(follow), tailLines: String(tailLines) }));
    } catch (error) {
      if (isFirst || !(error instanceof ApiError) || error.code >= 500) {
        throw error;
      }
      if (error.isNotFound) {
        return;
      }
      // The next container has not begun.
    }
    if (!follow || !last) {
      return;
    }
    await delay(pauseMs);
  }
}

async function* everythingBehind(read: ReadLog, from: Place, follow: boolean): AsyncGenerator<LogItem, Place> {
  // Read to its end first: a log that is followed says nothing of what is missing in it until something is written.
  const last = yield* linesBehind(read(since(from)), from, () => formerLines(read, from));
  return follow ? yield* linesBehind(read({ follow: "true", ...since(last) }), last, async function* none() {}) : last;
}

async function* placedLines(lines: AsyncIterable<string>): AsyncGenerator<LogItem, Place | undefined> {
  let last: Place | undefined;
  for await (const line of lines) {
    const { text, place } = placed(line, last);
    last = place ?? last;
    yield itemOf(text, place);
  }
  return last;
}

/** What is behind a place. @param missing what comes first where the line there is not among those that are kept @returns the last place */
async function* linesBehind(
  lines: AsyncIterable<string>,
  from: Place,
  missing: () => AsyncGenerator<LogItem>,
): AsyncGenerator<LogItem, Place> {
  let last: Place = { time: from.time, count: 0 };
  let isSettled = false;
  for await (const line of lines) {
    const { text, place } = placed(line, last);
    last = place ?? last;
    if (place && !isBehind(place, from)) {
      isSettled ||= place.time === from.time && place.count === from.count;
      continue;
    }
    if (!isSettled) {
      isSettled = true;
      yield* missing();
    }
    yield itemOf(text, place);
  }
  if (!isSettled) {
    yield* missing();
  }
  return isBehind(last, from) ? last : from;
}

/** What the container before this one has written behind a place. */
async function* formerLines(read: ReadLog, from: Place): AsyncGenerator<LogItem> {
  const gap = async function* gap() {
    yield GAP;
  };
  try {
    yield* linesBehind(read({ previous: "true", ...since(from) }), from, gap);
  } catch (error) {
    // There was none before.
    if (!(error instanceof ApiError && error.code < 500)) {
      throw error;
    }
    yield GAP;
  }
}

function itemOf(text: string, place: Place | undefined): LogItem {
  return { type: "lines", lines: [text], ...(place && { position: `${place.time}.${place.count}` }) };
}

/** A line without its time, and where it is. @param before where the one before it is */
function placed(line: string, before: Place | undefined): { text: string; place: Place | undefined } {
  const [head, date, fraction = "", zone] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?/.exec(line) ?? [];
  if (head === undefined) {
    return { text: line, place: undefined };
  }
  const time = BigInt(Date.parse(`${date}${zone}`)) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
  return { text: line.slice(head.length), place: { time, count: before?.time === time ? before.count + 1 : 1 } };
}

function isBehind(one: Place, other: Place): boolean {
  return one.time > other.time || (one.time === other.time && one.count > other.count);
}

/** A cluster looks at the second alone. */
function since({ time }: Place): Record<string, string> {
  return { sinceTime: `${new Date(Number(time / 1_000_000n)).toISOString().slice(0, 19)}Z` };
}

/** Undefined for what no log of a pod has told: one of an instance that has come to its cluster since. */
function placeOf(position: string): Place | undefined {
  const [, time, count] = /^(\d{16,19})\.(\d{1,9})$/.exec(position) ?? [];
  return time === undefined ? undefined : { time: BigInt(time), count: Number(count) };
}
