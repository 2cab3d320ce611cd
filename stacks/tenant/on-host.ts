import { instanceDirs } from "../../components/claw-instance/instance-dirs.ts";
import type { StackOn } from "../../components/claw-instance/runtime-component.ts";
import { ProcessClawInstance } from "../../components/process/process-claw-instance.ts";
import type { ProcessTarget } from "../../sdk/contract/index.ts";
import type { Declare } from "./declare.ts";

/** Instances that are processes of a host: they share nothing. */
export function onHost({ tenant, target }: StackOn<ProcessTarget>): Declare {
  return (instance) => {
    const { uid, runtime, running, restartedAt, deletionPolicy, agentToken } = instance;
    const { specDigest, dataDir } = new ProcessClawInstance(instance.name, {
      ...instanceDirs(target.rootDir, tenant, instance),
      uid,
      runtime,
      running,
      restartedAt,
      deletionPolicy,
      agentUrl: target.agentUrl,
      agentToken,
    });
    return { specDigest, dataDir };
  };
}
