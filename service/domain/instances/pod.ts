/** What is seen of an instance's pod from outside. */
export interface PodReport {
  readonly name: string;
  /** All its containers are ready. */
  readonly ready: boolean;
  /** Of the claw's container. */
  readonly restarts: number;
  /** CamelCase: `Ready`, `Unschedulable`, `ImagePullBackOff`, `CrashLoopBackOff`, `OOMKilled`, `QuotaExceeded`, `ProbeFailed` … */
  readonly reason: string;
  readonly message: string;
  readonly node?: string | undefined;
}

/** What a pod does not get out of by itself. */
const FAILURES = new Set([
  "CrashLoopBackOff",
  "ImagePullBackOff",
  "ErrImagePull",
  "InvalidImageName",
  "ErrImageNeverPull",
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
  "OOMKilled",
]);

export function hasFailed(pod: PodReport): boolean {
  return !pod.ready && FAILURES.has(pod.reason);
}
