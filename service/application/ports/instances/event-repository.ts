import type { InstanceEvent, InstanceId } from "../../../../sdk/contract/index.ts";
import type { Page } from "../resources/page.ts";

export interface InstanceEventRepository {
  append(instanceId: InstanceId, event: InstanceEvent): Promise<void>;
  appendAll(events: readonly (InstanceEvent & { readonly instance: InstanceId })[]): Promise<void>;
  list(instanceId: InstanceId, limit: number, cursor?: string): Promise<Page<InstanceEvent>>;
  /** The newest of each instance, newest first. */
  listRecent(instanceIds: readonly InstanceId[], limit: number): Promise<ReadonlyMap<InstanceId, readonly InstanceEvent[]>>;
}
