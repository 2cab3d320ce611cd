import { extname, join } from "node:path";
import type { Logger } from "pino";
import { findCli } from "../../../adapters/automation/cli-command.ts";
import { declaredResources } from "../../../adapters/automation/declared-resources.ts";
import { createOperationPool } from "../../../adapters/automation/operation-pool.ts";
import { createAdministration } from "../../../adapters/automation/stack-administration.ts";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import { PROJECT_NAME, stackName } from "../../../components/claw-instance/urns.ts";
import { stackNameOf } from "../../../sdk/contract/index.ts";
import type { DriftDependencies } from "../../application/drift/record-drift.ts";
import { stackKey } from "../../application/secrets/stack-key.ts";
import type { Environment } from "../../config/environment.ts";
import type { Closers } from "./closers.ts";
import type { openStores } from "./stores.ts";

/** What runs stacks, in processes of their own, and what is known of stacks without one. */
export async function openEngine(env: Environment, stores: Awaited<ReturnType<typeof openStores>>, log: Logger, closers: Closers) {
  const toolsDir = join(env.dataDir, "tools");
  if (env.engine === "cli") {
    // Here and not in a worker: who starts the service sees what is done, or what is missing.
    await findCli({ installDir: toolsDir, onProgress: (message) => log.info(message) });
  }
  const storeOf = (tenantId: string) => new PostgresStackStore(stores.pool, tenantId);
  const stacks = createOperationPool({
    entry: new URL(`../stack-worker${extname(import.meta.url)}`, import.meta.url),
    size: env.workers,
    env: {
      CLAW_DATABASE_URL: stores.workerUrl,
      CLAW_ENGINE: env.engine,
      CLAW_STACK_KEY: stackKey(stores.cipher),
      CLAW_TOOLS_DIR: toolsDir,
    },
    cacheDir: join(env.dataDir, "worker-cache"),
    // Else the stack stays locked until the dead process's lease runs out.
    onLost: async ({ tenantId, stack }) => {
      await storeOf(tenantId).breakLease({ project: PROJECT_NAME, stack });
    },
    stackName,
  });
  closers.push(stacks.close);
  const administration = createAdministration({ jobs: stacks, storeOf, projectName: PROJECT_NAME });
  const declared: DriftDependencies["declared"] = (tenantId, tenant, cluster) =>
    declaredResources(storeOf(tenantId), PROJECT_NAME, stackNameOf(tenant, cluster));
  return { stacks, administration, declared };
}
