import type { LeftoverReason, ListQuery } from "../../../../sdk/contract/index.ts";

/** What there is of one instance on a host beside its data: a run folder, with its agent and its claw, and claims of ports. */
export interface HostedInstance {
  /** The instance's id. */
  readonly uid: string;
  readonly found: readonly ("RunFolder" | "PortClaim")[];
}

/** What the instances of a host have there, known to anybody or not. */
export interface HostedInstances {
  list(): Promise<readonly HostedInstance[]>;
  /**
   * Whether the host is the control plane's of that id: another one's instances are none of its business. A host that is nobody's becomes
   * its own, if it may.
   */
  isOwnedBy(controlPlane: string, mayTake: boolean): Promise<boolean>;
  /** Ends an instance's agent and claw, and removes its run folder and its claims. Its data stay. Safe to repeat. */
  end(uid: string): Promise<void>;
}

/** Something on a host, or an object in a cluster, with the mark of whom it was made for. */
export interface MarkedThing {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
  /** The instance's id. */
  readonly instance?: string | undefined;
  /** The tenant's name. */
  readonly tenant?: string | undefined;
}

/** A cluster, or one host of the cluster `local`. */
export interface Place {
  readonly cluster: string;
  readonly host?: string | undefined;
}

/** A thing that nobody knows, as it was found. */
export interface FoundLeftover extends MarkedThing {
  /** Why it is left alone. */
  readonly keptFor?: LeftoverReason | undefined;
}

export interface StoredLeftover extends FoundLeftover, Place {
  /** When it was found first. */
  readonly since: string;
}

export interface LeftoverRepository {
  /** The longest known first. */
  list(
    query: Pick<ListQuery, "limit" | "cursor" | "fieldSelector">,
  ): Promise<{ readonly items: readonly StoredLeftover[]; readonly nextCursor?: string }>;
  /** Makes these all that is known of a place: what was known before keeps its time. `added` says what was not. */
  note(place: Place, found: readonly FoundLeftover[], now: string): Promise<readonly (StoredLeftover & { readonly added: boolean })[]>;
  /** False when another replica has. */
  remove(leftover: StoredLeftover): Promise<boolean>;
}
