/** What became of the agents of a host, by the ids of their instances. */
export interface Revival {
  /** Started: they did not run. */
  readonly revived: readonly string[];
  /** Could not be started. */
  readonly failed: readonly string[];
  /** Stopped, as they are to be: they have neither agent nor claw. */
  readonly stopped: readonly string[];
}

/** The agents of the control plane's own host. */
export interface HostAgents {
  /**
   * Sees to it that the agents of the claws that are to run do so and dial the control plane where it is now. Those that do not run, after a
   * reboot for example, are started: each adopts or starts its claw. What is left of a claw that is to be stopped is ended.
   */
  revive(): Promise<Revival>;
}
