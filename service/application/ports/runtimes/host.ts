import type { StoredLogs } from "../instances/stored-logs.ts";

/** The control plane's own host, for the instances that are processes there. */
export interface Host {
  readonly storedLogs: StoredLogs;
  /** Removes the folder of an instance's config and data. Safe to repeat. @param tenant its name */
  removeData(tenant: string, uid: string): Promise<void>;
}
