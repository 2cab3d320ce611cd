import { namesOf } from "./names.ts";

/** Types of conditions, in the Kubernetes style, and what each says when it is true: what is known of a resource besides its phase. */
export const conditionTypes = {
  Ready: "of an instance: its claw serves; whether its channels are connected is `ChannelsReady`",
  Provisioned: "of an instance: its stack holds what is declared",
  ConfigSynced: "of an instance: its agent has what is declared and its claw runs with it, by its own word where it can be asked",
  ChannelsReady: "of an instance whose claw tells of its channels: each that is declared is connected",
  Drifted: "of an instance: somebody changed what was declared of it",
  AgentConnected: "of an instance: its agent is connected",
  PodReady: "of an instance on a cluster: its pod is ready",
  ClusterReachable: "of an instance on a cluster: its cluster answers",
  Reachable: "of a cluster: its API answers",
  Available: "of a secret: there is a value for those who use it",
  Accepted: "of a custom resource: it is carried into the control plane",
} as const;
export const ConditionType = namesOf(conditionTypes);
export type ConditionType = keyof typeof conditionTypes;

/**
 * Reasons of conditions that the control plane gives itself. Beside these a condition has the reason of whoever caused it: an agent, a
 * kubelet, a provider of the engine, a cluster's API.
 */
export const conditionReasons = {
  Ready: "`Ready`: it serves",
  Pending: "`Ready`: nothing is known of its agent or its pod yet",
  Stopped: "`Ready`, `AgentConnected`, `ConfigSynced`, `ChannelsReady`: it is stopped, as is declared",
  Applied: "`Provisioned`: what is declared was applied; `ConfigSynced`: its claw says that it uses it",
  Delivered: "`ConfigSynced`: its claw runs with what is declared; one of its type does not say more of it",
  Altered: "`ConfigSynced`: somebody changed what its agent had stored, or what its claw runs with; the message names keys",
  NotStored: "`ConfigSynced`: its agent could not write what is declared; it is tried again",
  StackLocked: "`Provisioned`: somebody else's operation is under way on the stack; it is tried again",
  StillEnding: "`Provisioned`: what it had, such as a pod, still ends; it is looked at again",
  ConfigInvalid: "`Provisioned`: its configuration can't be resolved; the message names each problem",
  DataNotDeleted: "`Provisioned`: its resources are gone, and its data could not be deleted; it is tried again",
  OperationFailed: "`Provisioned`: the stack's operation failed as a whole; it is tried again",
  ResourceFailed: "`Provisioned`: one of its resources failed, without a reason of its own; it is tried again",
  Applying: "`ConfigSynced`: its claw has not taken its new configuration over yet",
  Refused: "`ConfigSynced`: its claw refused its new configuration and goes on with the former one",
  NotTold: "`ConfigSynced`, `ChannelsReady`: its claw does not say which configuration it uses, or how its channels are",
  ChannelsConnected: "`ChannelsReady`: each channel that is declared is connected",
  ChannelsStarting: "`ChannelsReady`: channels are being connected; the message names them",
  ChannelFailed: "`ChannelsReady`: a channel that is declared does not work; the message names each, and why by the claw's word",
  NotRunning: "`ConfigSynced`, `ChannelsReady`: its claw does not run just now",
  ChangedOutside: "`Drifted`: somebody changed what was declared of it",
  AsDeclared: "`Drifted`: somebody put it back as it was declared",
  Repaired: "`Drifted`: it was made as declared again",
  Connected: "`AgentConnected`: its agent is connected",
  Disconnected: "`AgentConnected`: its agent is not connected; the instance may well be running",
  NoPod: "`PodReady`: there is no pod",
  Answered: "`Reachable`, `ClusterReachable`: the cluster answers",
  Unreachable: "`Reachable`, `ClusterReachable`, `Ready`: the cluster does not answer, for a reason that has no name here",
  Given: "`Available`: the value stands in the secret itself",
  Read: "`Available`: the value was read from its source",
  NotReadYet: "`Available`: its source was not read yet",
  SourceMissing: "`Available`: its source has no such value; what was read before goes on",
  SourceForbidden: "`Available`: the control plane may not read its source; what was read before goes on",
  SourceUnreachable: "`Available`: its source does not answer, or not as it should; what was read before goes on",
  Carried: "`Accepted`: it is carried into the control plane",
} as const;
export const ConditionReason = namesOf(conditionReasons);
export type ConditionReason = keyof typeof conditionReasons;
