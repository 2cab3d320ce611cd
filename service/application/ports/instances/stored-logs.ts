import type { InstanceId } from "../../../../sdk/contract/index.ts";

/** What a claw of the control plane's own host has logged. */
export interface StoredLog {
  /** The last lines as text. */
  tail(lines: number): string;
  /** Calls back with what is appended from now on. */
  follow(onText: (text: string) => void): { pause(): void; resume(): void; close(): void };
}

/** The log of an instance of this host; undefined when it has never started here. */
export type StoredLogs = (id: InstanceId) => StoredLog | undefined;
