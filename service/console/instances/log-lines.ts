/** Most lines of a log that a page keeps; older ones go. */
export const LOG_LINES_MAX = 20_000;

export const LOG_LEVELS = ["error", "warn"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How bad a line is, by what most programs write; undefined for what says nothing of the kind. */
export function levelOf(line: string): LogLevel | undefined {
  const head = line.slice(0, 300);
  const level = /"level":"?(\w+)"?/i.exec(head)?.[1] ?? /\b(fatal|error|err|warning|warn)\b/i.exec(head)?.[1];
  if (level === undefined) {
    return undefined;
  }
  const word = level.toLowerCase();
  if (/^\d+$/.test(word)) {
    return Number(word) >= 50 ? "error" : Number(word) >= 40 ? "warn" : undefined;
  }
  return /^(fatal|error|err|critical)$/.test(word) ? "error" : /^warn/.test(word) ? "warn" : undefined;
}

export interface LogLine {
  readonly id: number;
  readonly text: string;
  readonly level: LogLevel | undefined;
}

/** Lines without the colours of a terminal. */
export function plain(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what colours are told by
  return line.replaceAll(/\u001b\[[0-9;]*[A-Za-z]/g, "");
}

/** The lines that have a text and are as bad at least. */
export function chosen(lines: readonly LogLine[], words: string, level: LogLevel | undefined): readonly LogLine[] {
  if (words === "" && level === undefined) {
    return lines;
  }
  const wanted = words.toLowerCase();
  return lines.filter(
    (line) =>
      (level === undefined || line.level === "error" || (level === "warn" && line.level === "warn")) &&
      (wanted === "" || line.text.toLowerCase().includes(wanted)),
  );
}

/** New lines behind those that there are, of which the oldest go when there are too many. */
export function appended(lines: readonly LogLine[], fresh: readonly LogLine[]): readonly LogLine[] {
  const all = [...lines, ...fresh];
  // By a tenth at a time: else each line that comes would move all others.
  return all.length > LOG_LINES_MAX ? all.slice(all.length - Math.floor(LOG_LINES_MAX * 0.9)) : all;
}
