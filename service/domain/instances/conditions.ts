import { type Condition, ConditionType, redact } from "../../../sdk/contract/index.ts";

/** A condition that is being set. */
export type NewCondition = Omit<Condition, "type" | "lastTransitionTime"> & { readonly type: ConditionType };

/** Sets a condition; its transition time moves only when its status does. Its message may be an engine's, a cluster's or a claw's. */
export function withCondition(conditions: readonly Condition[], next: NewCondition, now: string): Condition[] {
  const before = conditions.find((condition) => condition.type === next.type);
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : now;
  const rest = conditions.filter((condition) => condition.type !== next.type);
  return [...rest, { ...next, message: redact(next.message), lastTransitionTime }].sort((a, b) => a.type.localeCompare(b.type));
}

/** The condition that says why an instance's resources could not be made, if they could not. */
export function notProvisioned({ conditions }: { readonly conditions: readonly Condition[] }): Condition | undefined {
  return conditions.find((condition) => condition.type === ConditionType.Provisioned && condition.status === "False");
}
