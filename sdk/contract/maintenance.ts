import { z } from "zod";

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
const TimeOfDaySchema = z
  .string()
  .max(5)
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, "not a time of day such as '09:30'");

/** When instances may be changed; outside of it what has begun goes on baking. One that ends before it begins goes on past midnight. */
const WindowSchema = z.strictObject({
  days: z
    .array(z.enum(DAYS))
    .min(1)
    .max(7)
    .default([...DAYS]),
  from: TimeOfDaySchema,
  to: TimeOfDaySchema,
  timeZone: z.string().max(64).refine(isTimeZone, "not a time zone such as 'Europe/Berlin'").default("UTC"),
});

const FreezeSchema = z.strictObject({
  from: z.iso.datetime().max(64),
  to: z.iso.datetime().max(64),
  reason: z.string().max(256).default(""),
});

/** When instances may be changed, and when not; always where neither is named. */
export const maintenanceHours = {
  windows: z.array(WindowSchema).max(20).default([]),
  freezes: z.array(FreezeSchema).max(20).default([]),
};
/** How a record of the audit log shows them. */
export const auditedHours = {
  windows: { days: "track", from: "track", to: "track", timeZone: "track" },
  freezes: { from: "track", to: "track", reason: "track" },
} as const;

const HoursSchema = z.strictObject(maintenanceHours);
export type MaintenanceHours = z.infer<typeof HoursSchema>;
export const MaintenanceHoursSchema = HoursSchema.refine(
  ({ windows, freezes }) => windows.length + freezes.length > 0,
  "name windows, freezes, or both",
);

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}
