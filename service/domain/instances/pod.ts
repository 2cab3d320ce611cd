import { PodReason } from "../../../sdk/contract/index.ts";

/** What is seen of an instance's pod from outside. */
export interface PodReport {
  readonly name: string;
  /** All its containers are ready. */
  readonly ready: boolean;
  /** Of the claw's container. */
  readonly restarts: number;
  /** A {@link PodReason}, or what else Kubernetes says. */
  readonly reason: string;
  readonly message: string;
  readonly node?: string | undefined;
  /** The instance's `restartedAt` that it was made for, empty where there was none; absent in what was reported before that was told. */
  readonly restartedAt?: string | undefined;
}

/** What a pod does not get out of by itself. */
const FAILURES = new Set<string>([
  PodReason.CrashLoopBackOff,
  PodReason.ImagePullBackOff,
  PodReason.ErrImagePull,
  PodReason.InvalidImageName,
  PodReason.ErrImageNeverPull,
  PodReason.CreateContainerConfigError,
  PodReason.CreateContainerError,
  PodReason.RunContainerError,
  PodReason.OOMKilled,
]);

export function hasFailed(pod: PodReport): boolean {
  return !pod.ready && FAILURES.has(pod.reason);
}
