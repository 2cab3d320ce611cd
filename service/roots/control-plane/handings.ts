import { toSpec } from "../../../adapters/providers/clusterclaw/process.ts";
import { installedDir } from "../../../adapters/providers/clusterclaw/software.ts";
import { instanceDirs } from "../../../components/claw-instance/instance-dirs.ts";
import { clawInPod, podBoot } from "../../../components/kubernetes/pod-boot.ts";
import { fileDigests, resolveFiles } from "../../../components/process/resolve-files.ts";
import { clawRunDir } from "../../../sdk/contract/index.ts";
import type { Handings } from "../../application/ports/runtimes/runtime.ts";
import { digestOf } from "../../domain/digest.ts";

/** What the stacks hand to agents, by the parts that they are made of: a test holds the two together. */
export const handings: Handings = {
  process({ rootDir, agentUrl }, tenant, { uid, runtime, running, restartedAt, storage, agentToken }) {
    const { hostDir, cacheDir, configDir, dataDir, runDir } = instanceDirs(rootDir, tenant, { uid, storage });
    const { files: declared, secretEnv, ...rest } = runtime;
    const installed = installedDir(rest.software, cacheDir);
    const files = resolveFiles(declared, { configDir, dataDir, runDir: clawRunDir(runDir), softwareDir: installed });
    const spec = toSpec({
      instanceUid: uid,
      hostDir,
      runDir,
      configDir,
      dataDir,
      ...(installed !== undefined && { softwareDir: installed }),
      runtime: rest,
      secretEnv,
      agentUrl,
      agentToken,
      running,
      ...(restartedAt !== undefined && { restartedAt }),
      configDigest: digestOf(files),
      files: fileDigests(files),
    });
    return { files, spec };
  },
  kubernetes({ agentUrl }, _tenant, { uid, runtime, storage, expose, agentToken }) {
    const { configDir, dataDir } = storage;
    const dirs = { ...(configDir !== undefined && { configDir }), ...(dataDir !== undefined && { dataDir }) };
    const boot = podBoot(runtime, clawInPod(runtime, dirs), { uid, agentUrl, agentToken, isExposed: expose });
    return { boot };
  },
};
