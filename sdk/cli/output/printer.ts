import { once } from "node:events";
import type { Io, OutputStream } from "../io.ts";
import { type Paint, painter } from "./colors.ts";
import { type Column, Table } from "./table.ts";

/** What `-o` takes. */
export const OUTPUT_FORMATS = ["table", "wide", "json", "yaml", "name"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** How things of a kind are shown. */
export interface View<T> {
  readonly columns: readonly Column<T>[];
  /** What `-o name` prints. */
  name(item: T): string;
}

/** Data goes to stdout, everything else to stderr. */
export class Printer {
  readonly paint: Paint;
  readonly paintNote: Paint;
  readonly #io: Io;

  constructor(io: Io) {
    this.#io = io;
    this.paint = painter(io.stdout, io.env);
    this.paintNote = painter(io.stderr, io.env);
  }

  /** A line of data. */
  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  async write(data: string | Uint8Array): Promise<void> {
    await drained(this.#io.stdout, data);
  }

  /** A line for people. */
  note(text: string): void {
    this.#io.stderr.write(`${text}\n`);
  }

  /** One object: as JSON it is the API's object itself. */
  async item<T>(item: T, view: View<T>, format: OutputFormat): Promise<void> {
    switch (format) {
      case "json":
        return this.line(JSON.stringify(item, null, 2));
      case "yaml":
        return this.write(await toYaml([item]));
      case "name":
        return this.line(view.name(item));
      default:
        return this.table([item], view, format);
    }
  }

  /** A list: as JSON it is the API's page with all items, as YAML a stream of documents that `claw apply -f -` takes back. */
  async items<T>(items: readonly T[], view: View<T>, format: OutputFormat): Promise<void> {
    switch (format) {
      case "json":
        return this.line(JSON.stringify({ items }, null, 2));
      case "yaml":
        return this.write(await toYaml(items));
      case "name":
        for (const item of items) {
          await this.line(view.name(item));
        }
        return;
      default:
        return this.table(items, view, format);
    }
  }

  async table<T>(items: readonly T[], view: Pick<View<T>, "columns">, format: OutputFormat = "table"): Promise<void> {
    if (items.length === 0) {
      this.note("nothing found");
      return;
    }
    const table = new Table(view.columns, format === "wide");
    await this.line(this.paint("bold", table.header(items)));
    for (const row of table.rows(items)) {
      await this.line(row);
    }
  }
}

/** YAML documents. */
export async function toYaml(items: readonly unknown[]): Promise<string> {
  const { stringify } = await import("yaml");
  return items.map((item) => stringify(item, { lineWidth: 0 })).join("---\n");
}

async function drained(stream: OutputStream, data: string | Uint8Array): Promise<void> {
  if (!stream.write(data) && !stream.destroyed) {
    await once(stream, "drain");
  }
}
