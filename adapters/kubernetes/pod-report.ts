import { PodReason } from "../../sdk/contract/index.ts";
import type { PodReport } from "../../service/domain/instances/pod.ts";

/** What a pod is made anew for when a restart is asked for. */
const RESTARTED_AT = "clusterclaw.io/restarted-at";
/** The container of the claw itself. */
const CLAW = "claw";

/** The part of every object that is read here. */
export interface WithMetadata {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: object;
  readonly terminated?: { readonly reason?: string; readonly message?: string; readonly exitCode: number };
}
interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}
export interface Pod extends WithMetadata {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** What a pod's status comes to, in one reason and one sentence. @param unhealthy the last failed probe that the kubelet told of */
export function toPodReport(pod: Pod, unhealthy: string | undefined): PodReport {
  const { status = {} } = pod;
  const containers = status.containerStatuses ?? [];
  const ready = status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;
  return {
    name: pod.metadata.name,
    ready,
    restarts: Math.max(0, ...containers.map(({ restartCount }) => restartCount)),
    ...(pod.spec?.nodeName !== undefined && { node: pod.spec.nodeName }),
    restartedAt: pod.metadata.annotations?.[RESTARTED_AT] ?? "",
    ...(ready ? { reason: PodReason.Ready, message: "" } : whyNotReady(pod, unhealthy)),
  };
}

type Trouble = Pick<PodReport, "reason" | "message" | "exit">;

function whyNotReady({ metadata, status = {} }: Pod, unhealthy: string | undefined): Trouble {
  if (metadata.deletionTimestamp !== undefined) {
    return { reason: PodReason.Terminating, message: "its pod is being stopped" };
  }
  const unscheduled = status.conditions?.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
  if (unscheduled) {
    return { reason: unscheduled.reason ?? PodReason.Unschedulable, message: unscheduled.message ?? "no node takes its pod" };
  }
  if (status.reason !== undefined) {
    // Evicted, NodeLost, Shutdown …
    return { reason: status.reason, message: status.message ?? "" };
  }
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  for (const container of all) {
    const trouble = troubleOf(container);
    if (trouble) {
      return trouble;
    }
  }
  return unhealthy === undefined
    ? { reason: PodReason.Starting, message: "its containers are not ready yet" }
    : { reason: PodReason.ProbeFailed, message: unhealthy };
}

function troubleOf({ name, state, lastState }: ContainerStatus): Trouble | undefined {
  const last = lastState?.terminated;
  const { waiting, terminated } = state ?? {};
  const ended = terminated ?? last;
  // What it wrote to its termination log, such as why it refuses its configuration.
  const lastWord = ended?.message ? `. ${ended.message}` : "";
  const own = name === CLAW && ended && { exit: { code: ended.exitCode, explained: lastWord !== "" } };
  const exit = ended && `container '${name}' ended with exit code ${ended.exitCode}${ended.reason ? ` (${ended.reason})` : ""}`;
  if (waiting?.reason === PodReason.CrashLoopBackOff) {
    return {
      reason: last?.reason === PodReason.OOMKilled ? PodReason.OOMKilled : PodReason.CrashLoopBackOff,
      message: `${exit ?? `container '${name}' keeps ending`}; it is started again with growing delays${lastWord}`,
      ...own,
    };
  }
  if (waiting && !["ContainerCreating", "PodInitializing"].includes(waiting.reason ?? "")) {
    return {
      reason: waiting.reason ?? PodReason.Waiting,
      message: `container '${name}': ${waiting.message ?? waiting.reason ?? "it waits"}`,
    };
  }
  return terminated && terminated.exitCode !== 0
    ? { reason: terminated.reason ?? PodReason.Error, message: `${exit ?? ""}${lastWord}`, ...own }
    : undefined;
}
