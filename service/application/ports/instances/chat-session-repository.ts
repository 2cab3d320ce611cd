import type { ChatSession, InstanceId } from "../../../../sdk/contract/index.ts";

/** The sessions in which people talk to instances: their names, and not what is said. */
export interface ChatSessionRepository {
  /** Makes it known, or used anew. @param keep so many of a subject's with the instance are kept, the newest ones */
  note(
    session: { readonly instanceId: InstanceId; readonly subject: string; readonly name: string; readonly usedAt: string },
    keep: number,
  ): Promise<void>;
  /** Those of these subjects, the last used first. */
  list(instanceId: InstanceId, subjects: readonly string[]): Promise<readonly ChatSession[]>;
}
