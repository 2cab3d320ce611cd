/** `open-cluster-claw/adapter`: claw types of one's own, for the components and for the service (CLAW_TYPES). */
export { checkClawType, readClawType } from "../../../adapters/claws/check-claw-type.ts";
export { type ClawManifest, ClawManifestError, ClawManifestSchema } from "../../../adapters/claws/manifest/claw-manifest.ts";
export { type ClawRuntime, ClawRuntimeSchema, type Issue } from "../../../sdk/contract/index.ts";
export type { ClawAdapter, ParsedConfig, RuntimeInfo, UnifiedConfig } from "../../application/ports/instances/claw-adapter.ts";
export { type ClawTypeRule, type ClawTypeTestOptions, type ClawTypeVerdict, testClawType } from "../adapter-kit/test-claw-type.ts";
