import type { StackOn } from "../../components/claw-instance/runtime-component.ts";
import { ProcessClawInstance } from "../../components/process/process-claw-instance.ts";
import type { ProcessTarget } from "../../sdk/contract/index.ts";
import type { Declare } from "./declare.ts";

/** Instances that are processes of a host: they share nothing. */
export function onHost({ tenant, target }: StackOn<ProcessTarget>): Declare {
  return (instance) => {
    const { uid, runtime, running, restartedAt, deletionPolicy, storage, agentToken } = instance;
    const { configDir, dataDir: dataFolder } = storage;
    const { specDigest, dataDir } = new ProcessClawInstance(instance.name, {
      rootDir: target.rootDir,
      tenant,
      storage: { ...(configDir !== undefined && { configDir }), ...(dataFolder !== undefined && { dataDir: dataFolder }) },
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
