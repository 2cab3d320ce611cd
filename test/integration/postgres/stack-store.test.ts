import { afterAll, beforeAll, describe, it } from "vitest";
import { LeaseLostError, StackMissingError } from "../../../adapters/engine/contract/store.ts";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import { createEngineDatabase, type EngineDatabase } from "../../support/engine/database.ts";
import { aStackIn, itKeepsStacks, put } from "../../support/engine/stack-store-contract.ts";

let database: EngineDatabase;
beforeAll(async () => {
  database = await createEngineDatabase();
});
afterAll(() => database.drop());

function aStore(tenantId = "ten_a"): PostgresStackStore {
  return new PostgresStackStore(database.pool, tenantId);
}

describe("PostgresStackStore", () => {
  itKeepsStacks(aStore);

  it("hides another tenant's stacks", async ({ expect }) => {
    const { store, ref, lease } = await aStackIn(aStore());
    await store.commit(lease, [put("a", 1)]);
    const other = aStore("ten_b");
    expect(await other.findStack(ref)).toBeUndefined();
    expect(await other.listStacks()).toEqual([]);
    await expect(other.loadResources(ref)).rejects.toBeInstanceOf(StackMissingError);
    await expect(other.acquireLease(ref, "thief", 30)).rejects.toBeInstanceOf(StackMissingError);
    await expect(other.commit(lease, [put("b", 2)])).rejects.toBeInstanceOf(LeaseLostError);
    await other.createStack(ref);
    expect((await other.loadResources(ref)).resources).toEqual([]);
  });
});
