import type { PodBoot } from "./pod.ts";
import type { ProcessSpec } from "./process.ts";

/**
 * All that an agent is handed of its claw, as a stack operation would leave it on a host or in a boot secret. Its digest is the `specDigest` in it.
 * It holds secrets.
 */
export type Handing =
  /** `files`: path in the config directory → content. */
  { readonly spec: ProcessSpec; readonly files: Readonly<Record<string, string>> } | { readonly boot: PodBoot };

export function digestOfHanding(handing: Handing): string {
  return "spec" in handing ? handing.spec.specDigest : handing.boot.specDigest;
}
