import { type ClawInstance, ClawInstanceSchema, type Condition, type InstanceSpec } from "../../../sdk/contract/index.ts";

type Over = Partial<Omit<ClawInstance["status"], "conditions">> & { readonly conditions?: readonly Partial<Condition>[] };

/** An instance as the service answers it: one that runs, unless something else is said. */
export function aPresentedInstance(
  name: string,
  spec: Partial<InstanceSpec> = {},
  { conditions = [], ...status }: Over = {},
): ClawInstance {
  const time = "2026-01-02T03:04:05.000Z";
  return ClawInstanceSchema.parse({
    apiVersion: "clusterclaw.io/v1",
    kind: "ClawInstance",
    metadata: {
      ...{ name, namespace: "acme", project: "default", labels: {}, annotations: {}, uid: `ins_${name}` },
      ...{ generation: 1, resourceVersion: "1", createdAt: time, updatedAt: time },
    },
    spec: { type: "Echo", ...spec },
    status: {
      ...{ phase: "Running", observedGeneration: 1, readyReplicas: 1, lastTransitionTime: time, cluster: "local" },
      ...{ resourcesEnforced: true, restarts: 0 },
      ...status,
      conditions: conditions.map((condition) => ({ message: "", lastTransitionTime: time, ...condition })),
    },
  });
}
