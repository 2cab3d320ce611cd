/** `open-cluster-claw/components`: claws, and what is theirs in a cluster, for Pulumi programs of one's own. An entry of the package: nothing in here imports it. */
export { ClawConfigError } from "../adapters/claws/render-claw.ts";
export type { ClawRuntime, Quota } from "../sdk/contract/index.ts";
export { type ClawArgs, claw, type DeclaredClaw } from "./claw-instance/claw.ts";
export { type Exposure, KubernetesClawInstance, type KubernetesClawInstanceArgs } from "./kubernetes/kubernetes-claw-instance.ts";
export { SharedVolume, type SharedVolumeArgs } from "./kubernetes/shared-volume.ts";
export { TenantBoundary, type TenantBoundaryArgs } from "./kubernetes/tenant-boundary.ts";
export { ProcessClawInstance, type ProcessClawInstanceArgs } from "./process/process-claw-instance.ts";
