import { afterAll, beforeAll } from "vitest";
import type { StackStore } from "../../../adapters/engine/contract/store.ts";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import type { EngineDatabase } from "./database.ts";
import { createEngineDatabase } from "./database.ts";
import { InlineStack } from "./inline-stack.ts";

/** A database for the tests of one file. `aStack` makes a stack in it; `store` gives the store beneath, or one around it. */
export function useStacks(): {
  aStack: (options?: Parameters<typeof InlineStack.create>[1] & { store?: StackStore }) => Promise<InlineStack>;
  store: () => PostgresStackStore;
} {
  let database: EngineDatabase;
  const open: InlineStack[] = [];
  let counter = 0;
  beforeAll(async () => {
    database = await createEngineDatabase();
  });
  afterAll(async () => {
    await Promise.all(open.map((stack) => stack.close()));
    await database.drop();
  });
  const store = () => new PostgresStackStore(database.pool, "tenant-a");
  return {
    store,
    aStack: async (options = {}) => {
      const stack = await InlineStack.create(options.store ?? store(), { name: `dev${++counter}`, ...options });
      open.push(stack);
      return stack;
    },
  };
}
