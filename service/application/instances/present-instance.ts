import { API_VERSION, type ClawInstance, type Condition, ConditionType } from "../../../sdk/contract/index.ts";
import { withCondition } from "../../domain/instances/conditions.ts";
import { syncedCondition } from "../../domain/instances/delivery.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import { rulesAt } from "../../domain/runtimes/runtimes.ts";
import { maskLeaves } from "../../domain/sealed.ts";
import { presentMetadata } from "../resources/present-metadata.ts";

const MEBIBYTE = 2 ** 20;

/** An instance as clients see it: its secrets are masked. @param tenant the tenant's name */
export function presentInstance(instance: Instance, tenant: string): ClawInstance {
  const { status } = instance;
  const ready = status.conditions.some((condition) => condition.type === ConditionType.Ready && condition.status === "True");
  return {
    apiVersion: API_VERSION,
    kind: "ClawInstance",
    metadata: { ...presentMetadata(instance), namespace: tenant, project: instance.projectName },
    spec: maskLeaves(instance.spec),
    status: {
      phase: status.phase,
      observedGeneration: status.observedGeneration,
      readyReplicas: ready ? 1 : 0,
      lastTransitionTime: status.lastTransitionTime,
      cluster: instance.cluster,
      resourcesEnforced: rulesAt(instance.cluster).enforcesResources,
      conditions: currentConditions(instance),
      restarts: status.pod?.restarts ?? status.agent?.restarts ?? 0,
      ...(instance.usage && {
        usage: {
          cpu: `${Math.ceil(instance.usage.cpu * 1000)}m`,
          memory: `${Math.ceil(instance.usage.memoryBytes / MEBIBYTE)}Mi`,
          time: instance.usage.time,
        },
      }),
      ...(status.drift.length > 0 && { drift: [...status.drift] }),
      ...(status.pod && { pod: { name: status.pod.name, ...(status.pod.node !== undefined && { node: status.pod.node }) } }),
      ...(status.agent?.version !== undefined && { version: status.agent.version }),
      ...(status.agent?.confinement !== undefined && { confinement: status.agent.confinement }),
      ...(status.configVersion !== undefined && { configVersion: status.configVersion }),
    },
  };
}

/** What was published a moment ago is not with its claws, though nobody has found that out yet. */
function currentConditions(instance: Instance): Condition[] {
  const { status, spec, generation } = instance;
  const synced =
    spec.running && status.delivery?.generation !== generation ? syncedCondition(instance, status, instance.updatedAt) : undefined;
  return synced ? withCondition(status.conditions, synced, instance.updatedAt) : [...status.conditions];
}
