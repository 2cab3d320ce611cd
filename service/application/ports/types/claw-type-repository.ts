import type { ClawTypeId, ListQuery } from "../../../../sdk/contract/index.ts";
import type { StoredClawType } from "../../../domain/types/claw-type.ts";
import type { Page, Ref } from "../resources/page.ts";

/** A tenant's claw types, and those of the platform, which it only reads. Of two that have one name, the tenant's own is meant. */
export interface ClawTypeRepository {
  list(query: ListQuery): Promise<Page<StoredClawType>>;
  /** @throws {ClawError} `type.not_found` */
  get(ref: Ref): Promise<StoredClawType>;
  find(ref: Ref): Promise<StoredClawType | undefined>;
  /** All that the tenant's instances may be of, by name. */
  all(): Promise<readonly StoredClawType[]>;
  insert(type: StoredClawType): Promise<void>;
  update(type: StoredClawType, expected: number): Promise<void>;
  delete(id: ClawTypeId): Promise<void>;
  /** @param why what can't be while instances are of it, of whichever tenant @throws {ClawError} `type.in_use` */
  assertNoInstances(type: StoredClawType, why: string): Promise<void>;
}
