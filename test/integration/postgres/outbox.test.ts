import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, it } from "vitest";
import { newId } from "../../../sdk/contract/index.ts";
import { storeTenant } from "../../support/builders/tenancy.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const anEvent = (name: string) =>
  ({ id: newId("evt"), event: "instance.destroyed", time: new Date().toISOString(), data: { uid: "ins_1", name } }) as const;

describe("outbox", () => {
  it("gives concurrent relays every event exactly once and each tenant's in commit order", async ({ expect }) => {
    const tenants = [await storeTenant(database.transactions), await storeTenant(database.transactions)];
    const committed = new Map<string, number>();
    let writing = true;
    const write = async ({ tenant, run }: (typeof tenants)[number]) => {
      for (let index = 0; index < 40; index++) {
        // The number is taken under the tenant's lock: numbers rise in commit order.
        await run(async (tx) => {
          await tx.publish({ ...anEvent(""), id: `${tenant.id}-early-${newId("x")}` });
          await tx.tenants.lock(tenant.id);
          const number = (committed.get(tenant.id) ?? 0) + 1;
          committed.set(tenant.id, number);
          await tx.publish(anEvent(String(number)));
        });
      }
    };
    const published: { tenantId: string; name: string }[] = [];
    const relay = async () => {
      for (let empty = 0; writing || empty < 3; ) {
        const count = await database.transactions.platform(async (tx) => {
          const events = await tx.outbox.claim(7);
          await delay(Math.random() * 5);
          await tx.outbox.markPublished(events.map(({ sequence }) => sequence));
          // What a bus would have taken; the transaction may still fail, but here it does not.
          published.push(...events.map(({ message: { tenantId, data } }) => ({ tenantId, name: "name" in data ? data.name : "" })));
          return events.length;
        });
        empty = count === 0 ? empty + 1 : 0;
        await delay(2);
      }
    };
    const relays = [relay(), relay(), relay()];
    await Promise.all(tenants.flatMap((tenant) => [write(tenant), write(tenant)]));
    writing = false;
    await Promise.all(relays);
    for (const { tenant } of tenants) {
      const mine = published.filter(({ tenantId }) => tenantId === tenant.id);
      expect(mine).toHaveLength(160);
      const numbers = mine.flatMap(({ name }) => (name === "" ? [] : [Number(name)]));
      expect(numbers).toEqual(Array.from({ length: 80 }, (_, index) => index + 1));
    }
  });

  it("keeps events whose publication failed", async ({ expect }) => {
    const { run } = await storeTenant(database.transactions);
    const event = anEvent("\u0000 ünï");
    await run((tx) => tx.publish(event));
    const failed = database.transactions.platform(async (tx) => {
      const events = await tx.outbox.claim(10);
      await tx.outbox.markPublished(events.map(({ sequence }) => sequence));
      throw new Error("the bus is away");
    });
    await expect(failed).rejects.toThrow("the bus is away");
    const kept = await database.transactions.platform((tx) => tx.outbox.claim(10));
    const { event: _, ...rest } = event;
    expect(kept).toMatchObject([{ message: { ...rest, aggregate: "instance", event: "destroyed" } }]);
  });
});
