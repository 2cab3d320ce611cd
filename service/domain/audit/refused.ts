import type { ErrorCode, Permission, TenantId } from "../../../sdk/contract/index.ts";
import type { Actor } from "../access/actor.ts";
import type { Told } from "./chain.ts";

/** What somebody asked for, and may not have. */
export interface Refused {
  readonly actor: Pick<Actor, "subject" | "from"> & Partial<Pick<Actor, "tenantId">>;
  /** Where: on the platform when absent. */
  readonly tenant: { readonly id: TenantId; readonly name: string } | undefined;
  readonly action: string;
  readonly permission: Permission | undefined;
  readonly reason: ErrorCode;
  readonly resource: Told["resource"];
}

/** Puts on record what is refused. */
export interface NoteRefusal {
  note(refused: Refused): Promise<void>;
}
