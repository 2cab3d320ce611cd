import type { RuntimeName } from "../../domain/runtimes/runtime-rules.ts";
import { runtimeAt } from "../../domain/runtimes/runtimes.ts";
import type { Runtime, RuntimeComponents, Runtimes } from "../ports/runtimes/runtime.ts";
import { createKubernetesRuntime, type KubernetesRuntimeDependencies } from "./kubernetes/kubernetes-runtime.ts";
import { createProcessRuntime, type ProcessRuntimeDependencies } from "./process/process-runtime.ts";

export type RuntimesDependencies = ProcessRuntimeDependencies & KubernetesRuntimeDependencies & { readonly components: RuntimeComponents };

/** Every runtime: one line for each folder here. */
export function createRuntimes(deps: RuntimesDependencies): Runtimes {
  const runtimes: Readonly<Record<RuntimeName, Runtime>> = {
    process: createProcessRuntime(deps, deps.components.process),
    kubernetes: createKubernetesRuntime(deps, deps.components.kubernetes),
  };
  return { at: (cluster) => runtimes[runtimeAt(cluster)] };
}
