import type { InstanceId, InstanceOperation } from "../../../../sdk/contract/index.ts";
import type { KeptOperation } from "../../../domain/instances/operation.ts";

/** What the engine does, and lately did, for instances. */
export interface OperationRepository {
  /** Writes operations as far as they have come, and that whoever runs them is alive. Those of instances that are gone are left out. */
  write(operations: readonly KeptOperation[]): Promise<void>;
  /** Forgets all but the newest of each instance's. */
  trim(instances: readonly InstanceId[], keep: number): Promise<void>;
  /** The newest first. One whose runner has given no sign of life for half a minute was interrupted then. */
  list(instance: InstanceId): Promise<readonly InstanceOperation[]>;
}
