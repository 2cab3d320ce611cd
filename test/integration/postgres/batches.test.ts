import { randomBytes } from "node:crypto";
import { pino } from "pino";
import { afterAll, beforeAll, describe, it } from "vitest";
import { createClawTypes } from "../../../adapters/claws/claw-types.ts";
import { SecretCipherAes } from "../../../adapters/identity/cipher.ts";
import { runtimeComponents } from "../../../components/claw-instance/runtimes.ts";
import { type InstanceId, InstanceSpecSchema, newId, type PlanId } from "../../../sdk/contract/index.ts";
import { createApplication } from "../../../service/application/application.ts";
import type { OuterDependencies } from "../../../service/application/dependencies.ts";
import { recordStates } from "../../../service/application/instances/report-status.ts";
import { type ResolveDependencies, resolveInstances } from "../../../service/application/instances/resolve-instance.ts";
import type { Runtime } from "../../../service/application/ports/runtimes/runtime.ts";
import type { StackOperations } from "../../../service/application/ports/stacks/stack-operations.ts";
import type { TenantTransaction } from "../../../service/application/ports/transactions.ts";
import { applyPlan, previewChanges } from "../../../service/application/resources/previews.ts";
import { createRuntimes, type RuntimesDependencies } from "../../../service/application/runtimes/runtimes.ts";
import { administrator, CONTROL_PLANE } from "../../../service/domain/access/actor.ts";
import { entryOf } from "../../../service/domain/audit/chain.ts";
import { handings } from "../../../service/roots/control-plane/handings.ts";
import { startUsageRecorder } from "../../../service/workers/usage-recorder.ts";
import { anInstance } from "../../support/builders/instance.ts";
import { aConfigTemplate, storeTenant } from "../../support/builders/tenancy.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { eventually } from "../../support/service.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** A tenant with `size` instances of one template. */
async function aFleet(size: number) {
  const { tenant, project, run } = await storeTenant(database.transactions);
  const spec = InstanceSpecSchema.parse({ type: "Echo", config: { template: "base" } });
  const fleet = Array.from({ length: size }, (_, index) =>
    anInstance({ id: newId("ins"), tenantId: tenant.id, projectId: project.id, name: `echo-${index}`, spec }),
  );
  await run(async (tx) => {
    await tx.templates.insert(aConfigTemplate({ tenantId: tenant.id, name: "base" }));
    for (const instance of fleet) {
      await tx.instances.insert(instance);
    }
  });
  return { fleet, tenant, run };
}

/** How many statements work sends to the database. */
async function statementsOf(work: () => Promise<unknown>): Promise<number> {
  const { dataSource } = database;
  const { logger } = dataSource;
  let count = 0;
  dataSource.logger = { ...logger, logQuery: () => void count++, logQueryError: () => {} } as typeof logger;
  try {
    await work();
    return count;
  } finally {
    dataSource.logger = logger;
  }
}

/** The transaction, with what is asked of its repositories counted. */
function counted(tx: TenantTransaction): { readonly tx: TenantTransaction; readonly asked: () => number } {
  let count = 0;
  const counting = <T extends object>(repository: T): T =>
    new Proxy(repository, {
      get: (target, key) => {
        const method = Reflect.get(target, key);
        return typeof method !== "function"
          ? method
          : (...args: unknown[]) => {
              count++;
              return method.apply(target, args);
            };
      },
    });
  return {
    tx: { ...tx, templates: counting(tx.templates), values: counting(tx.values), instances: counting(tx.instances) },
    asked: () => count,
  };
}

describe("a batch of samples", () => {
  it("is kept but for the one that can't be", async ({ expect }) => {
    const { fleet, run } = await aFleet(3);
    const time = new Date().toISOString();
    // Half a byte is nothing that the column takes.
    const samples = fleet.map(({ id: instance }, index) => ({ instance, cpu: 0.5, memoryBytes: index === 1 ? 0.5 : 1024, time }));
    const host = { usage: async () => samples.splice(0) } as unknown as Runtime;
    const recorder = startUsageRecorder({
      transactions: database.transactions,
      runtimes: { at: () => host },
      log: pino({ level: "silent" }),
    });
    recorder.wake();
    const read = () => run(async (tx) => (await tx.instances.list({ limit: 3 })).items.map(({ usage }) => usage?.memoryBytes));
    await eventually(read, (sizes) => sizes.filter((size) => size !== undefined).length === 2).finally(() => recorder.stop());
    expect(await read()).toEqual([1024, undefined, 1024]);
  });
});

describe("a batch of instances", () => {
  it("is resolved with as many queries as one instance", async ({ expect }) => {
    const deps = { types: { find: () => undefined, list: () => [] } } as unknown as ResolveDependencies;
    // What needs nothing beside its program is not asked for its cluster.
    const noClusters = {} as Parameters<typeof resolveInstances>[0];
    const queries = [];
    for (const size of [1, 25]) {
      const { fleet, run } = await aFleet(size);
      const { resolved, asked } = await run(async (tx) => {
        const counting = counted(tx);
        return { resolved: await resolveInstances(noClusters, counting.tx, "acme", fleet, deps), asked: counting.asked() };
      });
      expect(resolved.map(({ instance }) => instance.name)).toEqual(fleet.map(({ name }) => name));
      queries.push(asked);
    }
    expect(queries).toEqual([3, 3]);
  });

  it("is previewed, published to and settled with as many statements as half of them", async ({ expect }) => {
    const stacks = { preview: async () => ({ changes: [], failures: [] }) } as unknown as StackOperations;
    const { dependencies } = createApplication({
      transactions: database.transactions,
      stacks,
      clock: () => new Date(),
      cipher: new SecretCipherAes(randomBytes(32)),
      types: createClawTypes(),
      runtimes: createRuntimes({
        local: { runtime: "process", rootDir: "/nowhere", agentUrl: "ws://127.0.0.1:9/agent/v1" },
        components: runtimeComponents,
        handings,
      } as unknown as RuntimesDependencies),
    } as unknown as OuterDependencies);
    // The very first record of all begins the platform's log.
    const first = entryOf({ time: new Date().toISOString(), by: CONTROL_PLANE, action: "test.begin" });
    await database.transactions.platform(async (tx) => tx.audit.append(first));
    const statements = [];
    // More than the first portion of a list has: it takes one more for however many there are.
    for (const size of [26, 49]) {
      const { fleet, tenant, run } = await aFleet(size);
      const owner = { actor: { ...administrator("somebody"), platform: false }, tenant };
      const publish = { action: "publish" as const, name: "base", tenant: tenant.name };
      let planId: PlanId | undefined;
      statements.push([
        await statementsOf(async () => {
          const { summary, id } = await previewChanges(owner, [publish], dependencies);
          planId = id as PlanId;
          expect(summary.items.update + summary.items.same).toBe(size + 1);
        }),
        await statementsOf(() => applyPlan(owner, planId as PlanId, dependencies)),
        await statementsOf(() =>
          run((tx) =>
            recordStates(
              tx,
              fleet.map(({ id }) => id),
              ({ status }) => ({ ...status, phase: "Stopped" }),
              new Date().toISOString(),
            ),
          ),
        ),
      ]);
      const { items } = await run((tx) => tx.events.list(fleet[1]?.id as InstanceId, 5));
      expect(items.map(({ message }) => message)).toEqual([
        "Creating → Stopped (version 1 of config template 'base', by somebody)",
        "version 1 of config template 'base'",
      ]);
    }
    expect(statements[1]).toEqual(statements[0]);
  });

  it("is found, asked for and settled at once, each instance by itself", async ({ expect }) => {
    const { fleet, run } = await aFleet(3);
    const [first, second, third] = fleet.map(({ id }) => id);
    const ids = [first, second].filter((id) => id !== undefined);
    await run((tx) => tx.instances.requestReconcile(ids));
    const seen = await run((tx) =>
      tx.instances.updateStatuses([...ids, "ins_gone"], ({ status, generation, name }) => ({
        ...status,
        observedGeneration: generation,
        conditions: [{ type: "Ready", status: "False", reason: "Why", message: name, lastTransitionTime: status.lastTransitionTime }],
      })),
    );
    expect(seen.map(({ id }) => id).sort()).toEqual([...ids].sort());
    const found = await run((tx) => tx.instances.findAll(["echo-0", "echo-1", "echo-2", "echo-9"]));
    const stateOf = (id: string | undefined) => {
      const { generation, status } = found.find((instance) => instance.id === id) ?? {};
      return [generation, status?.observedGeneration, status?.conditions.map(({ message }) => message)];
    };
    const [before] = fleet;
    const next = (before?.generation ?? 0) + 1;
    expect(found).toHaveLength(3);
    expect(stateOf(first)).toEqual([next, next, ["echo-0"]]);
    expect(stateOf(second)).toEqual([next, next, ["echo-1"]]);
    expect(stateOf(third)).toEqual([before?.generation, before?.status.observedGeneration, []]);
  });
});
