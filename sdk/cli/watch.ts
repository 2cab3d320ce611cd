import { UserAbortError } from "../client/index.ts";
import type { Context } from "./context.ts";
import { type OutputFormat, toYaml, type View } from "./output/printer.ts";
import { Table } from "./output/table.ts";

const INTERVAL_MS = 1000;

interface Watched {
  readonly metadata: { readonly uid: string };
}

/** Shows a list and then each item that appears or changes, until interrupted. What goes away is noted on stderr. */
export async function watchList<T extends Watched>(
  context: Context,
  view: View<T>,
  format: OutputFormat,
  read: () => Promise<readonly T[]>,
): Promise<never> {
  const { out, signal } = context;
  const table = new Table(view.columns, format === "wide");
  const known = new Map<string, { readonly text: string; readonly item: T }>();
  for (let round = 0; ; round++) {
    const items = await read();
    const changed = items.filter((item) => known.get(item.metadata.uid)?.text !== textOf(item));
    if (round === 0 && (format === "table" || format === "wide")) {
      await out.line(out.paint("bold", table.header(items)));
    }
    for (const item of changed) {
      known.set(item.metadata.uid, { text: textOf(item), item });
    }
    await print(context, changed, view, format, table);
    const present = new Set(items.map((item) => item.metadata.uid));
    for (const [uid, { item }] of known) {
      if (!present.has(uid)) {
        known.delete(uid);
        out.note(`${view.name(item)} is gone`);
      }
    }
    await sleep(INTERVAL_MS, signal);
  }
}

/** A new sample of what a claw takes is no change to show. */
function textOf(item: unknown): string {
  return JSON.stringify(item, (key, value: unknown) => (key === "usage" ? undefined : value));
}

async function print<T>({ out }: Context, items: readonly T[], view: View<T>, format: OutputFormat, table: Table<T>): Promise<void> {
  switch (format) {
    case "json":
      for (const item of items) {
        await out.line(JSON.stringify(item));
      }
      return;
    case "yaml":
      for (const item of items) {
        await out.write(`---\n${await toYaml([item])}`);
      }
      return;
    case "name":
      for (const item of items) {
        await out.line(view.name(item));
      }
      return;
    default:
      for (const row of table.rows(items)) {
        await out.line(row);
      }
  }
}

/** @throws {UserAbortError} on Ctrl-C */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new UserAbortError("interrupted"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    if (signal.aborted) {
      abort();
    } else {
      signal.addEventListener("abort", abort, { once: true });
    }
  });
}
