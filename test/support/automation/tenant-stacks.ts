import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll } from "vitest";
import type { TakenEvents } from "../../../adapters/automation/open-stack.ts";
import { runStackOperation } from "../../../adapters/automation/stack-runner.ts";
import type { OperationKind } from "../../../adapters/automation/worker-messages.ts";
import { EmbeddedCommand } from "../../../adapters/engine/command/embedded-command.ts";
import type { ResourceProvider } from "../../../adapters/engine/contract/provider.ts";
import type { JournalEntry, StackLease } from "../../../adapters/engine/contract/store.ts";
import { WarmProviderHost } from "../../../adapters/engine/plugins/provider-host.ts";
import { LocalKeyWrapper } from "../../../adapters/engine/secrets/envelope.ts";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import type { ResolvedInstance, ResourceChange, StackIdentity } from "../../../sdk/contract/index.ts";
import type { StackResult } from "../../../service/application/ports/stacks/stack-operations.ts";
import { instanceUrns, PROJECT_NAME, sharedUrns, stackName, tenantProgram } from "../../../stacks/tenant/program.ts";
import { createEngineDatabase, type EngineDatabase } from "../engine/database.ts";

/** What an operation did; `ops` are its changes without what it left alone, by the resource's name. */
export interface TenantResult extends StackResult {
  readonly ops: Readonly<Record<string, ResourceChange["op"]>>;
}
/** Runs an operation on a tenant's stack. @param targets instances that it may touch; those that are declared when absent */
export type OperateTenant = ((
  kind: Exclude<OperationKind, "scan">,
  instances: readonly ResolvedInstance[],
  targets?: readonly string[],
) => Promise<TenantResult>) & {
  /** Leaves the stack as a crash does that came before the creation of these resources was recorded. */
  forgetCreated(names: (name: string) => boolean): Promise<void>;
};

/** Tenants' stacks on the embedded engine, operated as the service's workers do. */
export function useTenantStacks(inProcess: Readonly<Record<string, () => ResourceProvider>>): (stack: StackIdentity) => OperateTenant {
  const providers = new WarmProviderHost({ inProcess });
  const workDir = mkdtempSync(join(tmpdir(), "claw-tenant-"));
  let database: EngineDatabase;
  beforeAll(async () => {
    database = await createEngineDatabase();
  });
  afterAll(async () => {
    await providers.close();
    await database.drop();
    rmSync(workDir, { recursive: true, force: true });
  });
  let tenants = 0;
  return (identity) => {
    const store = new PostgresStackStore(database.pool, `ten_${++tenants}`);
    const keyWrapper = new LocalKeyWrapper(Buffer.alloc(32, 7));
    const command = (lease?: StackLease, taken?: TakenEvents) =>
      new EmbeddedCommand({
        store,
        providers,
        holder: "test",
        keyWrapper,
        ...(lease && { lease }),
        ...(taken && { shown: taken }),
      }) as unknown as PulumiCommand;
    const operate = async (...[kind, instances, targets = instances.map(({ name }) => name)]: Parameters<OperateTenant>) => {
      const operation = {
        tenantId: `ten_${tenants}`,
        spec: { ...identity, instances: [...instances] },
        instances: targets.map((name) => ({ name, project: "default" })),
      };
      const result = await runStackOperation(kind, operation, {
        commandFor: async (_stack, taken) => command(undefined, taken),
        engineFor: async (_stack, _engine, lease) => command(lease),
        storeOf: () => store,
        holder: "test",
        idOf: (type, inputs) => inProcess[type.split(":", 1)[0] ?? ""]?.().idOf?.(type, inputs),
        log: () => {},
        projectName: PROJECT_NAME,
        program: tenantProgram,
        stackName,
        sharedUrns,
        instanceUrns,
        existing: async (_operation, stack, urns) => {
          const { resources } = (await stack.exportStack()).deployment as { resources?: { urn: string }[] };
          return urns.filter((urn) => resources?.some((resource) => resource.urn === urn));
        },
        workDir,
        env: () => ({}),
      });
      return { ...result, ops: Object.fromEntries(result.changes.filter(({ op }) => op !== "same").map(({ name, op }) => [name, op])) };
    };
    const forgetCreated: OperateTenant["forgetCreated"] = async (names) => {
      const ref = { project: PROJECT_NAME, stack: stackName(identity) };
      const lease = await store.acquireLease(ref, "crashed", 30);
      const { resources } = await store.loadResources(ref);
      const lost = resources.filter(({ state }) => state.custom && names(state.urn.split("::").at(-1) ?? ""));
      const entries = lost.flatMap(({ key, state: { id: _unknown, outputs: _none, ...resource } }): JournalEntry[] => [
        { kind: "remove", key },
        { kind: "begin", operationId: key, operation: { type: "creating", resource } },
      ]);
      await store.commit(lease, entries);
      await store.releaseLease(lease);
    };
    return Object.assign(operate, { forgetCreated });
  };
}
