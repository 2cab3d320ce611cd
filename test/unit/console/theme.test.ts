import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const css = readFileSync(join(root, "service/console/app/theme.css"), "utf8");
const design = readFileSync(join(root, "docs/reference/console-design.md"), "utf8");
const tokens = new Map(
  [...css.matchAll(/^ {2}--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);$/gm)].map(([, name = "", light = "", dark = ""]) => [
    name,
    { light, dark },
  ]),
);

/** Text that is read on what is behind it, and the contrast that WCAG 2.2 AA asks for. */
const PAIRS: readonly (readonly [text: string, behind: string, least: number])[] = [
  ...["ink", "ink-soft", "ink-faint"].flatMap((text) =>
    ["ground", "panel", "raised", "sunken"].map((behind) => [text, behind, 4.5] as const),
  ),
  ...["accent", "good", "warn", "bad", "off"].flatMap((text) =>
    ["ground", "panel", "raised", `${text}-soft`].map((behind) => [text, behind, 4.5] as const),
  ),
  ["ink", "accent-soft", 4.5],
  ["ink-soft", "bad-soft", 4.5],
  ["ink-soft", "warn-soft", 4.5],
  ["ink-faint", "accent-soft", 4.5],
  ["on-accent", "accent", 4.5],
  ["on-accent", "accent-strong", 4.5],
  ["on-bad", "bad", 4.5],
];

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const rows = PAIRS.map(([text, behind, least]) => {
  const figures = (["light", "dark"] as const).map((theme) => contrast(tokens.get(text)?.[theme] ?? "", tokens.get(behind)?.[theme] ?? ""));
  return { text, behind, least, figures };
});

describe("the console's colours", () => {
  it("can be read in both themes", ({ expect }) => {
    expect(rows.filter(({ least, figures }) => figures.some((figure) => !(figure >= least)))).toEqual([]);
  });

  it("have the contrasts that the design says", ({ expect }) => {
    const said = rows.map(
      ({ text, behind, figures }) => `| ${[`\`${text}\` on \`${behind}\``, ...figures.map((figure) => figure.toFixed(1))].join(" | ")} |`,
    );
    const plain = design.replaceAll(/ +/g, " ");
    expect(said.filter((row) => !plain.includes(row))).toEqual([]);
  });

  it("are no others than those of the design", ({ expect }) => {
    expect([...tokens.keys()].filter((name) => !design.includes(`\`${name}\``))).toEqual([]);
  });
});
