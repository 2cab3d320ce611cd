import { pino } from "pino";
import { describe, it, type TestContext } from "vitest";
import { sweepLeftovers } from "../../../service/application/clusters/sweep-leftovers.ts";
import type { FoundLeftover } from "../../../service/application/ports/clusters/leftovers.ts";
import { SHARED_TENANT } from "../../../service/domain/tenancy/tenant.ts";
import { anInstance } from "../../support/builders/instance.ts";
import { storeTenant } from "../../support/builders/tenancy.ts";
import { createTestDatabase } from "../../support/postgres.ts";

const GRACE_SECONDS = 60;
const lost = (name: string, more: Partial<FoundLeftover> = {}): FoundLeftover => ({
  kind: "Secret",
  name,
  namespace: "claw-acme",
  tenant: "acme",
  instance: "ins_lost",
  ...more,
});

async function aControlPlane({ onTestFinished }: TestContext) {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const { transactions, pool } = database;
  const shared = await storeTenant(transactions, { name: SHARED_TENANT });
  let now = Date.parse("2026-01-01T00:00:00Z");
  const ended: string[] = [];
  /** One look at a cluster where that is, by a replica of the control plane, so many seconds after the last. */
  const sweep = async (things: readonly FoundLeftover[], afterSeconds: number, cluster = "eu-1") => {
    now += afterSeconds * 1000;
    const marks: string[] = [];
    await sweepLeftovers(
      {
        cluster,
        async list(controlPlane) {
          marks.push(controlPlane);
          return things;
        },
        judge: async (unknown) => unknown,
        async end({ kind, name }) {
          ended.push(`${kind}/${name}`);
        },
      },
      { transactions, graceSeconds: GRACE_SECONDS, clock: () => new Date(now), log: pino({ level: "silent" }) },
    );
    return marks;
  };
  const known = async () => {
    const { items } = await transactions.platform((tx) => tx.leftovers.list({ limit: 50 }));
    return items.map(({ cluster, kind, name, since, keptFor }) => [cluster, `${kind}/${name}`, since.slice(11, 19), keptFor]);
  };
  const events = async () => {
    const { rows } = await pool.query<{ told: string }>(
      `select aggregate || '.' || event || ' ' || (data ->> 'name') as told from outbox where event in ('orphaned', 'swept', 'network-opened') order by sequence`,
    );
    return rows.map(({ told }) => told);
  };
  return { transactions, shared, sweep, known, events, ended };
}

describe("what nobody knows", () => {
  it("is told once, kept in mind over restarts, and ended when it is found after the grace still", async (test) => {
    const { sweep, known, events, ended, shared } = await aControlPlane(test);
    const { expect } = test;
    expect(await sweep([lost("a")], 0)).toEqual([shared.tenant.id]);
    await sweep([lost("a"), lost("b")], 30);
    expect(await known()).toEqual([
      ["eu-1", "Secret/a", "00:00:00", undefined],
      ["eu-1", "Secret/b", "00:00:30", undefined],
    ]);
    expect([await events(), ended]).toEqual([["instance.orphaned a", "instance.orphaned b"], []]);
    await sweep([lost("a"), lost("b")], 30);
    expect(ended).toEqual(["Secret/a"]);
    expect(await events()).toEqual(["instance.orphaned a", "instance.orphaned b", "instance.swept a"]);
    // What has gone by itself is nobody's business any more; of another place nothing is said.
    await sweep([lost("c")], 1, "eu-2");
    await sweep([], 1);
    expect(await known()).toEqual([["eu-2", "Secret/c", "00:01:01", undefined]]);
  });

  it("is never ended while it may hold data, and begins anew when a later instance left it", async (test) => {
    const { sweep, known, ended } = await aControlPlane(test);
    const things = [lost("a"), lost("data", { kind: "PersistentVolumeClaim", keptFor: "UserData" })];
    await sweep(things, 0);
    await sweep([lost("a", { instance: "ins_later" }), ...things.slice(1)], 61);
    test.expect(await known()).toEqual([
      ["eu-1", "PersistentVolumeClaim/data", "00:00:00", "UserData"],
      ["eu-1", "Secret/a", "00:01:01", undefined],
    ]);
    test.expect(ended).toEqual([]);
  });

  it("is told as an opened network where it is somebody else's policy, and left alone", async (test) => {
    const { sweep, known, events, ended } = await aControlPlane(test);
    const open = lost("open", { kind: "NetworkPolicy", instance: undefined, keptFor: "NotDeclared" });
    await sweep([open], 0);
    await sweep([open], 61);
    test.expect(await known()).toEqual([["eu-1", "NetworkPolicy/open", "00:00:00", "NotDeclared"]]);
    test.expect([await events(), ended]).toEqual([["tenant.network-opened open"], []]);
  });

  it("is nothing of an instance or a tenant that there is", async (test) => {
    const { sweep, known, events, transactions } = await aControlPlane(test);
    const { tenant, project, run } = await storeTenant(transactions, { name: "acme" });
    const instance = anInstance({ tenantId: tenant.id, projectId: project.id, name: "web" });
    await run((tx) => tx.instances.insert(instance));
    const namespace = { kind: "Namespace", namespace: undefined, instance: undefined };
    await sweep(
      [lost("web", { instance: instance.id }), lost("claw-acme", namespace), lost("claw-gone", { ...namespace, tenant: "gone" })],
      0,
    );
    test.expect(await known()).toMatchObject([["eu-1", "Namespace/claw-gone", "00:00:00", undefined]]);
    test.expect(await events()).toEqual(["tenant.orphaned claw-gone"]);
  });
});
