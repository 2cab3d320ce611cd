import type { Drift, InstanceSpec } from "../../../../sdk/contract/index.ts";

/** What a specification has to say for a drift to be what is declared. The components know: they declare what it says. */
export type AdoptionOf = (
  spec: InstanceSpec,
  drift: Drift,
) => { readonly spec: InstanceSpec; readonly adopted: readonly string[]; readonly reasons: readonly string[] };
