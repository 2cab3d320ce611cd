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
  /** How the claw itself ended, where that is why the pod is not ready; `explained` where it left a word of its own. */
  readonly exit?: { readonly code: number; readonly explained: boolean } | undefined;
  /** Its claw's exit means that it ends so again. */
  readonly hopeless?: true | undefined;
}

/** What an exit code means. */
export interface ExitMeaning {
  readonly reason: string;
  readonly message: string;
  /** Whether it may end otherwise when it is started again. */
  readonly restart: boolean;
  /** It may mean something else too: it is taken for this one where the claw left a word of its own. */
  readonly explained?: boolean | undefined;
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
  return !pod.ready && (pod.hopeless === true || FAILURES.has(pod.reason));
}

/** What its cluster shows of a pod, in the words that its claw type has for the claw's exit: those that the claw's agent has on a host. */
export function inWordsOf(exitCodes: Readonly<Record<string, ExitMeaning>> | undefined, pod: PodReport): PodReport {
  const known = pod.exit && exitCodes?.[String(pod.exit.code)];
  if (!known || (known.explained && !pod.exit?.explained)) {
    return pod;
  }
  const message = `${known.message.replace(/\.$/, "")}: ${pod.message}`;
  const isFailed = hasFailed(pod) || !known.restart;
  return { ...pod, reason: known.reason, message, ...(isFailed && { hopeless: true as const }) };
}
