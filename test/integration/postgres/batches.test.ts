import { afterAll, beforeAll, describe, it } from "vitest";
import { InstanceSpecSchema, newId } from "../../../sdk/contract/index.ts";
import type { TenantTransaction } from "../../../service/application/ports/transactions.ts";
import { type ResolveDependencies, resolveInstances } from "../../../service/application/resolve-instance.ts";
import { anInstance } from "../../support/builders/instance.ts";
import { aConfigTemplate, storeTenant } from "../../support/builders/tenancy.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

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
  return { fleet, run };
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

describe("a batch of instances", () => {
  it("is resolved with as many queries as one instance", async ({ expect }) => {
    const deps = { types: { find: () => undefined, list: () => [] } } as unknown as ResolveDependencies;
    const queries = [];
    for (const size of [1, 25]) {
      const { fleet, run } = await aFleet(size);
      const { resolved, asked } = await run(async (tx) => {
        const counting = counted(tx);
        return { resolved: await resolveInstances(counting.tx, "acme", fleet, deps), asked: counting.asked() };
      });
      expect(resolved.map(({ instance }) => instance.name)).toEqual(fleet.map(({ name }) => name));
      queries.push(asked);
    }
    expect(queries).toEqual([3, 3]);
  });

  it("is found, asked for and settled at once, each instance by itself", async ({ expect }) => {
    const { fleet, run } = await aFleet(3);
    const [first, second, third] = fleet.map(({ id }) => id);
    const ids = [first, second].filter((id) => id !== undefined);
    await run((tx) => tx.instances.raiseGenerations(ids));
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
