import { describe, it } from "vitest";
import { newId } from "../../../sdk/contract/index.ts";
import { anInstance } from "../../support/builders/instance.ts";
import { storeTenant } from "../../support/builders/tenancy.ts";
import { createTestDatabase } from "../../support/postgres.ts";

describe("the refresh of a stack", () => {
  it("is claimed by one replica a period, and comes somewhere in the first one", async ({ expect, onTestFinished }) => {
    const database = await createTestDatabase();
    onTestFinished(() => database.drop());
    const { transactions, pool } = database;
    const { tenant, project, run } = await storeTenant(transactions);
    for (let index = 0; index < 3; index++) {
      const id = newId("ins");
      const cluster = index === 0 ? "local" : "eu-1";
      await run((tx) => tx.instances.insert(anInstance({ id, name: `i${index}`, tenantId: tenant.id, projectId: project.id, cluster })));
    }
    const claims = async (count: number) => {
      const claimed = await Promise.all(Array.from({ length: count }, () => transactions.platform((tx) => tx.work.claimRefresh(3600))));
      return claimed.flatMap((stack) => (stack ? [`${stack.tenant.name}/${stack.cluster}`] : [])).sort();
    };
    expect(await claims(4)).toEqual([]);
    const { rows } = await pool.query("select due_at > now() and due_at <= now() + interval '1 hour' as spread from stack_refreshes");
    expect(rows).toEqual([{ spread: true }, { spread: true }]);
    await pool.query("update stack_refreshes set due_at = now() - interval '1 second'");
    // The second round is for those that found the only one left taken by another.
    expect([...(await claims(4)), ...(await claims(4))].sort()).toEqual([`${tenant.name}/eu-1`, `${tenant.name}/local`]);
    expect(await claims(4)).toEqual([]);
  });
});
