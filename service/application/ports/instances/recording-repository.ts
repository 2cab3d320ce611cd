import type { Recording, RecordingQuery } from "../../../../sdk/contract/index.ts";
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
