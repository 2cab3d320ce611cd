import type { ProcessTarget } from "../../sdk/contract/index.ts";
import { nowhere, refused } from "../claw-instance/adoption.ts";
import type { RuntimeComponent } from "../claw-instance/runtime-component.ts";
import { type Child, componentUrns, isChild } from "../claw-instance/urns.ts";

/** Type token of an instance as processes of a host. */
export const INSTANCE_TYPE = "clusterclaw:index:ClawInstance";

/** Children of an instance of the process runtime. */
export const instanceChildren = {
  software: { type: "clusterclaw:process:Software", suffix: "-software" },
  config: { type: "clusterclaw:process:Directory", suffix: "-config" },
  data: { type: "clusterclaw:process:Directory", suffix: "-data" },
  files: { type: "clusterclaw:process:ConfigFiles", suffix: "-files" },
  process: { type: "clusterclaw:process:Process", suffix: "-process" },
} as const satisfies Record<string, Child>;

/**
 * What is declared of instances that are processes of a host. They share nothing there, and what is declared of one has no place in a
 * specification. A restart is known by the runtime's own digest, and config files are where the claw reads them.
 */
export const processComponent: RuntimeComponent<ProcessTarget> = {
  sharedUrns: () => ({ declared: [], undeclared: [] }),
  instanceUrns: (stack, name) => componentUrns(stack, INSTANCE_TYPE, name, instanceChildren),
  adopt: (spec, { urn, diffs }) =>
    isChild(urn, instanceChildren.files)
      ? refused(spec, "config files are rendered: set the key in spec.config.overrides, or in the template")
      : refused(spec, ...diffs.map(nowhere)),
  exchangesClaw: () => false,
  changesMountedFiles: () => false,
};
