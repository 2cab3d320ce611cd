import type { PodBoot } from "./pod.ts";
import type { ProcessSpec } from "./process.ts";

/**
 * All that an agent is handed of its claw, as a stack operation would leave it on the host or in the boot secret. Its digest is the `specDigest` in it.
 * It holds secrets.
 */
export type Handing =
  /** `files`: path in the config directory → content. */
  | { readonly runtime: "process"; readonly files: Readonly<Record<string, string>>; readonly spec: ProcessSpec }
  | { readonly runtime: "kubernetes"; readonly boot: PodBoot };

export function digestOfHanding(handing: Handing): string {
  return handing.runtime === "process" ? handing.spec.specDigest : handing.boot.specDigest;
}
