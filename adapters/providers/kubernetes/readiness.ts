import { at, type KubeObject, listAt, mapAt, nameOf, namespaceOf, numberAt, textAt } from "../../kubernetes/client/objects.ts";

/** Whether an object is what people wait for; if not, why; `failed` when it can never become so. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string; readonly failed?: boolean };

/** Other objects that readiness depends on. */
export interface Related {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly labelSelector: string;
}
interface Rule {
  readonly isReady: (object: KubeObject, related: readonly KubeObject[]) => Readiness;
  readonly related?: (object: KubeObject) => Related | undefined;
}

const ready: Readiness = { ready: true };
const waits = (reason: string): Readiness => ({ ready: false, reason });
const failed = (reason: string): Readiness => ({ ready: false, reason, failed: true });

const rules: Readonly<Record<string, Rule>> = {
  "apps/v1/Deployment": { isReady: isDeploymentReady },
  "apps/v1/StatefulSet": { isReady: isStatefulSetReady },
  "apps/v1/DaemonSet": { isReady: isDaemonSetReady },
  "v1/Pod": { isReady: isPodReady },
  "v1/ReplicationController": {
    isReady: (object) => counted(numberAt(object, "status", "readyReplicas"), numberAt(object, "spec", "replicas"), "replicas are ready"),
  },
  "v1/Service": { isReady: isServiceReady, related: endpointsOf },
  "networking.k8s.io/v1/Ingress": {
    isReady: (object) =>
      listAt(object, "status", "loadBalancer", "ingress").length > 0 ? ready : waits("no ingress controller has given it an address"),
  },
  "v1/PersistentVolumeClaim": { isReady: isClaimReady, related: () => storageClasses },
  "v1/PersistentVolume": {
    isReady: (object) => inPhase(object, ["Available", "Bound"]),
  },
  "v1/Namespace": { isReady: (object) => inPhase(object, ["Active"]) },
  "batch/v1/Job": { isReady: isJobReady },
  "apiextensions.k8s.io/v1/CustomResourceDefinition": { isReady: isDefinitionReady },
  "v1/ResourceQuota": {
    isReady: (object) =>
      Object.keys(mapAt(object, "spec", "hard")).every((key) => at(object, "status", "hard", key) !== undefined)
        ? ready
        : waits("its usage is not counted yet"),
  },
  "v1/Secret": {
    isReady: (object) =>
      textAt(object, "type") !== "kubernetes.io/service-account-token" || at(object, "data", "token") !== undefined
        ? ready
        : waits("it has no token yet"),
  },
};

/** The rule of a kind; undefined for those that are ready once they exist. */
export function readinessRule(object: KubeObject): Rule | undefined {
  return rules[`${object["apiVersion"]}/${object["kind"]}`];
}

/** The pods that a workload makes, so that what is wrong with them can be told. */
export function podSelector(object: KubeObject): string | undefined {
  const selector =
    object["kind"] === "ReplicationController" ? mapAt(object, "spec", "selector") : mapAt(object, "spec", "selector", "matchLabels");
  const labels = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
  return object["kind"] === "Service" || labels.length === 0 ? undefined : labels.join(",");
}

/** What keeps a pod from being ready: the reasons of its containers and of the scheduler. */
export function podProblems(pod: KubeObject): string[] {
  const problems: string[] = [];
  for (const condition of listAt(pod, "status", "conditions")) {
    if (textAt(condition, "type") === "PodScheduled" && textAt(condition, "status") === "False") {
      problems.push(`${textAt(condition, "reason") || "Unschedulable"}: ${textAt(condition, "message")}`);
    }
  }
  for (const status of [...listAt(pod, "status", "initContainerStatuses"), ...listAt(pod, "status", "containerStatuses")]) {
    const waiting = mapAt(status, "state", "waiting");
    const ended = mapAt(status, "state", "terminated");
    const last = mapAt(status, "lastState", "terminated");
    const why = textAt(waiting, "reason") || textAt(ended, "reason");
    if (why !== "" && why !== "Completed" && why !== "PodInitializing" && why !== "ContainerCreating") {
      const detail = textAt(waiting, "message") || textAt(ended, "message");
      const exit = numberAt(ended, "exitCode") || numberAt(last, "exitCode");
      const before = textAt(last, "reason");
      problems.push(
        `container "${textAt(status, "name")}": ${why}${detail && `: ${detail}`}${exit ? ` (exit code ${exit}${before && `, ${before}`})` : ""}`,
      );
    }
  }
  return problems.map((problem) => `[Pod ${namespaceOf(pod)}/${nameOf(pod)}]: ${problem}`);
}

function isDeploymentReady(object: KubeObject): Readiness {
  if (isStale(object)) {
    return waits("its controller has not seen the change yet");
  }
  for (const condition of listAt(object, "status", "conditions")) {
    const type = textAt(condition, "type");
    if (type === "Progressing" && textAt(condition, "reason") === "ProgressDeadlineExceeded") {
      return failed(`ProgressDeadlineExceeded: ${textAt(condition, "message")}`);
    }
    if (type === "ReplicaFailure" && textAt(condition, "status") === "True") {
      return waits(`${textAt(condition, "reason")}: ${textAt(condition, "message")}`);
    }
  }
  const wanted = numberAt(object, "spec", "replicas");
  const { status } = object;
  if (numberAt(status, "replicas") > numberAt(status, "updatedReplicas")) {
    return waits(`${numberAt(status, "replicas") - numberAt(status, "updatedReplicas")} old replicas are still there`);
  }
  return counted(
    Math.min(numberAt(status, "updatedReplicas"), numberAt(status, "availableReplicas")),
    wanted,
    "updated replicas are available",
  );
}

function isStatefulSetReady(object: KubeObject): Readiness {
  if (isStale(object)) {
    return waits("its controller has not seen the change yet");
  }
  const wanted = numberAt(object, "spec", "replicas");
  const { status } = object;
  const isRolling = textAt(object, "spec", "updateStrategy", "type") !== "OnDelete";
  const updated = Math.max(0, wanted - numberAt(object, "spec", "updateStrategy", "rollingUpdate", "partition"));
  if (isRolling && numberAt(status, "updatedReplicas") < updated) {
    return counted(numberAt(status, "updatedReplicas"), updated, "replicas are updated");
  }
  if (numberAt(status, "replicas") > wanted) {
    return waits(`${numberAt(status, "replicas") - wanted} replicas too many are still there`);
  }
  return counted(numberAt(status, "readyReplicas"), wanted, "replicas are ready");
}

function isDaemonSetReady(object: KubeObject): Readiness {
  const wanted = numberAt(object, "status", "desiredNumberScheduled");
  if (isStale(object)) {
    return waits("its controller has not seen the change yet");
  }
  const updated = numberAt(object, "status", "updatedNumberScheduled");
  return counted(Math.min(updated, numberAt(object, "status", "numberAvailable")), wanted, "updated pods are available");
}

function isPodReady(object: KubeObject): Readiness {
  const phase = textAt(object, "status", "phase");
  if (phase === "Failed") {
    return failed(
      `the pod failed: ${textAt(object, "status", "reason") || "its containers ended"} ${textAt(object, "status", "message")}`.trim(),
    );
  }
  return phase === "Succeeded" || hasCondition(object, "Ready") ? ready : waits(`the pod is ${phase || "Pending"} and not ready`);
}

function isServiceReady(object: KubeObject, slices: readonly KubeObject[]): Readiness {
  if (textAt(object, "spec", "type") === "LoadBalancer" && listAt(object, "status", "loadBalancer", "ingress").length === 0) {
    return waits("no load balancer has given it an address");
  }
  const isBacked = slices.some((slice) => listAt(slice, "endpoints").some((endpoint) => at(endpoint, "conditions", "ready") !== false));
  return endpointsOf(object) === undefined || isBacked
    ? ready
    : waits("it does not target any Pods: no selected Pods are ready, or field '.spec.selector' does not match labels on any Pods");
}

function endpointsOf(object: KubeObject): Related | undefined {
  const isHeadless = textAt(object, "spec", "clusterIP") === "None";
  if (isHeadless || textAt(object, "spec", "type") === "ExternalName" || Object.keys(mapAt(object, "spec", "selector")).length === 0) {
    return undefined;
  }
  const labelSelector = `kubernetes.io/service-name=${nameOf(object)}`;
  return { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace: namespaceOf(object), labelSelector };
}

const storageClasses: Related = { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", namespace: "", labelSelector: "" };

function isClaimReady(object: KubeObject, classes: readonly KubeObject[]): Readiness {
  const className = textAt(object, "spec", "storageClassName");
  const storageClass = classes.find((each) => nameOf(each) === className);
  // Bound only when a pod uses it, so nothing to wait for.
  const bindsLater = textAt(storageClass, "volumeBindingMode") === "WaitForFirstConsumer";
  return bindsLater ? ready : inPhase(object, ["Bound"]);
}

function isJobReady(object: KubeObject): Readiness {
  const failure = listAt(object, "status", "conditions").find(
    (condition) => textAt(condition, "type") === "Failed" && textAt(condition, "status") === "True",
  );
  if (failure) {
    return failed(`the job failed: ${textAt(failure, "reason")}: ${textAt(failure, "message")}`);
  }
  return hasCondition(object, "Complete") || at(object, "spec", "suspend") === true ? ready : waits("the job has not completed");
}

function isDefinitionReady(object: KubeObject): Readiness {
  const refused = listAt(object, "status", "conditions").find(
    (condition) => textAt(condition, "type") === "NamesAccepted" && textAt(condition, "status") === "False",
  );
  if (refused) {
    return failed(`${textAt(refused, "reason")}: ${textAt(refused, "message")}`);
  }
  return hasCondition(object, "Established") ? ready : waits("the server does not serve the kind yet");
}

function isStale(object: KubeObject): boolean {
  return numberAt(object, "status", "observedGeneration") < numberAt(object, "metadata", "generation");
}

export function hasCondition(object: KubeObject, type: string, status = "True"): boolean {
  return listAt(object, "status", "conditions").some((each) => textAt(each, "type") === type && textAt(each, "status") === status);
}

function inPhase(object: KubeObject, phases: readonly string[]): Readiness {
  const phase = textAt(object, "status", "phase");
  return phases.includes(phase) ? ready : waits(`its phase is ${phase || "not set"}, not ${phases.join(" or ")}`);
}

function counted(count: number, wanted: number, what: string): Readiness {
  return count >= wanted ? ready : waits(`${count} of ${wanted} ${what}`);
}
