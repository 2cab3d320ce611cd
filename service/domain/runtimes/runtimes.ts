import { LOCAL_CLUSTER } from "../../../sdk/contract/index.ts";
import { kubernetesRules } from "./kubernetes/kubernetes-rules.ts";
import { processRules } from "./process/process-rules.ts";
import type { RuntimeName, RuntimeRules } from "./runtime-rules.ts";

/** The rules of each runtime: one line for each folder here. */
const RULES: Readonly<Record<RuntimeName, RuntimeRules>> = {
  process: processRules,
  kubernetes: kubernetesRules,
};

/** How instances of a cluster run: the one place that decides it. */
export function runtimeAt(cluster: string): RuntimeName {
  return cluster === LOCAL_CLUSTER ? "process" : "kubernetes";
}

export function rulesAt(cluster: string): RuntimeRules {
  return RULES[runtimeAt(cluster)];
}
