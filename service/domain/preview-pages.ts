import type { BoundaryChange, Preview, PreviewItem, ResourceChange, Verdict } from "../../sdk/contract/index.ts";

/** Of a page's items as JSON; an answer is this, its boundaries and its verdicts, so well below 1 MB. */
export const PAGE_BYTES = 256_000;
const BOUNDARIES_BYTES = 256_000;
const VERDICTS_BYTES = 128_000;
/** How much of an item's texts is shown when all is too much, longest first, and a list's entries for as many characters. */
const CUTS = [65_536, 16_384, 4096, 1024, 256];
const CHARACTERS_PER_ENTRY = 64;

export interface PreviewPage {
  readonly items: PreviewItem[];
  readonly nextCursor?: string;
}

/** The items in order, as pages of bounded size; a page's cursor is its number. There is at least one. */
export function pagesOf(items: readonly PreviewItem[]): [PreviewPage, ...PreviewPage[]] {
  const first: PreviewItem[] = [];
  const pages = [first];
  let page = first;
  let bytes = 0;
  for (const whole of items) {
    const { item, size } = fitted(whole);
    if (page.length > 0 && bytes + size > PAGE_BYTES) {
      page = [];
      pages.push(page);
      bytes = 0;
    }
    page.push(item);
    bytes += size;
  }
  const numbered = pages.map((of, index) => ({ items: of, ...(index + 1 < pages.length && { nextCursor: String(index + 1) }) }));
  return numbered as [PreviewPage, ...PreviewPage[]];
}

/** The boundaries that are shown: those that change before those that don't, as many as there is room for. */
export function shownBoundaries(boundaries: readonly BoundaryChange[]): BoundaryChange[] {
  return within(
    boundaries.toSorted((a, b) => Number(isKept(a)) - Number(isKept(b))),
    BOUNDARIES_BYTES,
  );
}

/** The verdicts that are shown: refusals first, as many as there is room for. */
export function shownVerdicts(verdicts: readonly Verdict[]): Verdict[] {
  return within(
    verdicts.toSorted((a, b) => weightOf(a) - weightOf(b)),
    VERDICTS_BYTES,
  );
}

/** Refusals first, then what is violated all the same. */
function weightOf({ allowed, violated }: Verdict): number {
  return allowed ? (violated ? 1 : 2) : 0;
}

/** Counts everything, shown or not. */
export function summaryOf(
  items: readonly PreviewItem[],
  boundaries: readonly BoundaryChange[],
  verdicts: readonly Verdict[],
): Preview["summary"] {
  const resources = Object.groupBy(
    [...items, ...boundaries].flatMap((part) => part.resources),
    ({ op }) => op,
  );
  const ofItems = Object.groupBy(items, ({ op }) => op);
  const count = (op: ResourceChange["op"]) => resources[op]?.length ?? 0;
  const countItems = (op: PreviewItem["op"]) => ofItems[op]?.length ?? 0;
  return {
    ...{ create: count("create"), update: count("update"), replace: count("replace"), delete: count("delete"), same: count("same") },
    items: { create: countItems("create"), update: countItems("update"), delete: countItems("delete"), same: countItems("same") },
    boundaries: boundaries.length,
    verdicts: verdicts.length,
    problems: items.reduce((sum, { problems }) => sum + problems.length, 0),
    unchecked: items.filter(({ unchecked }) => unchecked !== undefined).length,
  };
}

function isKept({ resources }: BoundaryChange): boolean {
  return resources.every(({ op }) => op === "same" || op === "read");
}

function within<T>(list: readonly T[], bytesMax: number): T[] {
  let bytes = 0;
  const end = list.findIndex((entry) => {
    bytes += bytesOf(entry);
    return bytes > bytesMax;
  });
  return list.slice(0, end === -1 ? undefined : end);
}

function fitted(whole: PreviewItem): { readonly item: PreviewItem; readonly size: number } {
  let item = whole;
  let size = bytesOf(item);
  for (const characters of CUTS) {
    if (size <= PAGE_BYTES) {
      break;
    }
    const entries = characters / CHARACTERS_PER_ENTRY;
    const cut = `too large to be shown whole: of each text the first ${characters} characters, of each list the first ${entries} entries`;
    item = { ...(shortened(whole, characters, entries) as PreviewItem), cut };
    size = bytesOf(item);
  }
  return { item, size };
}

function shortened(value: unknown, characters: number, entries: number): unknown {
  if (typeof value === "string") {
    return value.length > characters ? `${value.slice(0, characters).toWellFormed()}… (cut)` : value;
  }
  if (Array.isArray(value)) {
    return value.slice(0, entries).map((entry) => shortened(entry, characters, entries));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, shortened(entry, characters, entries)]));
  }
  return value;
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
