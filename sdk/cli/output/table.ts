import { stripVTControlCharacters } from "node:util";

/** A column of a table of `T`. */
export interface Column<T> {
  readonly header: string;
  value(item: T): string;
  /** Shown with `-o wide` only. */
  readonly wide?: boolean;
}

/** How many cells text takes. */
export function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** Plain columns, two spaces apart. `widths` keeps rows that come later in line with those before. */
export class Table<T> {
  readonly #columns: readonly Column<T>[];
  #widths: number[];

  constructor(columns: readonly Column<T>[], wide = false) {
    this.#columns = columns.filter((column) => wide || !column.wide);
    this.#widths = this.#columns.map((column) => widthOf(column.header));
  }

  header(items: readonly T[]): string {
    this.#fit(items);
    return this.#line(this.#columns.map((column) => column.header));
  }

  rows(items: readonly T[]): string[] {
    this.#fit(items);
    return items.map((item) => this.#line(this.#columns.map((column) => this.#cell(column, item))));
  }

  /** What others have written is shown, and not obeyed by a terminal. */
  #cell({ value }: Column<T>, item: T): string {
    return value(item).replaceAll(/\p{Cc}+/gu, " ");
  }

  #fit(items: readonly T[]): void {
    this.#widths = this.#columns.map((column, index) =>
      Math.max(this.#widths[index] ?? 0, ...items.map((item) => widthOf(this.#cell(column, item)))),
    );
  }

  #line(cells: readonly string[]): string {
    return cells
      .map((cell, index) => cell + " ".repeat(Math.max(0, (this.#widths[index] ?? 0) - widthOf(cell))))
      .join("  ")
      .trimEnd();
  }
}
