import { type ClawInstance, ConditionType, type MetricsItem } from "../../../sdk/contract/index.ts";
import type { Outlet } from "./outlet.ts";

/** Tells how an instance is whenever that is another than it was. Whoever reads slowly misses what has been overtaken. */
export function metricsTeller(outlet: Outlet): (instance: Pick<ClawInstance, "status">) => void {
  let last = "";
  let isSending = false;
  return ({ status }) => {
    const item = metricsOf(status);
    const text = JSON.stringify(item);
    if (text !== last && !isSending) {
      last = text;
      isSending = true;
      void outlet.send(item).then(() => {
        isSending = false;
      });
    }
  };
}

function metricsOf({ phase, conditions, restarts, usage }: ClawInstance["status"]): MetricsItem {
  const ready = conditions.some(({ type, status }) => type === ConditionType.Ready && status === "True");
  return { type: "metrics", phase, ready, restarts, ...(usage && { usage }) };
}
