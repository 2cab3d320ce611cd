import type { Recording, RecordingQuery, TenantId } from "../../../../sdk/contract/index.ts";
import type { Page } from "../resources/page.ts";

/** Recordings of terminals. What is in one is only ever added to. */
export interface RecordingRepository {
  insert(recording: Recording): Promise<void>;
  /** Adds a part. @param sealed what the repository can't read @param bytes how much it is */
  append(id: string, sequence: number, sealed: string, bytes: number): Promise<void>;
  end(id: string, at: Date): Promise<void>;
  get(id: string): Promise<Recording | undefined>;
  list(query: RecordingQuery): Promise<Page<Recording>>;
  /** The parts behind one, in order. */
  parts(id: string, after: number, limit: number): Promise<readonly { readonly sequence: number; readonly sealed: string }[]>;
}

/** One that is gone, for it was older than its tenant keeps them. */
export interface RemovedRecording {
  readonly tenantId: TenantId;
  readonly id: string;
  readonly instance: Recording["instance"];
  /** How long it was to be kept. */
  readonly days: number;
}

/** Recordings of all tenants. */
export interface OldRecordings {
  /** Removes the oldest of those that need not be kept any more. How long that is says each tenant's `auditRetentionDays`; those of tenants without it stay. */
  remove(atMost: number): Promise<readonly RemovedRecording[]>;
}
