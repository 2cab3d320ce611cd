import type { MaintenanceHours } from "../../../sdk/contract/index.ts";
import type { StoredPolicy } from "../policies/policy.ts";

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

/** Hours that a rollout keeps to, and whose they are: its own are nobody else's. */
export interface KeptHours extends MaintenanceHours {
  readonly by?: string;
}

/** The hours that all rollouts of a tenant keep to, by the policies that hold for it. */
export function hoursOf(tenant: string, policies: readonly StoredPolicy[]): readonly KeptHours[] {
  return policies.flatMap(({ name, spec: { at, match, maintenance } }) => {
    const isAbout = match?.tenants?.includes(tenant) ?? true;
    const owner = at === "platform" ? "the platform" : `tenant '${tenant}'`;
    return maintenance && isAbout ? [{ ...maintenance, by: `policy '${name}' of ${owner}` }] : [];
  });
}

/** Why no instance may be changed now; undefined when all let them be. */
export function closedBecause(all: readonly KeptHours[], now: Date): string | undefined {
  for (const { by, ...hours } of all) {
    const why = closedBy(hours, now);
    if (why !== undefined) {
      return by === undefined ? why : `${why} (${by})`;
    }
  }
  return undefined;
}

function closedBy({ windows, freezes }: MaintenanceHours, now: Date): string | undefined {
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

function isOpen({ days, from, to, timeZone }: MaintenanceHours["windows"][number], now: Date): boolean {
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
