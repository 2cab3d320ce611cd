import { describe, it } from "vitest";
import type { ErrorCode } from "../../../../sdk/contract/index.ts";
import { actionOf, resourceNamed } from "../../../../service/application/audit/action-of.ts";
import { Refusals } from "../../../../service/application/audit/refusals.ts";
import type { Refused } from "../../../../service/domain/audit/refused.ts";
import { Tallies } from "../../../../service/domain/tallies.ts";
import { anApplication } from "../../../support/application.ts";
import { aTenant } from "../../../support/builders/manifests.ts";
import { uniqueName } from "../../../support/builders/tenancy.ts";

const app = await anApplication();
const { transactions } = app.database;

/** A tenant, and what is refused in it, at a time that a test sets. */
async function refusing() {
  const name = uniqueName("acme");
  await app.admin().tenants.create(aTenant(name));
  const { id } = await transactions.platform((tx) => tx.tenants.get(name));
  let now = Date.parse("2026-01-31T12:00:00Z");
  const refusals = new Refusals({ transactions, clock: () => new Date(now), tallies: new Tallies() });
  const tenant = { id, name };
  const asked = (resource: string, over: Partial<Refused> = {}): Refused => ({
    actor: { subject: "mallory", from: { address: "203.0.113.7" } },
    tenant,
    action: "instance.stop",
    permission: "instances.operate",
    reason: "auth.forbidden" satisfies ErrorCode,
    resource: { kind: "ClawInstance", name: resource },
    ...over,
  });
  const records = async () => (await app.admin(name).audit.list({ result: "refused", limit: 500 })).items.toReversed();
  const pass = (minutes: number) => {
    now += minutes * 60_000;
  };
  return { tenant, refusals, asked, records, pass };
}

describe("what somebody is refused", () => {
  it("is on record at once, and how often again when five minutes are over", async ({ expect }) => {
    const { tenant, refusals, asked, records, pass } = await refusing();
    await refusals.note(asked("web"));
    expect(await records()).toMatchObject([
      {
        time: "2026-01-31T12:00:00.000Z",
        actor: "mallory",
        action: "instance.stop",
        resource: { kind: "ClawInstance", name: "web", tenant: tenant.name },
        result: "refused",
        reason: "auth.forbidden",
        from: { address: "203.0.113.7" },
        details: { permission: "instances.operate" },
      },
    ]);
    for (let again = 0; again < 1000; again++) {
      await refusals.note(asked("web"));
    }
    await refusals.tell();
    // What is told sooner is there, whatever becomes of the replica.
    const counts = async () => (await records()).map(({ count }) => count);
    expect(await counts()).toEqual([undefined, 10, 90, 900]);
    await refusals.note(asked("web"));
    pass(5);
    await refusals.tell();
    await refusals.tell();
    expect(await counts()).toEqual([undefined, 10, 90, 900, 1]);
    expect((await records()).at(-1)).toMatchObject({ details: { since: "2026-01-31T12:00:00.000Z" } });
    await refusals.note(asked("web"));
    expect(await counts()).toEqual([undefined, 10, 90, 900, 1, undefined]);
  });

  it("can't fill the log, whatever names are made up", async ({ expect }) => {
    const { refusals, asked, records, pass } = await refusing();
    for (let made = 0; made < 400; made++) {
      await refusals.note(asked(`name-${made}`));
      await refusals.note(asked(`name-${made}`, { action: "instance.start" }));
    }
    await refusals.note(asked("web", { actor: { subject: "bob" } }));
    pass(5);
    await refusals.tell();
    const all = await records();
    const ofMallory = all.filter(({ actor }) => actor === "mallory");
    expect(ofMallory.length).toBeLessThan(50);
    expect(ofMallory.filter(({ resource }) => resource === undefined).map(({ count = 1 }) => count)).toEqual([
      1, 1, 10, 10, 90, 90, 283, 283,
    ]);
    expect(all.filter(({ actor }) => actor === "bob")).toHaveLength(1);
  });

  it("leaves room for others, however many accounts one tenant makes", async ({ expect }) => {
    const { tenant, refusals, asked, records } = await refusing();
    for (let account = 0; account < 10; account++) {
      const actor = { subject: `serviceaccount:${tenant.name}/${account}`, tenantId: tenant.id };
      for (let action = 0; action < 128; action++) {
        await refusals.note(asked("web", { actor, action: `instance.action-${action}` }));
      }
    }
    const kept = async (actor: string) => (await app.admin(tenant.name).audit.list({ actor, limit: 500 })).items.length;
    expect([await kept(`serviceaccount:${tenant.name}/3`), await kept(`serviceaccount:${tenant.name}/4`)]).toEqual([128, 0]);
    await refusals.note(asked("web", { actor: { subject: "serviceaccount:other/a", tenantId: "ten_other" } }));
    await refusals.note(asked("web"));
    expect((await records()).slice(-2).map(({ actor }) => actor)).toEqual(["serviceaccount:other/a", "mallory"]);
  });

  it("is told at the end by a replica that stops", async ({ expect }) => {
    const { refusals, asked, records } = await refusing();
    await refusals.note(asked("web"));
    await refusals.note(asked("web"));
    await refusals.tell(true);
    expect((await records()).map(({ count }) => count)).toEqual([undefined, 1]);
  });
});

describe("a route", () => {
  it.for([
    ["instances.replace", "instance.update", "ClawInstance"],
    ["roleBindings.create", "role_binding.create", "RoleBinding"],
    ["policies.delete", "policy.delete", "Policy"],
    ["tenants.setQuota", "tenant.set-quota", "Tenant"],
    ["stacks.export", "stack.export", "Stack"],
    ["access.retireAdministrator", "access.retire-administrator", "Access"],
  ] as const)("is called as in records: %s", ([route, action, kind], { expect }) => {
    expect([actionOf(route), resourceNamed(route, "web")]).toEqual([action, { kind, name: "web" }]);
  });
});
