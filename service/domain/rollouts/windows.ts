import type { RolloutSpec } from "../../../sdk/contract/index.ts";

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

/** Why no instance may be changed now; undefined when they may. */
export function closedBecause({ windows, freezes }: Pick<RolloutSpec, "windows" | "freezes">, now: Date): string | undefined {
  const frozen = freezes.find(({ from, to }) => Date.parse(from) <= now.getTime() && now.getTime() < Date.parse(to));
  if (frozen) {
    return `nothing is changed until ${frozen.to}${frozen.reason === "" ? "" : `: ${frozen.reason}`}`;
  }
  if (windows.length === 0 || windows.some((window) => isOpen(window, now))) {
    return undefined;
  }
  const all = windows.map(({ days, from, to, timeZone }) => `${days.join(", ")} ${from}–${to} ${timeZone}`);
  return `instances are changed within the maintenance windows only: ${all.join("; ")}`;
}

function isOpen({ days, from, to, timeZone }: RolloutSpec["windows"][number], now: Date): boolean {
  const { day, time } = localTime(now, timeZone);
  const isOn = (offset: number) => days.includes(DAYS[(day + offset) % 7] ?? "sun");
  if (from < to) {
    return isOn(0) && from <= time && time < to;
  }
  // Past midnight it is the window of the day before.
  return (isOn(0) && from <= time) || (isOn(6) && time < to);
}

function localTime(now: Date, timeZone: string): { readonly day: number; readonly time: string } {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const parts = format.formatToParts(now);
  const of = (wanted: Intl.DateTimeFormatPartTypes) => parts.find(({ type }) => type === wanted)?.value ?? "";
  const weekday = of("weekday").toLowerCase();
  return { day: DAYS.findIndex((name) => weekday.startsWith(name)), time: `${of("hour")}:${of("minute")}` };
}
