/** Types of conditions, in the Kubernetes style: what is known of a resource besides its phase. */
export const ConditionType = {
  /** Of an instance: it serves. */
  Ready: "Ready",
  /** Of an instance: its stack holds what is declared. */
  Provisioned: "Provisioned",
  /** Of an instance: its claw uses the configuration that is declared, by its own word. */
  ConfigSynced: "ConfigSynced",
  /** Of an instance: somebody changed what was declared of it. */
  Drifted: "Drifted",
  /** Of an instance: its agent is connected. */
  AgentConnected: "AgentConnected",
  /** Of an instance on a cluster: its pod is ready. */
  PodReady: "PodReady",
  /** Of an instance on a cluster: its cluster answers. */
  ClusterReachable: "ClusterReachable",
  /** Of a cluster: its API answers. */
  Reachable: "Reachable",
  /** Of a custom resource: it is carried into the control plane. */
  Accepted: "Accepted",
} as const;
export type ConditionType = (typeof ConditionType)[keyof typeof ConditionType];

/**
 * Reasons of conditions that the control plane gives itself. Beside these a condition has the reason of whoever caused it: an agent, a
 * kubelet, a provider of the engine, a cluster's API.
 */
export const ConditionReason = {
  // Ready
  Ready: "Ready",
  Pending: "Pending",
  Stopped: "Stopped",
  // Provisioned, ConfigSynced
  Applied: "Applied",
  /** Somebody else's operation is under way on the stack. */
  StackLocked: "StackLocked",
  /** A pod that is to go still ends. */
  StillEnding: "StillEnding",
  ConfigInvalid: "ConfigInvalid",
  DataNotDeleted: "DataNotDeleted",
  Applying: "Applying",
  Refused: "Refused",
  NotTold: "NotTold",
  // Drifted
  ChangedOutside: "ChangedOutside",
  AsDeclared: "AsDeclared",
  Repaired: "Repaired",
  // AgentConnected
  Connected: "Connected",
  Disconnected: "Disconnected",
  // PodReady
  NoPod: "NoPod",
  // ClusterReachable, Reachable
  Answered: "Answered",
  Unreachable: "Unreachable",
  // Accepted
  Carried: "Carried",
} as const;
