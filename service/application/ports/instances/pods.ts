import type { LogItem } from "../../../../sdk/contract/index.ts";
import type { KubernetesAccess } from "../clusters/clusters.ts";

/** A container of a pod. */
export interface PodContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** A terminal in a container. */
export interface Terminal {
  /** Resolves when more can be sent. */
  send(data: Buffer): Promise<void>;
  resize(cols: number, rows: number): void;
  /** What the listener answers says when it is taken, if not at once: until then the terminal is not read. */
  onData(listener: (data: Buffer) => Promise<void> | undefined | void): void;
  /** Called once, with the reason when it did not end by itself. */
  onClose(listener: (end: { readonly exitCode?: number; readonly error?: string }) => void): void;
  close(): void;
}

/** What the API server does for one pod. Everything throws {@link ClusterError}. */
export interface Pods {
  /** The last lines, or those behind the position `after`, as they come; with `follow` until the signal ends it. */
  logs(
    access: KubernetesAccess,
    container: PodContainer,
    options: { readonly tailLines: number; readonly follow: boolean; readonly after?: string | undefined; readonly signal: AbortSignal },
  ): AsyncIterable<LogItem>;
  /** Runs a command with a terminal. */
  exec(
    access: KubernetesAccess,
    container: PodContainer,
    options: { readonly command: readonly string[]; readonly cols: number; readonly rows: number },
  ): Promise<Terminal>;
  /** Ends it at once, without letting anything finish. */
  kill(access: KubernetesAccess, pod: Omit<PodContainer, "container">): Promise<void>;
}
