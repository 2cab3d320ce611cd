import { stripVTControlCharacters } from "node:util";
import type { OutputStream } from "../io.ts";
import type { Paint } from "./colors.ts";
import { widthOf } from "./table.ts";

/** Something that is being waited for. */
export interface TreeNode {
  readonly label: string;
  readonly state: "waiting" | "done" | "failed" | "idle";
  readonly note?: string | undefined;
  readonly children?: readonly TreeNode[];
}

const SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const FRAME_MS = 100;

/** The lines of a tree. */
export function renderTree(nodes: readonly TreeNode[], paint: Paint, frame = 0): string[] {
  return nodes.flatMap((node) => [nodeLine(node, paint, frame), ...branches(node.children ?? [], "", paint, frame)]);
}

function branches(nodes: readonly TreeNode[], indent: string, paint: Paint, frame: number): string[] {
  return nodes.flatMap((node, index) => {
    const last = index === nodes.length - 1;
    const line = `${indent}${last ? "└─ " : "├─ "}${nodeLine(node, paint, frame)}`;
    return [line, ...branches(node.children ?? [], `${indent}${last ? "   " : "│  "}`, paint, frame)];
  });
}

function nodeLine({ label, state, note }: TreeNode, paint: Paint, frame: number): string {
  const spinner = SPINNER[frame % SPINNER.length] ?? "";
  const mark = { waiting: paint("cyan", spinner), done: paint("green", "✔"), failed: paint("red", "✖"), idle: paint("dim", "·") }[state];
  return `${mark} ${label}${note ? `  ${paint("dim", note)}` : ""}`;
}

/** Redraws a tree in place on a terminal. */
export class LiveTree {
  readonly #stream: OutputStream;
  readonly #paint: Paint;
  readonly #nodes: () => readonly TreeNode[];
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;
  #frame = 0;

  constructor(stream: OutputStream, paint: Paint, nodes: () => readonly TreeNode[]) {
    this.#stream = stream;
    this.#paint = paint;
    this.#nodes = nodes;
    this.#timer = setInterval(() => this.#draw(), FRAME_MS);
    this.#draw();
  }

  /** Draws the last state and leaves it standing. */
  stop(): void {
    clearInterval(this.#timer);
    this.#draw();
  }

  #draw(): void {
    const columns = this.#stream.columns || 80;
    const rows = (this.#stream.rows || 24) - 1;
    const all = renderTree(this.#nodes(), this.#paint, this.#frame++);
    const lines = all.length <= rows ? all : [...all.slice(0, rows - 1), `… ${all.length - rows + 1} more lines`];
    // A line that wraps would break the count of lines to go up.
    const fitted = lines.map((line) =>
      widthOf(line) < columns ? line : [...stripVTControlCharacters(line)].slice(0, columns - 1).join(""),
    );
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : "";
    this.#stream.write(`${up}\r\x1b[J${fitted.map((line) => `${line}\n`).join("")}`);
    this.#drawn = fitted.length;
  }
}
