import { describe, it } from "vitest";
import type { InstanceId } from "../../../../sdk/contract/index.ts";
import { noteChatSession } from "../../../../service/application/instances/chat-sessions.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

describe("the sessions in which one has talked to an instance", () => {
  it("are listed, the last used first, the newest 200 of each", async ({ expect }) => {
    const { metadata } = await claw.instances.create(anEcho("talker"));
    const tenantId = (await app.dependencies.transactions.platform((tx) => tx.tenants.get("acme"))).id;
    let now = Date.parse("2026-01-01T00:00:00Z");
    const note = (name: string, subject = "alice") => {
      now += 1000;
      const talk = { tenantId, instanceId: metadata.uid as InstanceId, subject, name };
      return noteChatSession(talk, { transactions: app.dependencies.transactions, clock: () => new Date(now) });
    };
    const listed = async (subject: string) => {
      const { items } = await app.as({ tenant: "acme", subject }).instances.chatSessions("talker");
      return items.map(({ name }) => name);
    };
    await note("shared:team", "bob");
    await note("notes");
    await note("plans");
    await note("notes");
    expect(await listed("alice")).toEqual(["notes", "plans", "shared:team"]);
    expect(await listed("bob")).toEqual(["shared:team"]);
    for (let index = 0; index < 199; index++) {
      await note(`other-${index}`);
    }
    const known = await listed("alice");
    expect(known).toHaveLength(201);
    expect(known.slice(-2)).toEqual(["notes", "shared:team"]);
    await claw.instances.delete("talker", { purgeData: true });
    await app.settle();
    await expect(claw.instances.chatSessions("talker")).rejects.toMatchObject({ code: "instance.not_found" });
    expect(await app.tablesWith("other-198")).toEqual([]);
  });
});
