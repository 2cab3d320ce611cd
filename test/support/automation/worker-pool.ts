import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOperationPool } from "../../../adapters/automation/operation-pool.ts";
import { createAdministration } from "../../../adapters/automation/stack-administration.ts";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import type { ResolvedInstance, StackExport } from "../../../sdk/contract/index.ts";
import type { StackOperation, StackResult, TenantStack } from "../../../service/application/ports/stacks/stack-operations.ts";
import { PROJECT_NAME, stackName } from "../../../stacks/tenant/program.ts";
import type { EngineDatabase } from "../engine/database.ts";

/** The service's own workers, without the service. */
export function openWorkers(database: EngineDatabase, toolsDir: string, env: Readonly<Record<string, string>> = {}) {
  const storeOf = (tenantId: string) => new PostgresStackStore(database.pool, tenantId);
  const pool = createOperationPool({
    entry: new URL("../../../service/roots/stack-worker.ts", import.meta.url),
    size: 1,
    env: {
      CLAW_DATABASE_URL: database.url,
      CLAW_ENGINE: "embedded",
      CLAW_STACK_KEY: Buffer.alloc(32, 7).toString("base64"),
      CLAW_TOOLS_DIR: toolsDir,
      ...env,
    },
    stackName,
    onLost: async ({ tenantId, stack }) => {
      await storeOf(tenantId).breakLease({ project: PROJECT_NAME, stack });
    },
  });
  const administration = createAdministration({ jobs: pool, storeOf, projectName: PROJECT_NAME, cancelGraceMs: 120_000 });
  const exportOf = async (stack: TenantStack, showSecrets: boolean) => {
    const file = join(mkdtempSync(join(tmpdir(), "claw-export-")), "state.json");
    await administration.exportState(stack, showSecrets, file);
    return JSON.parse(readFileSync(file, "utf8")) as StackExport;
  };
  return { pool, administration, storeOf, exportOf };
}

/** An operation on some of a tenant's instances; on all of the stack when no names are given. */
export function anOperation(
  tenantId: string,
  hostDir: string,
  instances: readonly ResolvedInstance[],
  names: readonly string[] | undefined = instances.map(({ name }) => name),
): StackOperation {
  const target = { runtime: "process" as const, rootDir: hostDir, agentUrl: "ws://127.0.0.1:9/agent/v1" };
  return {
    tenantId,
    spec: { tenant: "acme", target, instances: [...instances] },
    ...(names && { instances: names.map((name) => ({ name, project: "default" })) }),
  };
}

/** `name` → what is done with it, what stays as it is left out. */
export function opsOf({ changes }: StackResult): Record<string, string> {
  return Object.fromEntries(changes.filter(({ op }) => op !== "same").map(({ name, op }) => [name, op]));
}
