import type { InstanceId, LogItem } from "../../../../sdk/contract/index.ts";

/** Reads a log from a position on. */
export interface StoredLogReader {
  /** What comes next; undefined when there is no whole line more. */
  next(): LogItem | undefined;
  /** What is left when nothing more will be written. */
  rest(): LogItem | undefined;
}

/** The log of an instance of this host, from a position or its last lines on; undefined when it has never started here. */
export type StoredLogs = (
  id: InstanceId,
  from: { readonly after?: string | undefined; readonly tailLines: number },
) => StoredLogReader | undefined;
