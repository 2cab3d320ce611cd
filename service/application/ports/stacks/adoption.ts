import type { Drift, InstanceSpec } from "../../../../sdk/contract/index.ts";
import type { RuntimeName } from "../../../domain/runtimes/runtime-rules.ts";

/** What a specification has to say for a drift to be what is declared. The components know: they declare what it says. */
export type AdoptionOf = (
  runtime: RuntimeName,
  spec: InstanceSpec,
  drift: Drift,
) => { readonly spec: InstanceSpec; readonly adopted: readonly string[]; readonly reasons: readonly string[] };
