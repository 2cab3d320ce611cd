// `npm run bench -- AREA [--json]`: measures one area, `test/bench/<area>.ts`. With --json the last line is one JSON object.
import { readdir } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { parseArgs } from "node:util";
import type { Figure } from "./figure.ts";

const helpers = new Set(["run.ts", "figure.ts", "bare-service.ts", "held-memory.ts", "simulated-agents.ts", "simulated-fleet.ts"]);

const { values, positionals } = parseArgs({ options: { json: { type: "boolean", default: false } }, allowPositionals: true });
const areas = (await readdir(import.meta.dirname))
  .filter((file) => file.endsWith(".ts") && !helpers.has(file))
  .map((file) => file.slice(0, -".ts".length))
  .sort();
const area = positionals[0];
if (!area || !areas.includes(area)) {
  process.stderr.write(`${area ? `There is no area '${area}'. ` : ""}Usage: npm run bench -- AREA [--json]; areas: ${areas.join(", ")}\n`);
  process.exit(2);
}

const machine = {
  cores: availableParallelism(),
  model: cpus()[0]?.model ?? "unknown",
  memoryBytes: totalmem(),
  // Before the bench: what else the machine was doing.
  loadAverage: loadavg().map((load) => Number(load.toFixed(2))),
  node: process.version,
};
const { bench }: { bench: () => Promise<Figure[]> } = await import(`./${area}.ts`);
const figures = await bench();

if (values.json) {
  process.stdout.write(`${JSON.stringify({ area, machine, figures })}\n`);
} else {
  const gib = (machine.memoryBytes / 2 ** 30).toFixed(0);
  process.stdout.write(
    `${area}: ${machine.cores} × ${machine.model}, ${gib} GiB, load ${machine.loadAverage.join(" ")}, Node ${machine.node}\n`,
  );
  process.stdout.write(table(figures));
}

function table(rows: readonly Figure[]): string {
  const cells = [
    ["figure", "value", "target", ""],
    ...rows.map((row) => [row.name, `${row.value} ${row.unit}`, row.target ?? "", row.target ? (row.ok ? "ok" : "MISSED") : ""]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((line) => (line[column] ?? "").length)));
  return cells
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
