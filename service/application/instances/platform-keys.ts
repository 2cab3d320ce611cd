import type { InstanceSpec } from "../../../sdk/contract/index.ts";
import { keySetBy } from "../../domain/configs/config-path.ts";
import { digestOf } from "../../domain/digest.ts";
import type { KnownClawType } from "../ports/instances/claw-adapter.ts";
import { platformOnly } from "../resources/refusals.ts";

type Overrides = InstanceSpec["config"]["overrides"];

/** What is there already may stay: an administrator set it. @throws {ClawError} `auth.forbidden` */
export function assertNoPlatformKeys(overrides: Overrides, former: Overrides, { platformKeys }: KnownClawType): void {
  const kept = new Set(former.map((override) => digestOf(override)));
  for (const [index, override] of overrides.entries()) {
    const key = kept.has(digestOf(override)) ? undefined : keySetBy(override.key, override.value, platformKeys);
    if (key !== undefined) {
      throw platformOnly(`spec.config.overrides[${index}].key`, key);
    }
  }
}
