import type { Preview, PropertyDiff, ResourceChange } from "../../contract/index.ts";
import { DEFAULT_PLACEMENT } from "../../contract/local.ts";
import { kindOf } from "../resources.ts";
import { formatDuration } from "./age.ts";
import type { Paint } from "./colors.ts";

type Item = Preview["items"][number];

const MARKS: Readonly<Record<ResourceChange["op"], { mark: string; style: Parameters<Paint>[0] }>> = {
  create: { mark: "+", style: "green" },
  import: { mark: "+", style: "green" },
  update: { mark: "~", style: "yellow" },
  replace: { mark: "±", style: "magenta" },
  delete: { mark: "-", style: "red" },
  read: { mark: " ", style: "dim" },
  same: { mark: " ", style: "dim" },
};

const EFFECTS: Readonly<Record<Item["effect"], string>> = {
  none: "",
  start: "starts",
  "hot-reload": "reloads its config, keeps running",
  restart: "restarts",
  stop: "stops",
  kill: "is killed",
  delete: "is destroyed",
};

/** Lines of a file that did not exist before. */
const NEW_FILE_LINES = 30;
/** Characters of a property's value. */
const VALUE_CHARS = 100;

/** Whether applying it would change anything. */
export function hasChanges(preview: Preview): boolean {
  return (
    preview.items.some((item) => item.op !== "same" || changesStack(item) || item.files.some((file) => file.diff !== "")) ||
    preview.boundaries.some(changesStack)
  );
}

function changesStack(part: Pick<Item, "resources">): boolean {
  return touched(part.resources).length > 0;
}

function touched(resources: readonly ResourceChange[]): ResourceChange[] {
  return resources.filter(({ op }) => op !== "same" && op !== "read");
}

/** What a preview touches, without the details. */
export function outlineOf(preview: Preview): Preview {
  const plain = (resources: readonly ResourceChange[]) => resources.map((resource) => ({ ...resource, diffs: [] }));
  return {
    ...preview,
    items: preview.items.map((item) => ({ ...item, diffs: [], files: [], resources: [] })),
    boundaries: preview.boundaries.map((boundary) => ({ ...boundary, resources: plain(boundary.resources) })),
    verdicts: [],
  };
}

/** A preview for people: every item with its properties, files, stack resources and effect, then boundaries, verdicts and the sum. */
export function renderPreview(preview: Preview, paint: Paint, now: number = Date.now()): string {
  const lines: string[] = [];
  for (const item of preview.items) {
    lines.push(...renderItem(item, paint));
  }
  for (const boundary of preview.boundaries.filter(changesStack)) {
    lines.push(...renderBoundary(boundary, paint));
  }
  if (preview.summary.boundaries > preview.boundaries.length) {
    lines.push(paint("dim", `… ${preview.summary.boundaries - preview.boundaries.length} more boundaries`));
  }
  if (preview.verdicts.length > 0) {
    lines.push("", paint("bold", "Quota and policies"));
    for (const { kind, name, allowed, violated, message } of preview.verdicts) {
      const mark = allowed ? (violated ? paint("yellow", "!") : paint("green", "✔")) : paint("red", "✖");
      lines.push(`  ${mark} ${kind} ${name}${violated && allowed ? ` (${violated})` : ""}: ${message}`);
    }
    if (preview.summary.verdicts > preview.verdicts.length) {
      lines.push(paint("dim", `  … ${preview.summary.verdicts - preview.verdicts.length} more`));
    }
  }
  lines.push("", ...renderSummary(preview, paint));
  if (preview.planId !== undefined && hasChanges(preview)) {
    const left = formatDuration(Date.parse(preview.expiresAt) - now);
    lines.push("", `Apply exactly this within ${left}:`, `  claw apply --plan ${preview.planId}`);
  }
  return lines.join("\n");
}

function renderItem(item: Item, paint: Paint): string[] {
  const { mark, style } = MARKS[item.op === "same" && changesStack(item) ? "update" : item.op];
  const effect = EFFECTS[item.effect];
  const owner = kindOf(item.kind).scope === "tenant" ? paint("dim", ` in ${item.tenant}`) : "";
  const subject = `${kindOf(item.kind).word}/${item.name}`;
  const unchanged = item.op === "same" && !changesStack(item) ? paint("dim", " unchanged") : "";
  const lines = [`${paint(style, `${mark} ${subject}`)}${owner}${effect ? `  ${paint("cyan", effect)}` : ""}${unchanged}`];
  if (item.placement && (item.placement.cluster !== DEFAULT_PLACEMENT.cluster || item.placement.from !== undefined)) {
    const { cluster, from, reason } = item.placement;
    const where = from === undefined ? `on ${cluster}` : `moves from ${from} to ${cluster}`;
    lines.push(`    ${where}${reason === undefined ? "" : paint("dim", ` (${reason})`)}`);
  }
  for (const problem of item.problems) {
    const mark = problem.blocking ? paint("red", "✖") : paint("yellow", problem.warning ? "! warning:" : "! waits:");
    lines.push(`    ${mark} ${problem.path ? `${problem.path}: ` : ""}${problem.message}`);
    if (problem.fix) {
      lines.push(`      fix: ${problem.fix}`);
    }
  }
  if (item.unchecked !== undefined) {
    lines.push(`    ${paint("yellow", "! not checked:")} ${item.unchecked}`);
  }
  if (item.cut !== undefined) {
    lines.push(`    ${paint("yellow", `! ${item.cut}`)}`);
  }
  // That something new has no labels says nothing.
  for (const diff of item.diffs.filter(({ kind, after }) => !(kind === "add" && (after === "{}" || after === "[]")))) {
    lines.push(`    ${renderPropertyDiff(diff, paint)}`);
  }
  for (const file of item.files) {
    if (file.diff !== "") {
      lines.push(`    ${paint("bold", file.path)}`, ...renderFileDiff(file.diff, paint));
    }
  }
  const told = item.files.map(({ path }) => `files["${path}"]`);
  return [...lines, ...renderResources(item.resources, paint, told)];
}

function renderBoundary({ tenant, cluster, resources }: Preview["boundaries"][number], paint: Paint): string[] {
  const { mark, style } = MARKS[touched(resources).every(({ op }) => op === "create") ? "create" : "update"];
  return [
    `${paint(style, `${mark} boundary/${tenant}`)}${paint("dim", ` on ${cluster}, shared by the tenant's instances`)}`,
    ...renderResources(resources, paint),
  ];
}

/** @param told paths of properties that are shown already */
function renderResources(resources: readonly ResourceChange[], paint: Paint, told: readonly string[] = []): string[] {
  return touched(resources).flatMap(({ op, type, name, diffs }) => {
    const { mark, style } = MARKS[op];
    // The properties of a resource that appears or goes are those of its item, said again.
    const shown = op === "update" || op === "replace" ? diffs.filter(({ path }) => !told.includes(path)) : [];
    return [`    ${paint(style, `${mark} ${type} ${name}`)}`, ...shown.map((diff) => `        ${renderPropertyDiff(diff, paint)}`)];
  });
}

/** One property, before and after. */
export function renderPropertyDiff({ path, kind, before = "", after = "", replaces }: PropertyDiff, paint: Paint): string {
  const suffix = replaces ? paint("magenta", " (forces replacement)") : "";
  switch (kind) {
    case "add":
      return `${paint("green", `+ ${path}: ${short(after)}`)}${suffix}`;
    case "delete":
      return `${paint("red", `- ${path}: ${short(before)}`)}${suffix}`;
    case "update":
      return `${paint("yellow", `~ ${path}:`)} ${paint("red", short(before))} → ${paint("green", short(after))}${suffix}`;
  }
}

function short(value: string): string {
  return value.length <= VALUE_CHARS ? value : `${value.slice(0, VALUE_CHARS)}… (${value.length} characters; -o json shows all)`;
}

/** The lines of a unified diff, coloured. */
export function renderFileDiff(diff: string, paint: Paint): string[] {
  const lines = diff.replace(/\n$/, "").split("\n");
  // The two lines that name the file say nothing new; a removed line may look like one, so only the first two can be them.
  const body = lines.filter((line, index) => index > 1 || !/^(--- |\+\+\+ )/.test(line));
  // What a new file holds is seen at a glance; what changes in one is shown in full.
  const isNew = lines[0] === "--- /dev/null";
  const shown = isNew && body.length > NEW_FILE_LINES ? body.slice(0, NEW_FILE_LINES) : body;
  const rest = body.length - shown.length;
  const tail = rest > 0 ? [`      ${paint("dim", `… ${rest} more lines; -o json shows all`)}`] : [];
  return shown
    .map((line) => {
      const style = line.startsWith("+") ? "green" : line.startsWith("-") ? "red" : line.startsWith("@@") ? "cyan" : "dim";
      return `      ${paint(style, line)}`;
    })
    .concat(tail);
}

function renderSummary(preview: Preview, paint: Paint): string[] {
  const { items } = preview.summary;
  const sum = [
    [items.create, "to create"],
    [items.update, "to update"],
    [items.delete, "to delete"],
    [items.same, "unchanged"],
  ] as const;
  const lines = [`${paint("bold", "Sum:")} ${list(sum) || "nothing"}`];
  const { create, update, replace, delete: gone } = preview.summary;
  const stack = list([
    [create, "created"],
    [update, "updated"],
    [replace, "replaced"],
    [gone, "deleted"],
  ]);
  if (stack) {
    lines.push(`${paint("bold", "Stack resources:")} ${stack}`);
  }
  return lines;
}

function list(counts: readonly (readonly [number, string])[]): string {
  return counts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}`)
    .join(", ");
}
