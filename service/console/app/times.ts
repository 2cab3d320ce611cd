import type { Language } from "./texts.ts";

const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;
const formats = new Map<Language, Intl.RelativeTimeFormat>();

/** How long ago something was, or in how long it will be, in the largest unit of which there is one. */
export function relative(time: number, now: number, language: Language): string {
  const seconds = Math.round((time - now) / 1000);
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? (["second", 1] as const);
  const format = formats.get(language) ?? new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "narrow" });
  formats.set(language, format);
  return format.format(Math.trunc(seconds / size), unit);
}

/** A time to the second, with the zone of whoever reads it. */
export function exact(time: number, language: Language): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" }).format(time);
}
