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
