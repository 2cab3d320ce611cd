import { namesOf } from "./names.ts";

/**
 * Reasons of an agent's phase, which are those of the condition `Ready` where nothing else is the matter. A claw type names more for the exit
 * codes of its claws, and agents are not upgraded with the control plane: whoever reads one takes any.
 */
export const agentReasons = {
  AgentStarted: "the agent has just started",
  Starting: "the claw is starting",
  WaitingForSlot: "other claws of the host are starting: it waits for its turn",
  Preparing: "what the claw is to have before it starts is being installed; the message says what",
  PreparationFailed: "what the claw is to have before it starts can't be installed; it is tried again with growing delays",
  Started: "the claw is ready",
  Adopted: "the claw was running already when its agent started",
  Recovered: "the claw answers its readiness probe again",
  ReadinessFailed: "the claw does not answer its readiness probe",
  LivenessFailed: "the claw does not answer its liveness probe: it is started anew",
  NotRunning: "the claw's container does not run",
  Restarting: "it restarts as somebody asked, or for its new specification",
  Killed: "somebody killed it",
  Stopping: "it is being stopped",
  Stopped: "it is stopped",
  ConfigError: "the claw refused its configuration and ended; it starts again with another one",
  DataTooNew: "a newer version of the claw has written its data, which this one can't read: go back to that version, or restore older data",
  PortInUse: "another program has its port; it starts when the port is free",
  StartError: "its program can't be executed",
  StartTimeout: "it was not ready in time",
  ExitedAtOnce: "the claw ended within seconds of its start",
  Crashed: "the claw ended by itself",
  CrashLoop: "the claw ended by itself several times in a short time; it is started with growing delays",
  ArchiveUnavailable: "an archive of software can't be fetched",
  ArchiveChanged: "an archive is not the one that its type names: its digest differs",
  ArchiveUnsafe: "an archive leads out of its folder, or is too large; nothing of it is kept",
  DiskFull: "no space is left on the host's disk",
  AgentError: "the agent could not do its work; the message says what the host answered",
} as const;
export const AgentReason = namesOf(agentReasons);
export type AgentReason = keyof typeof agentReasons;

/**
 * Reasons of the condition `PodReady` that are known here, Kubernetes' own words where it has one. What else a scheduler or a kubelet says
 * is told as it is.
 */
export const podReasons = {
  Ready: "its containers are ready",
  Starting: "its containers are not ready yet",
  Terminating: "it is being stopped",
  Unschedulable: "no node takes it",
  QuotaExceeded: "the namespace's quota does not allow it",
  PodNotMade: "Kubernetes could not make it",
  ProbeFailed: "a probe of a container fails",
  Waiting: "a container waits, and does not say for what",
  Error: "a container ended with a failure",
  CrashLoopBackOff: "a container keeps ending; it is started with growing delays",
  OOMKilled: "a container took more memory than it may",
  ImagePullBackOff: "an image can't be pulled; it is tried with growing delays",
  ErrImagePull: "an image can't be pulled",
  InvalidImageName: "an image's name is none",
  ErrImageNeverPull: "an image is not on the node, and may not be pulled",
  CreateContainerConfigError: "a container's configuration can't be made",
  CreateContainerError: "a container can't be made",
  RunContainerError: "a container can't be started",
} as const;
export const PodReason = namesOf(podReasons);
export type PodReason = keyof typeof podReasons;

/** Reasons of the condition `Provisioned` that the provider of a host's resources gives. Others' providers have words of their own. */
export const provisionReasons = {
  VersionNotFound: "the registry has no such version: choose another one",
  PlaceholderPackage: "the package has no program: choose another version",
  NodeUnsupported: "the package does not run on this Node.js",
  RegistryUnreachable: "the npm registry can't be reached; it is tried again",
  NpmMissing: "there is no npm on PATH",
  InstallFailed: "the package can't be installed; the message is npm's",
  ArchiveUnavailable: "an archive of software can't be fetched",
  ArchiveChanged: "an archive is not the one that its type names: its digest differs",
  ArchiveUnsafe: "an archive leads out of its folder, or is too large; nothing of it is kept",
  DiskFull: "no space is left on the host's disk",
  FileNotWritable: "a config file can't be written",
  FolderUnavailable: "a folder can't be made",
} as const;
export const ProvisionReason = namesOf(provisionReasons);
export type ProvisionReason = keyof typeof provisionReasons;

/** Reasons of the conditions `Reachable` and `ClusterReachable`, beside those that a cluster's API gives itself, such as `Unauthorized`. */
export const clusterReasons = {
  InvalidKubeconfig: "its kubeconfig can't be used",
  CertificateInvalid: "its certificate is not to be trusted",
  ConnectionRefused: "nothing listens at its address",
  ConnectionReset: "it ended the connection",
  HostUnknown: "its address has no such name",
  HostUnreachable: "there is no way to its address",
  Timeout: "it does not answer in time",
} as const;
export const ClusterReason = namesOf(clusterReasons);
export type ClusterReason = keyof typeof clusterReasons;

/** Reasons of a rollout's status. */
export const rolloutReasons = {
  Begun: "it has begun, and nothing of it is done",
  ApprovalRequired: "a wave begins when somebody approves of it",
  Approved: "somebody approved of a wave",
  Waiting: "it waits for a maintenance window, or for the end of a freeze",
  Updating: "instances of a wave are being changed, or are not ready with it yet",
  Baking: "all of a wave is ready, and it is watched",
  WavePassed: "a wave has passed, and the next one begins",
  GateFailed: "a gate failed, or an instance; the message says which, what was found, and what was wanted",
  WriteRefused: "what it was about to write is refused: by a policy, a quota, or because it is not there any more",
  NotAllowed: "it went on by the leave of somebody who may not do that any more",
  PausedByRequest: "somebody paused it",
  Resumed: "somebody resumed it, or had what failed tried once more",
  AbortedByRequest: "somebody aborted it",
  Completed: "all of its instances have the version",
} as const;
export const RolloutReason = namesOf(rolloutReasons);
export type RolloutReason = keyof typeof rolloutReasons;

/** A warning is of something that went wrong. */
export const EventType = { Normal: "Normal", Warning: "Warning" } as const;
export type EventType = keyof typeof EventType;

/** Reasons of an instance's events, beside those of conditions: an operation that failed leaves a warning with the reason of `Provisioned`. */
export const eventReasons = {
  Requested: "somebody wrote the instance, or what it is made of; the message says what",
  PhaseChanged: "its phase changed; the message says from what to what, and by whose request",
  Ended: "its claw ended by itself, or somebody killed it, and is started again; the message says how it ended",
  ConsoleOpened: "somebody opened a terminal in it",
  Connected: "somebody opened a connection to its port",
  ChatOpened: "somebody began to chat with it",
  PolicyViolated: "it violates a policy that warns or is audited, and did not before; the message says which",
  Moved: "a drain moved it to another cluster",
  Drifted: "somebody changed what was declared of it",
  DriftAdopted: "what somebody had changed was taken into its specification",
  ConfigAltered:
    "somebody changed what its claw is configured with behind the control plane's back; the message says what, when, and who where that is known",
  ConfigAsDeclared: "its claw is configured as is declared again",
  DriftNotAdopted: "what somebody had changed can't be taken into its specification; the message says why",
} as const;
export const EventReason = namesOf(eventReasons);
export type EventReason = keyof typeof eventReasons;
