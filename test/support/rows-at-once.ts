import type { Pool, PoolClient } from "pg";

/** What PostgreSQL says at the end of a statement, rows that it answered among it. */
type Wire = { readonly connection: { on(event: "commandComplete", listener: (message: { text: string }) => void): void } };

/** Watches how many rows a single statement answers at most from here on. */
export function rowsAtOnce(pool: Pool): { readonly most: () => number } {
  let most = 0;
  const seen = new WeakSet<PoolClient>();
  pool.on("acquire", (client) => {
    if (!seen.has(client)) {
      seen.add(client);
      (client as unknown as Wire).connection.on("commandComplete", ({ text }) => {
        most = Math.max(most, Number(/^(?:SELECT|FETCH) (\d+)/.exec(text)?.[1] ?? 0));
      });
    }
  });
  return { most: () => most };
}
