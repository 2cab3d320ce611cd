/** What a table of instances can show beside name and state, in this order. */
export const COLUMNS = [
  "type",
  "version",
  "template",
  "project",
  "labels",
  "cluster",
  "node",
  "restarts",
  "cpu",
  "memory",
  "changed",
  "age",
] as const;
export type Column = (typeof COLUMNS)[number];

export const USUAL: readonly Column[] = ["type", "template", "cluster", "restarts", "cpu", "memory", "age"];

type Width = readonly [rem: number, share?: number];

/** How wide each is at the least, and its share of what room there is more. */
const WIDTHS: Readonly<Record<Column, Width>> = {
  type: [6, 1],
  version: [6],
  template: [6, 1],
  project: [5, 1],
  labels: [8, 2],
  cluster: [6],
  node: [6, 1],
  restarts: [4.5],
  cpu: [4],
  memory: [4.5],
  changed: [5.5],
  age: [5.5],
};
/** Of the box to select by, name and state. */
const FIRST: readonly Width[] = [[2.25], [10, 2], [8]];
const GAP_REM = 0.75;

const widthsOf = (columns: readonly Column[]): readonly Width[] => [...FIRST, ...columns.map((column) => WIDTHS[column])];

/** The columns of the browser's grid. */
export function gridOf(columns: readonly Column[]): string {
  return widthsOf(columns)
    .map(([rem, share]) => (share === undefined ? `${rem}rem` : `minmax(${rem}rem,${share}fr)`))
    .join(" ");
}

/** What they take together with what is between and around them: in less room, a table is scrolled sideways. */
export function widthOf(columns: readonly Column[]): string {
  const widths = widthsOf(columns);
  return `${widths.reduce((sum, [rem]) => sum + rem, 0) + GAP_REM * (widths.length + 1)}rem`;
}
